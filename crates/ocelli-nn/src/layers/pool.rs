//! Pooling over windows of a map.

use serde::{Deserialize, Serialize};

use super::Spec;
use super::limits::check_option_count;
use super::window::{Window, check_extent, need_map};
use crate::error::{ShapeError, ShapeErrorKind};
use crate::shape::{Pair, Shape};

/// The largest value of each window, channel by channel, as PyTorch's `nn.MaxPool2d`. Padding counts as −∞.
///
/// Output size (size + 2·padding − dilation·(kernel − 1) − 1) / stride + 1, rounded down, or up with `ceil_mode`. Of equal
/// values the first, row by row, is taken.
///
/// Mixtures of maximum and mean, such as LPPool2d's between the two, are a composition: both side by side, their channels
/// concatenated, and where one map is wanted a 1×1 convolution that learns the mixture (compare Lee et al., 2015,
/// arXiv:1509.08985).
///
/// ```
/// use ocelli_nn::{AvgPool2d, Conv2d, Layer, MaxPool2d, Sequential, Shape};
///
/// let before = Sequential::new(Shape::map(3, 32, 32)).conv2d(Conv2d::new(3, 16, 3).padding(1)).relu();
/// let map = before.output();
/// let with_max = before.max_pool2d(2);
/// let max = with_max.output();
/// let with_both = with_max.reading(map).avg_pool2d(2);
/// let mean = with_both.output();
/// let network = with_both
///     .combine(Layer::Concat, [max, mean])
///     .conv2d(Conv2d::new(32, 16, 1))
///     .build("max and mean")?;
/// assert_eq!(network.output(), Shape::map(16, 16, 16));
/// # Ok::<(), ocelli_nn::NetworkError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(from = "MaxPool2dFile")]
pub struct MaxPool2d {
    /// Height and width of the window.
    pub kernel_size: Pair,
    /// How far the window moves; default `kernel_size`.
    pub stride: Pair,
    /// Added on each side, at most half of `kernel_size`; default 0.
    pub padding: Pair,
    /// From a value of the window to the next; default 1.
    pub dilation: Pair,
    /// Whether a last window that reaches past the end counts too (default false), if it begins inside the map or the
    /// padding before it.
    pub ceil_mode: bool,
}

/// How a [`MaxPool2d`] is written in a file: options may be left out.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MaxPool2dFile {
    kernel_size: Pair,
    stride: Option<Pair>,
    padding: Option<Pair>,
    dilation: Option<Pair>,
    ceil_mode: Option<bool>,
}

impl From<MaxPool2dFile> for MaxPool2d {
    fn from(file: MaxPool2dFile) -> Self {
        Self {
            kernel_size: file.kernel_size,
            stride: file.stride.unwrap_or(file.kernel_size),
            padding: file.padding.unwrap_or(Pair::square(0)),
            dilation: file.dilation.unwrap_or(Pair::square(1)),
            ceil_mode: file.ceil_mode.unwrap_or(false),
        }
    }
}

impl MaxPool2d {
    /// Windows side by side, without padding.
    pub fn new(kernel_size: impl Into<Pair>) -> Self {
        let kernel_size = kernel_size.into();
        let (padding, dilation) = (Pair::square(0), Pair::square(1));
        Self { kernel_size, stride: kernel_size, padding, dilation, ceil_mode: false }
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

    /// From a value of the window to the next.
    #[must_use]
    pub fn dilation(mut self, dilation: impl Into<Pair>) -> Self {
        self.dilation = dilation.into();
        self
    }

    /// Whether a last window that reaches past the end counts too.
    #[must_use]
    pub fn ceil_mode(mut self, ceil_mode: bool) -> Self {
        self.ceil_mode = ceil_mode;
        self
    }

    fn sliding(&self) -> Sliding {
        let Self { kernel_size: kernel, stride, padding, dilation, ceil_mode } = *self;
        Sliding { kernel, stride, padding, dilation, ceil_mode }
    }

    /// Whether, on a map of this size, the last windows reach past its end and the padding there.
    pub(crate) fn reaches_past(&self, size: Pair) -> bool {
        self.ceil_mode && self.sliding().reaches_past(size)
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
        self.sliding().over(inputs[0])
    }

    fn window(&self, _input: Shape) -> Window {
        self.sliding().window()
    }
}

/// The mean of each window, channel by channel, as PyTorch's `nn.AvgPool2d`. Padding counts as 0.
///
/// Output size (size + 2·padding − kernel) / stride + 1, rounded down, or up with `ceil_mode`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(from = "AvgPool2dFile")]
pub struct AvgPool2d {
    /// Height and width of the window.
    pub kernel_size: Pair,
    /// How far the window moves; default `kernel_size`.
    pub stride: Pair,
    /// Added on each side, at most half of `kernel_size`; default 0.
    pub padding: Pair,
    /// Whether a last window that reaches past the end counts too (default false), if it begins inside the map or the
    /// padding before it. What is past the padding never counts in the divisor.
    pub ceil_mode: bool,
    /// Whether the mean divides by the whole window, padding too (true, the default), or by the values in the map alone.
    pub count_include_pad: bool,
    /// What sums are divided by instead of their counts, at least 1; default none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub divisor_override: Option<usize>,
}

/// How an [`AvgPool2d`] is written in a file: options may be left out.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AvgPool2dFile {
    kernel_size: Pair,
    stride: Option<Pair>,
    padding: Option<Pair>,
    ceil_mode: Option<bool>,
    count_include_pad: Option<bool>,
    divisor_override: Option<usize>,
}

