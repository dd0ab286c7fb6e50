//! Fully connected layer.

use serde::{Deserialize, Serialize};

use super::window::{need_count, need_features};
use super::{Parameter, Role, Spec};
use crate::error::{ShapeError, ShapeErrorKind};
use crate::shape::Shape;

/// y = x·Wᵀ + b on features, as PyTorch's `nn.Linear`.
///
/// Parameters: `weight` (out×in) and, with `bias`, `bias` (out).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Linear {
    /// Features of the input.
    pub in_features: usize,
    /// Features of the output.
    pub out_features: usize,
    /// Whether a bias is added; default true.
    #[serde(default = "yes")]
    pub bias: bool,
}

fn yes() -> bool {
    true
}

impl Linear {
    /// With bias.
    pub fn new(in_features: usize, out_features: usize) -> Self {
        Self { in_features, out_features, bias: true }
    }

    /// Whether a bias is added.
    #[must_use]
    pub fn bias(mut self, bias: bool) -> Self {
        self.bias = bias;
        self
    }
}

impl Spec for Linear {
    fn type_name(&self) -> &'static str {
        "Linear"
    }

    fn output_shape(&self, inputs: &[Shape]) -> Result<Shape, ShapeError> {
        if self.in_features == 0 || self.out_features == 0 {
            let got = format!("in_features = {}, out_features = {}", self.in_features, self.out_features);
            return Err(ShapeError::new(ShapeErrorKind::Option, got, "at least 1 of each", "change them"));
        }
        let mend = match inputs[0].elements() {
            count if count == self.in_features => "insert Flatten before it".to_owned(),
            count => format!("insert Flatten before it and set in_features to {count}"),
        };
        let features = need_features(inputs[0], &mend)?;
        need_count("features", "in_features", features, self.in_features)?;
        Ok(Shape::Features(self.out_features))
    }

    fn parameters(&self) -> Vec<Parameter> {
        let mut parameters = vec![(vec![self.out_features, self.in_features], Role::Weight)];
        if self.bias {
            parameters.push((vec![self.out_features], Role::Bias));
        }
        parameters
    }

    fn multiply_adds(&self, output: Shape) -> u64 {
        (output.elements() as u64).saturating_mul(self.in_features as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Layer;

    #[test]
    fn maps_features_to_features() {
        let layer = Layer::from(Linear::new(1024, 128));
        assert_eq!(layer.output_shape(&[Shape::features(1024)]), Ok(Shape::features(128)));
        assert_eq!(layer.multiply_adds(&[Shape::features(1024)]), 131_072);
    }

    #[test]
    fn errors_say_what_would_do() {
        let layer = Layer::from(Linear::new(1024, 128));
        let error = |shape| layer.output_shape(&[shape]).unwrap_err().to_string();
        assert_eq!(error(Shape::map(64, 4, 4)), "got a 64×4×4 map, needs features: insert Flatten before it");
        assert_eq!(
            error(Shape::map(64, 2, 2)),
            "got a 64×2×2 map, needs features: insert Flatten before it and set in_features to 256"
        );
        assert_eq!(
            error(Shape::features(576)),
            "got 576 features, needs 1024: set in_features to 576, or change the layer before"
        );
        for hostile in [Linear::new(0, 1), Linear::new(1, 0), Linear::new(1024, usize::MAX)] {
            assert!(Layer::from(hostile).output_shape(&[Shape::features(1024)]).is_err());
        }
    }
}
