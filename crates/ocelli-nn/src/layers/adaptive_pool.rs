//! Pooling to a given size.

use serde::{Deserialize, Serialize};

use super::Spec;
use super::window::{Window, check_extent, need_map};
use crate::error::ShapeError;
use crate::shape::{Pair, Shape};

/// The mean of windows chosen so that the output has a given size, as PyTorch's `nn.AdaptiveAvgPool2d`.
///
/// Output row i of n is the mean of input rows floor(i·H/n) to ceil((i+1)·H/n), the last not included; columns the same.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AdaptiveAvgPool2d {
    /// Height and width of the output.
    pub output_size: Pair,
}

impl AdaptiveAvgPool2d {
    /// A given height and width of the output.
    pub fn new(output_size: impl Into<Pair>) -> Self {
        Self { output_size: output_size.into() }
    }
}

impl<P: Into<Pair>> From<P> for AdaptiveAvgPool2d {
    fn from(output_size: P) -> Self {
        Self::new(output_size)
    }
}

impl Spec for AdaptiveAvgPool2d {
    fn type_name(&self) -> &'static str {
        "AdaptiveAvgPool2d"
    }

    fn output_shape(&self, inputs: &[Shape]) -> Result<Shape, ShapeError> {
        resized(inputs[0], self.output_size)
    }

    fn window(&self, input: Shape) -> Window {
        widest_window(input, self.output_size)
    }
}

/// The largest value of windows chosen so that the output has a given size, as PyTorch's `nn.AdaptiveMaxPool2d`.
///
/// Output row i of n is the maximum of input rows floor(i·H/n) to ceil((i+1)·H/n), the last not included; columns the same. Of equal values the first,
/// row by row, is taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AdaptiveMaxPool2d {
    /// Height and width of the output.
    pub output_size: Pair,
}

impl AdaptiveMaxPool2d {
    /// A given height and width of the output.
    pub fn new(output_size: impl Into<Pair>) -> Self {
        Self { output_size: output_size.into() }
    }
}

impl<P: Into<Pair>> From<P> for AdaptiveMaxPool2d {
    fn from(output_size: P) -> Self {
        Self::new(output_size)
    }
}

impl Spec for AdaptiveMaxPool2d {
    fn type_name(&self) -> &'static str {
        "AdaptiveMaxPool2d"
    }

    fn output_shape(&self, inputs: &[Shape]) -> Result<Shape, ShapeError> {
        resized(inputs[0], self.output_size)
    }

    fn window(&self, input: Shape) -> Window {
        widest_window(input, self.output_size)
    }
}

fn resized(input: Shape, output_size: Pair) -> Result<Shape, ShapeError> {
    check_extent("output_size", output_size, 1)?;
    let (channels, _) = need_map(input)?;
    Ok(Shape::map(channels, output_size.height, output_size.width))
}

/// The widest of the windows, and the mean distance between them rounded down.
fn widest_window(input: Shape, output: Pair) -> Window {
    let Some(size) = input.size() else { return Window::POINT };
    Window {
        kernel: Pair {
            height: widest(size.height, output.height.max(1)),
            width: widest(size.width, output.width.max(1)),
        },
        stride: Pair {
            height: (size.height / output.height.max(1)).max(1),
            width: (size.width / output.width.max(1)).max(1),
        },
        padding: Pair::square(0),
    }
}

/// The most input rows that one of `output` windows over `size` rows has.
fn widest(size: usize, output: usize) -> usize {
    // A window is size/output rows long; where that is no whole number it touches part of one row more, or of two
    // unless its ends fall on whole rows by turns.
    let partial = match size % output {
        0 => 0,
        rest if output.is_multiple_of(rest) => 1,
        _ => 2,
    };
    size / output + partial
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Layer;

    #[test]
    fn outputs_have_the_size_asked_for() {
        let kinds: [fn(Pair) -> Layer; 2] =
            [|size| Layer::AdaptiveAvgPool2d(size.into()), |size| Layer::AdaptiveMaxPool2d(size.into())];
        for layer in kinds {
            let output = |size: Pair| layer(size).output_shape(&[Shape::map(3, 7, 9)]);
            assert_eq!(output(1.into()), Ok(Shape::map(3, 1, 1)));
            assert_eq!(output((3, 20).into()), Ok(Shape::map(3, 3, 20)));
            assert!(output(0.into()).is_err() && output(usize::MAX.into()).is_err());
            assert!(layer(1.into()).output_shape(&[Shape::features(3)]).is_err());
        }
    }

    #[test]
    fn the_widest_adaptive_window_is_the_widest() {
        for (size, output) in (1..30).flat_map(|size| (1..30).map(move |output| (size, output))) {
            let rows = |i: usize| ((i + 1) * size).div_ceil(output) - i * size / output;
            assert_eq!(Some(widest(size, output)), (0..output).map(rows).max(), "{size} to {output}");
        }
    }

    #[test]
    fn adaptive_windows_are_pytorchs() {
        let window = |size, out| AdaptiveAvgPool2d::new(out).window(Shape::map(1, size, size));
        assert_eq!(window(7, 1).kernel, Pair::square(7));
        assert_eq!(window(7, 3).kernel, Pair::square(3));
        assert_eq!(window(8, 4), Window { kernel: 2.into(), stride: 2.into(), padding: 0.into() });
        assert_eq!(window(2, 4).kernel, Pair::square(1));
    }
}