impl From<AvgPool2dFile> for AvgPool2d {
    fn from(file: AvgPool2dFile) -> Self {
        Self {
            kernel_size: file.kernel_size,
            stride: file.stride.unwrap_or(file.kernel_size),
            padding: file.padding.unwrap_or(Pair::square(0)),
            ceil_mode: file.ceil_mode.unwrap_or(false),
            count_include_pad: file.count_include_pad.unwrap_or(true),
            divisor_override: file.divisor_override,
        }
    }
}

impl AvgPool2d {
    /// Windows side by side, without padding.
    pub fn new(kernel_size: impl Into<Pair>) -> Self {
        let kernel_size = kernel_size.into();
        Self {
            kernel_size,
            stride: kernel_size,
            padding: Pair::square(0),
            ceil_mode: false,
            count_include_pad: true,
            divisor_override: None,
        }
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

    /// Whether a last window that reaches past the end counts too.
    #[must_use]
    pub fn ceil_mode(mut self, ceil_mode: bool) -> Self {
        self.ceil_mode = ceil_mode;
        self
    }

    /// Whether the mean divides by the whole window or by the values in the map alone.
    #[must_use]
    pub fn count_include_pad(mut self, count_include_pad: bool) -> Self {
        self.count_include_pad = count_include_pad;
        self
    }

    /// What sums are divided by instead of their counts.
    #[must_use]
    pub fn divisor_override(mut self, divisor_override: usize) -> Self {
        self.divisor_override = Some(divisor_override);
        self
    }

    fn sliding(&self) -> Sliding {
        let Self { kernel_size: kernel, stride, padding, ceil_mode, .. } = *self;
        Sliding { kernel, stride, padding, dilation: Pair::square(1), ceil_mode }
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
        self.divisor_override.map_or(Ok(()), |divisor| check_option_count("divisor_override", divisor))?;
        self.sliding().over(inputs[0])
    }

    fn window(&self, _input: Shape) -> Window {
        self.sliding().window()
    }
}

/// Windows that slide over a map, of values that may lie apart.
#[derive(Clone, Copy)]
struct Sliding {
    kernel: Pair,
    stride: Pair,
    padding: Pair,
    dilation: Pair,
    ceil_mode: bool,
}

impl Sliding {
    /// From the first value of a window to its last, both included.
    fn window(&self) -> Window {
        let extent = |kernel: usize, dilation: usize| {
            kernel.saturating_sub(1).saturating_mul(dilation).saturating_add(1)
        };
        let Self { kernel, stride, padding, dilation, .. } = *self;
        let kernel = Pair {
            height: extent(kernel.height, dilation.height),
            width: extent(kernel.width, dilation.width),
        };
        Window { kernel, stride, padding }
    }

    fn over(&self, input: Shape) -> Result<Shape, ShapeError> {
        check_extent("kernel_size", self.kernel, 1)?;
        check_extent("dilation", self.dilation, 1)?;
        let (kernel, padding) = (self.kernel, self.padding);
        let window = self.window();
        Window { kernel, ..window }.check()?;
        if padding.height > kernel.height / 2 || padding.width > kernel.width / 2 {
            return Err(ShapeError::option(
                "padding",
                padding,
                &format!("at most half of kernel_size = {kernel}"),
            ));
        }
        let (channels, size) = need_map(input)?;
        let Pair { height, width } = window.rounded_size(size, self.ceil_mode)?;
        self.check_values("height", size.height, |pair| pair.height)?;
        self.check_values("width", size.width, |pair| pair.width)?;
        Ok(Shape::map(channels, height, width))
    }

