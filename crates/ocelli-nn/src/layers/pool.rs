//! Pooling over windows of a map.

use serde::{Deserialize, Serialize};

use super::Spec;
use super::window::{Window, check_extent, need_map};
use crate::error::ShapeError;
use crate::shape::{Pair, Shape};

/// The largest value of each window, channel by channel, as PyTorch's `nn.MaxPool2d`. Padding counts as −∞.
///
/// Output size floor((size + 2·padding − kernel) / stride) + 1. Of equal values the first, row by row, is taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(from = "MaxPool2dFile")]
pub struct MaxPool2d {
    /// Height and width of the window.
    pub kernel_size: Pair,
    /// How far the window moves; default `kernel_size`.
    pub stride: Pair,
    /// Added on each side, at most half of `kernel_size`; default 0.
    pub padding: Pair,
}

/// How a [`MaxPool2d`] is written in a file: options may be left out.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MaxPool2dFile {
    kernel_size: Pair,
    stride: Option<Pair>,
    padding: Option<Pair>,
}

impl From<MaxPool2dFile> for MaxPool2d {
    fn from(file: MaxPool2dFile) -> Self {
        Self {
            kernel_size: file.kernel_size,
            stride: file.stride.unwrap_or(file.kernel_size),
            padding: file.padding.unwrap_or(Pair::square(0)),
        }
    }
}

impl MaxPool2d {
    /// Windows side by side, without padding.
    pub fn new(kernel_size: impl Into<Pair>) -> Self {
        let kernel_size = kernel_size.into();
        Self { kernel_size, stride: kernel_size, padding: Pair::square(0) }
    }

    /// How far the window moves.
    #[must_use]
    pub fn stride(mut self, stride: impl Into<Pair>) -> Self {
        self.stride = stride.into();
        self
    }

    /// Added on each side, at most half of `kernel_size`.
    #[must_use]
    pub fn padding(mut self, padding: impl Into<Pair>) -> Self {
        self.padding = padding.into();
        self
    }
}

impl<P: Into<Pair>> From<P> for MaxPool2d {
    fn from(kernel_size: P) -> Self {
        Self::new(kernel_size)
    }
}

impl Spec for MaxPool2d {
    fn type_name(&self) -> &'static str {
        "MaxPool2d"
    }

    fn output_shape(&self, inputs: &[Shape]) -> Result<Shape, ShapeError> {
        pooled(self.window(inputs[0]), inputs[0])
    }

    fn window(&self, _input: Shape) -> Window {
        Window { kernel: self.kernel_size, stride: self.stride, padding: self.padding }
    }
}

/// The mean of each window, channel by channel, as PyTorch's `nn.AvgPool2d`. Padding counts as 0.
///
/// Output size floor((size + 2·padding − kernel) / stride) + 1.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(from = "AvgPool2dFile")]
pub struct AvgPool2d {
    /// Height and width of the window.
    pub kernel_size: Pair,
    /// How far the window moves; default `kernel_size`.
    pub stride: Pair,
    /// Added on each side, at most half of `kernel_size`; default 0.
    pub padding: Pair,
    /// Whether the mean divides by the whole window, padding too (true, the default), or by the values in the map alone.
    pub count_include_pad: bool,
}

/// How an [`AvgPool2d`] is written in a file: options may be left out.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AvgPool2dFile {
    kernel_size: Pair,
    stride: Option<Pair>,
    padding: Option<Pair>,
    count_include_pad: Option<bool>,
}

impl From<AvgPool2dFile> for AvgPool2d {
    fn from(file: AvgPool2dFile) -> Self {
        Self {
            kernel_size: file.kernel_size,
            stride: file.stride.unwrap_or(file.kernel_size),
            padding: file.padding.unwrap_or(Pair::square(0)),
            count_include_pad: file.count_include_pad.unwrap_or(true),
        }
    }
}

impl AvgPool2d {
    /// Windows side by side, without padding.
    pub fn new(kernel_size: impl Into<Pair>) -> Self {
        let kernel_size = kernel_size.into();
        Self { kernel_size, stride: kernel_size, padding: Pair::square(0), count_include_pad: true }
    }

