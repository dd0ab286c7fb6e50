//! 2-D convolution.

use serde::{Deserialize, Serialize};

use super::window::{Window, need_count, need_map};
use super::{Parameter, Role, Spec};
use crate::error::{ShapeError, ShapeErrorKind};
use crate::shape::{Pair, Shape};

/// 2-D convolution (in fact cross-correlation) with zero padding, as PyTorch's `nn.Conv2d`.
///
/// Input C×H×W with C = `in_channels`; output `out_channels` × Hₒ × Wₒ with Hₒ = floor((H + 2·padding − kernel) / stride) + 1.
/// Parameters: `weight` (out×in×kH×kW) and, with `bias`, `bias` (out): out · (in·kH·kW + 1) in all.
///
/// ```
/// use ocelli_nn::{Conv2d, Layer, Shape};
///
/// let layer = Layer::from(Conv2d::new(3, 16, 5).padding(2));
/// assert_eq!(layer.output_shape(&[Shape::map(3, 32, 32)])?, Shape::map(16, 32, 32));
/// # Ok::<(), ocelli_nn::ShapeError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Conv2d {
    /// Channels of the input.
    pub in_channels: usize,
    /// Channels of the output: the number of filters.
    pub out_channels: usize,
    /// Height and width of a filter.
    pub kernel_size: Pair,
    /// How far the filter moves; default 1.
    #[serde(default = "one")]
    pub stride: Pair,
    /// Zeros added on each side; default 0.
    #[serde(default = "zero")]
    pub padding: Pair,
    /// Whether a bias is added to each output channel; default true.
    #[serde(default = "yes")]
    pub bias: bool,
}

fn one() -> Pair {
    Pair::square(1)
}

fn zero() -> Pair {
    Pair::square(0)
}

fn yes() -> bool {
    true
}

impl Conv2d {
    /// Stride 1, no padding, with bias.
    pub fn new(in_channels: usize, out_channels: usize, kernel_size: impl Into<Pair>) -> Self {
        Self {
            in_channels,
            out_channels,
            kernel_size: kernel_size.into(),
            stride: one(),
            padding: zero(),
            bias: true,
        }
    }

    /// How far the filter moves.
    #[must_use]
    pub fn stride(mut self, stride: impl Into<Pair>) -> Self {
        self.stride = stride.into();
        self
    }

    /// Zeros added on each side.
    #[must_use]
    pub fn padding(mut self, padding: impl Into<Pair>) -> Self {
        self.padding = padding.into();
        self
    }

    /// Whether a bias is added to each output channel.
    #[must_use]
    pub fn bias(mut self, bias: bool) -> Self {
        self.bias = bias;
        self
    }

    fn sliding(&self) -> Window {
        Window { kernel: self.kernel_size, stride: self.stride, padding: self.padding }
    }
}

impl Spec for Conv2d {
    fn type_name(&self) -> &'static str {
        "Conv2d"
    }

    fn output_shape(&self, inputs: &[Shape]) -> Result<Shape, ShapeError> {
        if self.in_channels == 0 || self.out_channels == 0 {
            let got = format!("in_channels = {}, out_channels = {}", self.in_channels, self.out_channels);
            return Err(ShapeError::new(ShapeErrorKind::Option, got, "at least 1 of each", "change them"));
        }
        let (channels, size) = need_map(inputs[0])?;
        need_count("input channels", "in_channels", channels, self.in_channels)?;
        let Pair { height, width } = self.sliding().output_size(size)?;
        Ok(Shape::map(self.out_channels, height, width))
    }

    fn parameters(&self) -> Vec<Parameter> {
        let Pair { height, width } = self.kernel_size;
        let mut parameters = vec![(vec![self.out_channels, self.in_channels, height, width], Role::Weight)];
        if self.bias {
            parameters.push((vec![self.out_channels], Role::Bias));
        }
        parameters
    }

    fn multiply_adds(&self, output: Shape) -> u64 {
        let per_value = self.in_channels.saturating_mul(self.kernel_size.area());
        (output.elements() as u64).saturating_mul(per_value as u64)
    }

    fn window(&self, _input: Shape) -> Window {
        self.sliding()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Layer;

    fn output(conv: Conv2d, side: usize) -> Result<Shape, ShapeError> {
        Layer::from(conv).output_shape(&[Shape::map(conv.in_channels, side, side)])
    }

    #[test]
    fn known_sizes() {
        assert_eq!(output(Conv2d::new(1, 1, 3), 6), Ok(Shape::map(1, 4, 4)));
        assert_eq!(output(Conv2d::new(1, 1, 3).padding(1), 6), Ok(Shape::map(1, 6, 6)));
        assert_eq!(output(Conv2d::new(1, 1, 8).padding(3).stride(2), 32), Ok(Shape::map(1, 16, 16)));
        assert_eq!(output(Conv2d::new(2, 5, (1, 3)).stride((2, 1)), 5), Ok(Shape::map(5, 3, 3)));
    }

    #[test]
    fn known_parameters_and_cost() {
        let layer = Layer::from(Conv2d::new(3, 16, 5));
        let count: usize =
            layer.parameters().iter().map(|(_, shape, _)| shape.iter().product::<usize>()).sum();
        assert_eq!(count, 1_216);
        assert_eq!(layer.multiply_adds(&[Shape::map(3, 8, 8)]), 16 * 4 * 4 * 3 * 5 * 5);
    }

    #[test]
    fn errors_say_which_dimension_and_what_would_do() {
        let layer = Layer::from(Conv2d::new(3, 16, (3, 7)).padding(1));
        let error = |shape| layer.output_shape(&[shape]).unwrap_err().to_string();
        assert_eq!(
            error(Shape::map(3, 4, 4)),
            "got width 4 + 2×1 padding = 6, needs at least the kernel's width, 7: \
             lower kernel_size, raise padding, or give larger images"
        );
        assert_eq!(
            error(Shape::map(1, 9, 9)),
            "got 1 input channels, needs 3: set in_channels to 1, or change the layer before"
        );
        assert!(error(Shape::features(9)).contains("before Flatten"));
    }

    #[test]
    fn hostile_options_are_errors() {
        let huge = usize::MAX;
        for conv in [
            Conv2d::new(3, 16, 0),
            Conv2d::new(3, 16, huge),
            Conv2d::new(3, 16, 3).stride(0),
            Conv2d::new(3, 16, 3).stride(huge),
            Conv2d::new(3, 16, 3).padding(huge),
            Conv2d::new(3, 16, 3).padding(65_536),
            Conv2d::new(3, huge, 3),
            Conv2d::new(huge, huge, 65_535),
            Conv2d::new(3, 0, 3),
            Conv2d::new(0, 3, 3),
        ] {
            assert!(output(conv, 8).is_err(), "{conv:?}");
        }
        assert!(output(Conv2d::new(1, 1, 1), huge).is_err());
    }
}