    /// Refuses windows that step over the whole map, from the padding before it to that after it.
    fn check_values(&self, name: &str, size: usize, along: fn(Pair) -> usize) -> Result<(), ShapeError> {
        let (stride, padding, dilation) = (along(self.stride), along(self.padding), along(self.dilation));
        let first_inside = |start: usize| (padding - start).next_multiple_of(dilation) - (padding - start);
        let misses = (0..padding).step_by(stride).any(|start| first_inside(start) >= size);
        if !misses {
            return Ok(());
        }
        let got = format!("{name} {size} with dilation = {dilation} and padding = {padding}");
        let needs = "a value of the map in every window";
        let mend = "lower dilation or padding, or give larger images";
        Err(ShapeError::new(ShapeErrorKind::Size, got, needs, mend))
    }

    /// Whether the last windows reach past the end of a map that they fit, and past the padding there.
    fn reaches_past(&self, size: Pair) -> bool {
        let window = self.window();
        let Ok(output) = window.rounded_size(size, self.ceil_mode) else { return false };
        let past = |size: usize, output: usize, stride: usize, kernel: usize, padding: usize| {
            (output - 1) * stride + kernel > size + 2 * padding
        };
        let Window { kernel, stride, padding } = window;
        past(size.height, output.height, stride.height, kernel.height, padding.height)
            || past(size.width, output.width, stride.width, kernel.width, padding.width)
    }
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
            Layer::MaxPool2d(MaxPool2d::new(2).dilation(0)),
            Layer::MaxPool2d(MaxPool2d::new(2).dilation(usize::MAX)),
            Layer::AvgPool2d(AvgPool2d::new(2).divisor_override(0)),
            Layer::AvgPool2d(AvgPool2d::new(2).divisor_override(usize::MAX)),
        ] {
            assert!(output(layer, 8, 8).is_err(), "{layer:?}");
        }
    }

    #[test]
    fn ceil_mode_counts_a_last_window_that_begins_inside() {
        let max = |kernel: usize, stride: usize, padding: usize| {
            Layer::MaxPool2d(MaxPool2d::new(kernel).stride(stride).padding(padding).ceil_mode(true))
        };
        assert_eq!(output(max(2, 2, 0), 7, 8), Ok(Shape::map(3, 4, 4)));
        assert_eq!(output(max(3, 2, 0), 2, 3), Ok(Shape::map(3, 1, 1)));
        // The second window would begin at the fourth row, in the padding behind the map.
        assert_eq!(output(max(2, 3, 1), 3, 2), Ok(Shape::map(3, 2, 1)));
        assert!(output(max(3, 2, 0), 1, 1).is_err());
        let mean = AvgPool2d::new(3).stride(2).ceil_mode(true);
        assert_eq!(output(Layer::AvgPool2d(mean), 6, 7), Ok(Shape::map(3, 3, 3)));
    }

    #[test]
    fn only_windows_past_the_padding_reach_past() {
        let past = |layer: MaxPool2d, side: usize| layer.reaches_past(Pair::square(side));
        assert!(past(MaxPool2d::new(2).ceil_mode(true), 7) && !past(MaxPool2d::new(2).ceil_mode(true), 8));
        assert!(!past(MaxPool2d::new(2), 7));
        let padded = MaxPool2d::new(3).stride(2).padding(1).ceil_mode(true);
        assert!(past(padded, 8) && !past(padded, 7));
    }

    #[test]
    fn dilated_windows_are_as_wide_as_they_reach() {
        let layer =
            |padding: usize| Layer::MaxPool2d(MaxPool2d::new(2).stride(1).padding(padding).dilation(3));
        assert_eq!(output(layer(0), 9, 4), Ok(Shape::map(3, 6, 1)));
        assert_eq!(output(layer(1), 3, 4), Ok(Shape::map(3, 2, 3)));
        let error = output(layer(1), 2, 4).unwrap_err().to_string();
        assert!(
            error.starts_with("got height 2 with dilation = 3 and padding = 1, needs a value"),
            "{error}"
        );
        assert!(output(layer(0), 3, 9).unwrap_err().to_string().contains("at least the kernel's height, 4"));
    }
}
