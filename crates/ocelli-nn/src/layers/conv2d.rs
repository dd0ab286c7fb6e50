//! 2-D convolution.

use serde::{Deserialize, Serialize};

use super::padding::{Margins, Padding, PaddingMode, Sides};
use super::window::{Window, check_extent, need_count, need_map};
use super::{Parameter, Role, Spec};
use crate::error::{ShapeError, ShapeErrorKind};
use crate::shape::{Pair, Shape};

/// 2-D convolution (in fact cross-correlation), as PyTorch's `nn.Conv2d`.
///
/// Input C×H×W with C = `in_channels`; output `out_channels` × Hₒ × Wₒ with
/// Hₒ = floor((H + 2·padding − dilation·(kernel − 1) − 1) / stride) + 1.
/// Parameters: `weight` (out×in/groups×kH×kW) and, with `bias`, `bias` (out): out · (in/groups·kH·kW + 1) in all.
///
/// With as many groups as channels in and out the convolution is depthwise.
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
    /// What is added on each side: a number, one each for height and width, one for each side, `same` or `valid`; default 0.
    #[serde(default = "zero")]
    pub padding: Padding,
    /// What is added there; default zeros.
    #[serde(default)]
    pub padding_mode: PaddingMode,
    /// How far apart the filter's taps are; default 1: side by side.
    #[serde(default = "one")]
    pub dilation: Pair,
    /// Groups of channels, in which outputs see only the inputs of their group; default 1.
    #[serde(default = "one_group")]
    pub groups: usize,
    /// Whether a bias is added to each output channel; default true.
    #[serde(default = "yes")]
    pub bias: bool,
}

fn one() -> Pair {
    Pair::square(1)
}

fn zero() -> Padding {
    Padding::Each(Pair::square(0))
}

fn one_group() -> usize {
    1
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
            padding_mode: PaddingMode::Zeros,
            dilation: one(),
            groups: 1,
            bias: true,
        }
    }

    /// How far the filter moves.
    #[must_use]
    pub fn stride(mut self, stride: impl Into<Pair>) -> Self {
        self.stride = stride.into();
        self
    }

    /// What is added on each side: a number, one each for height and width, [`Sides`], or [`Padding::Same`].
    #[must_use]
    pub fn padding(mut self, padding: impl Into<Padding>) -> Self {
        self.padding = padding.into();
        self
    }

    /// What stands beyond the edge of the input.
    #[must_use]
    pub fn padding_mode(mut self, padding_mode: PaddingMode) -> Self {
        self.padding_mode = padding_mode;
        self
    }

    /// How far apart the filter's taps are.
    #[must_use]
    pub fn dilation(mut self, dilation: impl Into<Pair>) -> Self {
        self.dilation = dilation.into();
        self
    }

    /// Groups of channels, in which outputs see only the inputs of their group.
    #[must_use]
    pub fn groups(mut self, groups: usize) -> Self {
        self.groups = groups;
        self
    }

    /// Whether a bias is added to each output channel.
    #[must_use]
    pub fn bias(mut self, bias: bool) -> Self {
        self.bias = bias;
        self
    }

    /// Input channels of a group.
    fn group_channels(&self) -> usize {
        self.in_channels / self.groups.max(1)
    }

    /// Rows and columns from the first of the filter's taps to the last, both included.
    fn extent(&self) -> Pair {
        let along =
            |kernel: usize, dilation: usize| (kernel.max(1) - 1).saturating_mul(dilation).saturating_add(1);
        Pair {
            height: along(self.kernel_size.height, self.dilation.height),
            width: along(self.kernel_size.width, self.dilation.width),
        }
    }

    /// What is added around the input.
    pub(crate) fn margins(&self) -> Margins {
        match self.padding {
            Padding::Each(pair) => Margins { before: pair, after: pair },
            Padding::Sides(Sides { left, right, top, bottom }) => Margins {
                before: Pair { height: top, width: left },
                after: Pair { height: bottom, width: right },
            },
            Padding::Valid => Margins::NONE,
            Padding::Same => {
                let Pair { height, width } = self.extent();
                let before = Pair { height: (height - 1) / 2, width: (width - 1) / 2 };
                Margins { before, after: Pair { height: height / 2, width: width / 2 } }
            }
        }
    }

    fn sliding(&self) -> Window {
        Window { kernel: self.extent(), stride: self.stride, padding: self.margins().before }
    }

    fn check(&self) -> Result<(), ShapeError> {
        if self.in_channels == 0 || self.out_channels == 0 {
            let got = format!("in_channels = {}, out_channels = {}", self.in_channels, self.out_channels);
            return Err(ShapeError::new(ShapeErrorKind::Option, got, "at least 1 of each", "change them"));
        }
        check_extent("kernel_size", self.kernel_size, 1)?;
        check_extent("dilation", self.dilation, 1)?;
        if self.padding == Padding::Same && self.stride != one() {
            let got = format!("padding = same with stride = {}", self.stride);
            let mend = "give the padding as a number, or set stride to 1";
            return Err(ShapeError::new(ShapeErrorKind::Option, got, "stride 1", mend));
        }
        let divides = |channels: usize| self.groups > 0 && channels.is_multiple_of(self.groups);
        if !divides(self.in_channels) || !divides(self.out_channels) {
            let got =
                format!("{} groups of {} and {} channels", self.groups, self.in_channels, self.out_channels);
            let needs = "a number of groups that divides in_channels and out_channels";
            return Err(ShapeError::new(ShapeErrorKind::Option, got, needs, "change groups"));
        }
        Ok(())
    }

    /// Refuses margins that the map cannot fill.
    fn check_margins(&self, size: Pair) -> Result<(), ShapeError> {
        let Margins { before, after } = self.margins();
        for (what, size, margin) in [
            ("height", size.height, before.height.max(after.height)),
            ("width", size.width, before.width.max(after.width)),
        ] {
            let widest = self.padding_mode.widest(size);
            if margin > widest {
                let got = format!("{what} {size} and padding {margin}");
                let needs = format!("at most {widest} in this padding_mode");
                let mend = "lower padding, give larger images, or set padding_mode to zeros or replicate";
                return Err(ShapeError::new(ShapeErrorKind::Size, got, needs, mend));
            }
        }
        Ok(())
    }

    /// Height and width of the output over a map of `size`.
    fn output_size(&self, size: Pair) -> Result<Pair, ShapeError> {
        match self.padding {
            Padding::Same => {
                self.sliding().check()?;
                Ok(size)
            }
            Padding::Sides(_) => {
                let Margins { before, after } = self.margins();
                check_extent("padding", before, 0)?;
                check_extent("padding", after, 0)?;
                let padded = |size: usize, before, after| size.saturating_add(before + after);
                let whole = Pair {
                    height: padded(size.height, before.height, after.height),
                    width: padded(size.width, before.width, after.width),
                };
                Window { padding: Pair::square(0), ..self.sliding() }.output_size(whole)
            }
            Padding::Each(_) | Padding::Valid => self.sliding().output_size(size),
        }
    }
}

