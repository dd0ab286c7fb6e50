//! Maps made larger.

use serde::{Deserialize, Serialize};

use super::Spec;
use super::window::{Window, check_extent, need_map};
use crate::error::{ShapeError, ShapeErrorKind};
use crate::shape::{Pair, Shape};

/// A map resized to a given size or by a given factor, channel by channel, as PyTorch's `nn.Upsample`; smaller too.
///
/// One of `size` and `scale_factor` is given. With a factor the output size is that of the input times the factor, rounded
/// down, and pixels are as far apart as the factor says, even where the output size is no whole multiple; but an output as
/// large as the input is the input, and in mode nearest one twice as large doubles each pixel.
///
/// ```
/// use ocelli_nn::{Layer, Shape, Upsample, UpsampleMode};
///
/// let layer = Layer::Upsample(Upsample::by(2.0).mode(UpsampleMode::Bilinear));
/// assert_eq!(layer.output_shape(&[Shape::map(3, 8, 5)])?, Shape::map(3, 16, 10));
/// # Ok::<(), ocelli_nn::ShapeError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Upsample {
    /// Height and width of the output.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<Pair>,
    /// By how much height and width grow.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scale_factor: Option<ScaleFactor>,
    /// What stands between pixels; default the nearest.
    #[serde(default)]
    pub mode: UpsampleMode,
    /// In mode bilinear, whether the corner pixels' centres lie on each other, rather than the map's edges; default false.
    #[serde(default)]
    pub align_corners: bool,
}

/// What stands between the pixels of a map that [`Upsample`] resizes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum UpsampleMode {
    /// The nearest pixel.
    #[default]
    Nearest,
    /// The four pixels around, weighed by their nearness.
    Bilinear,
}

/// A factor of height and of width. In TOML and JSON a number (both the same) or `[height, width]`.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(from = "ScaleFactorFile", into = "ScaleFactorFile")]
pub struct ScaleFactor {
    /// Of height.
    pub height: f64,
    /// Of width.
    pub width: f64,
}

/// How a [`ScaleFactor`] is written in a file.
#[derive(Serialize, Deserialize)]
#[serde(untagged, expecting = "expected a number, or two as [height, width]")]
enum ScaleFactorFile {
    Same(f64),
    Each(f64, f64),
}

impl From<ScaleFactorFile> for ScaleFactor {
    fn from(file: ScaleFactorFile) -> Self {
        match file {
            ScaleFactorFile::Same(factor) => factor.into(),
            ScaleFactorFile::Each(height, width) => Self { height, width },
        }
    }
}

impl From<ScaleFactor> for ScaleFactorFile {
    fn from(factor: ScaleFactor) -> Self {
        if factor.height == factor.width {
            Self::Same(factor.height)
        } else {
            Self::Each(factor.height, factor.width)
        }
    }
}

impl From<f64> for ScaleFactor {
    fn from(factor: f64) -> Self {
        Self { height: factor, width: factor }
    }
}

impl From<(f64, f64)> for ScaleFactor {
    fn from((height, width): (f64, f64)) -> Self {
        Self { height, width }
    }
}

/// The largest factor: with it, one pixel becomes a map of the largest size.
const MAX_FACTOR: f64 = 65_535.0;

impl Upsample {
    /// To a height and width.
    pub fn to(size: impl Into<Pair>) -> Self {
        Self {
            size: Some(size.into()),
            scale_factor: None,
            mode: UpsampleMode::Nearest,
            align_corners: false,
        }
    }

    /// By a factor, or by one for height and one for width.
    pub fn by(scale_factor: impl Into<ScaleFactor>) -> Self {
        Self { size: None, scale_factor: Some(scale_factor.into()), ..Self::to(1) }
    }

    /// What stands between pixels.
    #[must_use]
    pub fn mode(mut self, mode: UpsampleMode) -> Self {
        self.mode = mode;
        self
    }

    /// In mode bilinear, whether the corner pixels' centres lie on each other.
    #[must_use]
    pub fn align_corners(mut self, align_corners: bool) -> Self {
        self.align_corners = align_corners;
        self
    }

    fn check(&self) -> Result<(), ShapeError> {
        if self.align_corners && self.mode == UpsampleMode::Nearest {
            return Err(ShapeError::option("align_corners", true, "false in mode nearest"));
        }
        if self.size.is_some() == self.scale_factor.is_some() {
            let got =
                if self.size.is_some() { "size and scale_factor" } else { "neither size nor scale_factor" };
            return Err(ShapeError::new(
                ShapeErrorKind::Option,
                got,
                "one of them",
                "set size or scale_factor",
            ));
        }
        if let Some(size) = self.size {
            check_extent("size", size, 1)?;
        }
        if let Some(ScaleFactor { height, width }) = self.scale_factor {
            let valid = |factor: f64| factor > 0.0 && factor <= MAX_FACTOR;
            if !valid(height) || !valid(width) {
                let got = format!("[{height}, {width}]");
                return Err(ShapeError::option("scale_factor", got, "more than 0, at most 65535"));
            }
        }
        Ok(())
    }

