//! Dropout of values, of whole channels, and of whole images of a branch.

use serde::{Deserialize, Serialize};

use super::Spec;
use super::window::need_map;
use crate::error::ShapeError;
use crate::shape::Shape;

/// Options of `Dropout` and `Dropout2d`, as PyTorch's (Srivastava et al., 2014; Tompson et al., 2014, arXiv:1411.4280).
///
/// In training, `Dropout` zeroes each value, and `Dropout2d` each channel of an image, with probability `p`, and
/// multiplies what stays by 1/(1−p). In evaluation both do nothing.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Dropout {
    /// The probability to be zeroed, 0 to 1; default 0.5.
    pub p: f32,
}

impl Default for Dropout {
    fn default() -> Self {
        Self { p: 0.5 }
    }
}

impl Dropout {
    /// With the probability `p`, 0 to 1, to be zeroed.
    pub fn new(p: f32) -> Self {
        Self { p }
    }

    fn check(self) -> Result<(), ShapeError> {
        if (0.0..=1.0).contains(&self.p) {
            Ok(())
        } else {
            Err(ShapeError::option("p", self.p, "a number from 0 to 1"))
        }
    }
}

/// Options of `StochasticDepth`, as torchvision's (Huang et al., 2016, arXiv:1603.09382).
///
/// In training, all values of an image, or of the whole batch, are zeroed with probability `p`, and what stays is multiplied
/// by 1/(1−p). At the end of a residual branch that leaves the shortcut alone. In evaluation it does nothing.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StochasticDepth {
    /// The probability to be zeroed, 0 to 1.
    pub p: f32,
    /// What goes or stays as one; default each image.
    #[serde(default)]
    pub mode: DropMode,
}

/// What [`StochasticDepth`] zeroes as one.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DropMode {
    /// Each image.
    #[default]
    Row,
    /// The whole batch.
    Batch,
}

impl StochasticDepth {
    /// With the probability `p`, 0 to 1, that an image is zeroed.
    pub fn new(p: f32) -> Self {
        Self { p, mode: DropMode::Row }
    }

    /// What goes or stays as one.
    #[must_use]
    pub fn mode(mut self, mode: DropMode) -> Self {
        self.mode = mode;
        self
    }
}

impl From<f32> for StochasticDepth {
    fn from(p: f32) -> Self {
        Self::new(p)
    }
}

impl Spec for StochasticDepth {
    fn type_name(&self) -> &'static str {
        "StochasticDepth"
    }

    fn output_shape(&self, inputs: &[Shape]) -> Result<Shape, ShapeError> {
        Dropout::new(self.p).check()?;
        Ok(inputs[0])
    }
}

impl From<f32> for Dropout {
    fn from(p: f32) -> Self {
        Self::new(p)
    }
}

/// `nn.Dropout`.
pub(super) struct OfValues(pub(super) Dropout);

impl Spec for OfValues {
    fn type_name(&self) -> &'static str {
        "Dropout"
    }

    fn output_shape(&self, inputs: &[Shape]) -> Result<Shape, ShapeError> {
        self.0.check()?;
        Ok(inputs[0])
    }
}

/// `nn.AlphaDropout` (Klambauer et al., 2017, arXiv:1706.02515): after SELU. What is dropped takes the value that SELU goes to
/// far below zero, and all values are scaled and shifted so that mean 0 and variance 1 stay.
pub(super) struct Alpha(pub(super) Dropout);

impl Spec for Alpha {
    fn type_name(&self) -> &'static str {
        "AlphaDropout"
    }

    fn output_shape(&self, inputs: &[Shape]) -> Result<Shape, ShapeError> {
        self.0.check()?;
        Ok(inputs[0])
    }
}

/// `nn.Dropout2d`.
pub(super) struct OfChannels(pub(super) Dropout);

impl Spec for OfChannels {
    fn type_name(&self) -> &'static str {
        "Dropout2d"
    }

    fn output_shape(&self, inputs: &[Shape]) -> Result<Shape, ShapeError> {
        self.0.check()?;
        need_map(inputs[0])?;
        Ok(inputs[0])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Layer;

    #[test]
    fn keeps_the_shape() {
        let (map, row) = (Shape::map(3, 4, 5), Shape::features(7));
        assert_eq!(Layer::Dropout(0.5.into()).output_shape(&[map]), Ok(map));
        assert_eq!(Layer::Dropout(0.5.into()).output_shape(&[row]), Ok(row));
        assert_eq!(Layer::Dropout2d(0.2.into()).output_shape(&[map]), Ok(map));
        assert!(Layer::Dropout2d(0.2.into()).output_shape(&[row]).is_err());
    }

    #[test]
    fn p_is_a_probability() {
        for p in [-0.1, 1.1, f32::NAN, f32::INFINITY] {
            let error = Layer::Dropout(p.into()).output_shape(&[Shape::features(7)]).unwrap_err().to_string();
            assert!(error.contains("from 0 to 1"), "{error}");
            for layer in [Layer::StochasticDepth(p.into()), Layer::AlphaDropout(p.into())] {
                assert_eq!(layer.output_shape(&[Shape::features(7)]).unwrap_err().to_string(), error);
            }
        }
    }
}