impl Spec for Conv2d {
    fn type_name(&self) -> &'static str {
        "Conv2d"
    }

    fn output_shape(&self, inputs: &[Shape]) -> Result<Shape, ShapeError> {
        self.check()?;
        let (channels, size) = need_map(inputs[0])?;
        need_count("input channels", "in_channels", channels, self.in_channels)?;
        let Pair { height, width } = self.output_size(size)?;
        self.check_margins(size)?;
        Ok(Shape::map(self.out_channels, height, width))
    }

    fn parameters(&self) -> Vec<Parameter> {
        let Pair { height, width } = self.kernel_size;
        let mut parameters =
            vec![(vec![self.out_channels, self.group_channels(), height, width], Role::Weight)];
        if self.bias {
            parameters.push((vec![self.out_channels], Role::Bias));
        }
        parameters
    }

    fn multiply_adds(&self, output: Shape) -> u64 {
        let per_value = self.group_channels().saturating_mul(self.kernel_size.area());
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
        assert_eq!(output(Conv2d::new(1, 1, 3).dilation(2), 6), Ok(Shape::map(1, 2, 2)));
        assert_eq!(
            output(Conv2d::new(1, 1, (4, 3)).padding(Padding::Same).dilation(3), 6),
            Ok(Shape::map(1, 6, 6))
        );
        assert_eq!(
            output(Conv2d::new(1, 1, 3).padding(7).padding_mode(PaddingMode::Reflect), 8),
            Ok(Shape::map(1, 20, 20))
        );
        let right_and_below = Sides { left: 0, right: 1, top: 0, bottom: 2 };
        let conv = Conv2d::new(1, 1, 3).stride(2).padding(right_and_below);
        assert_eq!(output(conv, 6), Ok(Shape::map(1, 3, 3)));
        assert_eq!(output(conv, 5), Ok(Shape::map(1, 3, 2)));
    }

    #[test]
    fn known_parameters_and_cost() {
        let layer = Layer::from(Conv2d::new(3, 16, 5));
        let count: usize =
            layer.parameters().iter().map(|(_, shape, _)| shape.iter().product::<usize>()).sum();
        assert_eq!(count, 1_216);
        assert_eq!(layer.multiply_adds(&[Shape::map(3, 8, 8)]), 16 * 4 * 4 * 3 * 5 * 5);
        let grouped = Layer::from(Conv2d::new(32, 64, 3).groups(8).bias(false));
        assert_eq!(grouped.parameters()[0].1, [64, 4, 3, 3]);
        assert_eq!(grouped.multiply_adds(&[Shape::map(32, 3, 3)]), 64 * 4 * 9);
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
            Conv2d::new(3, 16, 3).padding(Sides { left: 0, right: huge, top: 0, bottom: 0 }),
            Conv2d::new(3, 16, 11).padding(Sides { left: 1, right: 1, top: 1, bottom: 1 }),
            Conv2d::new(3, huge, 3),
            Conv2d::new(huge, huge, 65_535),
            Conv2d::new(3, 0, 3),
            Conv2d::new(0, 3, 3),
            Conv2d::new(4, 8, 3).groups(0),
            Conv2d::new(4, 8, 3).groups(3),
            Conv2d::new(4, 6, 3).groups(4),
            Conv2d::new(3, 16, 3).dilation(0),
            Conv2d::new(3, 16, 3).dilation(4),
            Conv2d::new(3, 16, 65_535).dilation(huge),
            Conv2d::new(3, 16, 3).padding(Padding::Same).stride(2),
            Conv2d::new(3, 16, 65_535).dilation(65_535).padding(Padding::Same),
            Conv2d::new(3, 16, 3).padding(8).padding_mode(PaddingMode::Reflect),
            Conv2d::new(3, 16, 3).padding(9).padding_mode(PaddingMode::Circular),
        ] {
            assert!(output(conv, 8).is_err(), "{conv:?}");
        }
        assert!(output(Conv2d::new(1, 1, 1), huge).is_err());
    }
}