    /// Height and width of the output for valid options.
    fn resized(&self, size: Pair) -> Pair {
        let along = |size: usize, factor: f64| (size as f64 * factor) as usize;
        match (self.size, self.scale_factor) {
            (_, Some(factor)) => {
                Pair { height: along(size.height, factor.height), width: along(size.width, factor.width) }
            }
            (given, None) => given.unwrap_or(size),
        }
    }
}

impl Spec for Upsample {
    fn type_name(&self) -> &'static str {
        "Upsample"
    }

    fn output_shape(&self, inputs: &[Shape]) -> Result<Shape, ShapeError> {
        self.check()?;
        let (channels, size) = need_map(inputs[0])?;
        let Pair { height, width } = self.resized(size);
        if height == 0 || width == 0 {
            let got = format!("scale_factor for a map of {size} pixels");
            return Err(ShapeError::new(
                ShapeErrorKind::Size,
                got,
                "a pixel in the output",
                "raise scale_factor",
            ));
        }
        Ok(Shape::map(channels, height, width))
    }

    /// The pixels that one output blends, and how far apart neighbours' are: at least one, as a step of less than a pixel
    /// cannot be said.
    fn window(&self, input: Shape) -> Window {
        let (Some(size), true) = (input.size(), self.check().is_ok()) else { return Window::POINT };
        let output = self.resized(size);
        let blends = |size: usize, output: usize| {
            if self.mode == UpsampleMode::Nearest || size == output { 1 } else { 2.min(size) }
        };
        let step = |size: usize, output: usize| (size / output.max(1)).max(1);
        Window {
            kernel: Pair {
                height: blends(size.height, output.height),
                width: blends(size.width, output.width),
            },
            stride: Pair { height: step(size.height, output.height), width: step(size.width, output.width) },
            padding: Pair::square(0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Layer;

    fn output(spec: Upsample) -> Result<Shape, ShapeError> {
        Layer::Upsample(spec).output_shape(&[Shape::map(3, 4, 5)])
    }

    #[test]
    fn known_sizes() {
        assert_eq!(output(Upsample::to((7, 2))), Ok(Shape::map(3, 7, 2)));
        assert_eq!(output(Upsample::by(2.0)), Ok(Shape::map(3, 8, 10)));
        assert_eq!(output(Upsample::by((1.3, 0.5))), Ok(Shape::map(3, 5, 2)));
    }

    #[test]
    fn hostile_options_are_errors() {
        let by = |factor: f64| output(Upsample::by(factor));
        for factor in [0.0, -1.0, 0.1, f64::NAN, f64::INFINITY, 1e300] {
            assert!(by(factor).is_err(), "{factor}");
        }
        assert!(output(Upsample::to(0)).is_err() && output(Upsample::to(usize::MAX)).is_err());
        let error = output(Upsample::to(2).align_corners(true)).unwrap_err().to_string();
        assert_eq!(error, "got align_corners = true, needs false in mode nearest: change align_corners");
        let both = Upsample { size: Some(2.into()), ..Upsample::by(2.0) };
        assert!(output(both).unwrap_err().to_string().contains("needs one of them"));
        assert!(output(Upsample { scale_factor: None, ..Upsample::by(2.0) }).is_err());
        assert!(Layer::Upsample(Upsample::by(2.0)).output_shape(&[Shape::features(4)]).is_err());
    }

    #[test]
    fn options_are_written_as_pytorchs() {
        let read = |text: &str| serde_json::from_str::<Layer>(text);
        let doubled = Layer::Upsample(Upsample::by(2.0));
        assert_eq!(read(r#"{"type": "Upsample", "scale_factor": 2}"#).unwrap(), doubled);
        let sized = Upsample::to((3, 5)).mode(UpsampleMode::Bilinear).align_corners(true);
        let text = r#"{"type": "Upsample", "size": [3, 5], "mode": "bilinear", "align_corners": true}"#;
        assert_eq!(read(text).unwrap(), Layer::Upsample(sized));
        assert_eq!(read(&serde_json::to_string(&sized_layer(sized)).unwrap()).unwrap(), sized_layer(sized));
        let table = toml::to_string(&sized_layer(Upsample::by((0.5, 2.0)))).unwrap();
        assert!(table.contains("scale_factor = [0.5, 2.0]") && !table.contains("size ="), "{table}");
    }

    fn sized_layer(spec: Upsample) -> Layer {
        Layer::Upsample(spec)
    }
}