    /// How far the window moves.
    #[must_use]
    pub fn stride(mut self, stride: impl Into<Pair>) -> Self {
        self.stride = stride.into();
        self
    }

    /// Added on each side, at most half of `kernel_size`.
    #[must_use]
    pub fn padding(mut self, padding: impl Into<Pair>) -> Self {
        self.padding = padding.into();
        self
    }

    /// Whether the mean divides by the whole window or by the values in the map alone.
    #[must_use]
    pub fn count_include_pad(mut self, count_include_pad: bool) -> Self {
        self.count_include_pad = count_include_pad;
        self
    }
}

impl<P: Into<Pair>> From<P> for AvgPool2d {
    fn from(kernel_size: P) -> Self {
        Self::new(kernel_size)
    }
}

impl Spec for AvgPool2d {
    fn type_name(&self) -> &'static str {
        "AvgPool2d"
    }

    fn output_shape(&self, inputs: &[Shape]) -> Result<Shape, ShapeError> {
        pooled(self.window(inputs[0]), inputs[0])
    }

    fn window(&self, _input: Shape) -> Window {
        Window { kernel: self.kernel_size, stride: self.stride, padding: self.padding }
    }
}

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
        check_extent("output_size", self.output_size, 1)?;
        let (channels, _) = need_map(inputs[0])?;
        Ok(Shape::map(channels, self.output_size.height, self.output_size.width))
    }

    /// The widest of its windows, and the mean distance between them rounded down.
    fn window(&self, input: Shape) -> Window {
        let Some(size) = input.size() else { return Window::POINT };
        let output = self.output_size;
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

fn pooled(window: Window, input: Shape) -> Result<Shape, ShapeError> {
    window.check()?;
    let (kernel, padding) = (window.kernel, window.padding);
    if padding.height > kernel.height / 2 || padding.width > kernel.width / 2 {
        return Err(ShapeError::option(
            "padding",
            padding,
            &format!("at most half of kernel_size = {kernel}"),
        ));
    }
    let (channels, size) = need_map(input)?;
    let Pair { height, width } = window.output_size(size)?;
    Ok(Shape::map(channels, height, width))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Layer;

    fn output(layer: Layer, height: usize, width: usize) -> Result<Shape, ShapeError> {
        layer.output_shape(&[Shape::map(3, height, width)])
    }

    #[test]
    fn known_sizes() {
        assert_eq!(output(Layer::MaxPool2d(2.into()), 7, 8), Ok(Shape::map(3, 3, 4)));
        assert_eq!(
            output(Layer::MaxPool2d(MaxPool2d::new(3).stride(2).padding(1)), 112, 7),
            Ok(Shape::map(3, 56, 4))
        );
        assert_eq!(output(Layer::AvgPool2d(AvgPool2d::new((1, 2)).stride(1)), 5, 5), Ok(Shape::map(3, 5, 4)));
        assert_eq!(output(Layer::AdaptiveAvgPool2d(1.into()), 7, 9), Ok(Shape::map(3, 1, 1)));
        assert_eq!(output(Layer::AdaptiveAvgPool2d((3, 20).into()), 7, 9), Ok(Shape::map(3, 3, 20)));
    }

    #[test]
    fn padding_is_at_most_half_the_kernel() {
        let error = output(Layer::MaxPool2d(MaxPool2d::new(3).padding(2)), 8, 8).unwrap_err().to_string();
        assert_eq!(error, "got padding = 2, needs at most half of kernel_size = 3: change padding");
    }

    #[test]
    fn the_map_holds_a_window() {
        let error = output(Layer::AvgPool2d(2.into()), 1, 8).unwrap_err().to_string();
        assert!(error.starts_with("got height 1, needs at least the kernel's height, 2"), "{error}");
    }

    #[test]
    fn hostile_options_are_errors() {
        for layer in [
            Layer::MaxPool2d(0.into()),
            Layer::MaxPool2d(MaxPool2d::new(2).stride(0)),
            Layer::AvgPool2d(AvgPool2d::new(2).padding(usize::MAX)),
            Layer::AdaptiveAvgPool2d(0.into()),
            Layer::AdaptiveAvgPool2d(usize::MAX.into()),
        ] {
            assert!(output(layer, 8, 8).is_err(), "{layer:?}");
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
