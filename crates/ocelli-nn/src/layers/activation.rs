//! Activations without parameters.

use serde::{Deserialize, Serialize};

use super::Spec;
use super::window::need_features;
use crate::error::ShapeError;
use crate::shape::Shape;

/// max(x, 0) of each value, as PyTorch's `nn.ReLU`.
pub(super) struct Relu;

impl Spec for Relu {
    fn type_name(&self) -> &'static str {
        "ReLU"
    }
}

/// Options of PyTorch's `nn.LeakyReLU` (Maas et al., 2013).
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LeakyRelu {
    /// What negative values are multiplied with; default 0.01.
    pub negative_slope: f32,
}

impl Default for LeakyRelu {
    fn default() -> Self {
        Self { negative_slope: 0.01 }
    }
}

/// Options of PyTorch's `nn.ELU` (Clevert et al., 2015, arXiv:1511.07289).
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Elu {
    /// Minus the value that far negative ones go to; default 1.
    pub alpha: f32,
}

impl Default for Elu {
    fn default() -> Self {
        Self { alpha: 1.0 }
    }
}

/// Options of PyTorch's `nn.GELU` (Hendrycks & Gimpel, 2016, arXiv:1606.08415).
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Gelu {
    /// How the normal distribution's Φ is computed; default exactly.
    pub approximate: Approximate,
}

/// How [`Gelu`] computes the normal distribution's Φ.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Approximate {
    /// Exactly.
    #[default]
    None,
    /// ½ (1 + tanh(√(2/π) (x + 0.044715 x³))).
    Tanh,
}

/// Any activation without a rule of its own for shapes, by its name.
pub(super) struct OfValues {
    pub(super) type_name: &'static str,
    /// An option that must be a number.
    pub(super) option: Option<(&'static str, f32)>,
}

impl OfValues {
    pub(super) fn named(type_name: &'static str) -> Self {
        Self { type_name, option: None }
    }
}

impl Spec for OfValues {
    fn type_name(&self) -> &'static str {
        self.type_name
    }

    fn output_shape(&self, inputs: &[Shape]) -> Result<Shape, ShapeError> {
        match self.option {
            Some((name, value)) if !value.is_finite() => Err(ShapeError::option(name, value, "a number")),
            _ => Ok(inputs[0]),
        }
    }
}

/// exp(x) / Σ exp(x) over the features, as PyTorch's `nn.Softmax(dim=1)`, or the logarithm of that, by its name.
///
/// Not needed before cross-entropy, which takes logits.
pub(super) struct OfFeatures(pub(super) &'static str);

impl Spec for OfFeatures {
    fn type_name(&self) -> &'static str {
        self.0
    }

    fn output_shape(&self, inputs: &[Shape]) -> Result<Shape, ShapeError> {
        need_features(inputs[0], "insert Flatten before it").map(Shape::Features)
    }
}

#[cfg(test)]
mod tests {
    use crate::{Layer, Shape};

    #[test]
    fn relu_keeps_any_shape() {
        for shape in [Shape::map(3, 4, 5), Shape::features(7)] {
            assert_eq!(Layer::Relu.output_shape(&[shape]), Ok(shape));
        }
    }

    #[test]
    fn softmax_takes_features() {
        assert_eq!(Layer::Softmax.output_shape(&[Shape::features(7)]), Ok(Shape::features(7)));
        assert_eq!(Layer::LogSoftmax.output_shape(&[Shape::features(7)]), Ok(Shape::features(7)));
        let error = Layer::Softmax.output_shape(&[Shape::map(3, 4, 5)]).unwrap_err();
        assert_eq!(error.to_string(), "got a 3×4×5 map, needs features: insert Flatten before it");
    }
}
