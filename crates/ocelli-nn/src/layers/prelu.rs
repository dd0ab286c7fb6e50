//! A learned slope for what is negative.

use serde::{Deserialize, Serialize};

use super::{Parameter, Role, Spec};
use crate::error::{ShapeError, ShapeErrorKind};
use crate::shape::Shape;

/// Options of PyTorch's `nn.PReLU` (He et al., 2015, arXiv:1502.01852): x, and a learned slope times x where that is
/// negative.
///
/// Parameter: `weight`, the slopes.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Prelu {
    /// One slope for all channels, or as many as there are channels; default 1.
    pub num_parameters: usize,
    /// What the slopes start at; default 0.25.
    pub init: f32,
}

impl Default for Prelu {
    fn default() -> Self {
        Self { num_parameters: 1, init: 0.25 }
    }
}

impl Prelu {
    /// With so many slopes, starting at 0.25.
    pub fn new(num_parameters: usize) -> Self {
        Self { num_parameters, ..Self::default() }
    }

    /// What the slopes start at.
    #[must_use]
    pub fn init(mut self, init: f32) -> Self {
        self.init = init;
        self
    }
}

impl Spec for Prelu {
    fn type_name(&self) -> &'static str {
        "PReLU"
    }

    fn output_shape(&self, inputs: &[Shape]) -> Result<Shape, ShapeError> {
        if !self.init.is_finite() {
            return Err(ShapeError::option("init", self.init, "a number"));
        }
        let channels = inputs[0].channels();
        if self.num_parameters != 1 && self.num_parameters != channels {
            let got = format!("{channels} channels for num_parameters = {}", self.num_parameters);
            let mend = format!("set num_parameters to 1 or {channels}");
            return Err(ShapeError::new(ShapeErrorKind::Channels, got, "as many of both, or 1", mend));
        }
        Ok(inputs[0])
    }

    fn parameters(&self) -> Vec<Parameter> {
        vec![(vec![self.num_parameters], Role::Slope)]
    }

    fn initial_value(&self) -> f32 {
        self.init
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Layer, Sequential, Tensor};

    #[test]
    fn takes_one_slope_or_one_for_each_channel() {
        for shape in [Shape::map(3, 4, 5), Shape::features(3)] {
            for slopes in [1, 3] {
                assert_eq!(Layer::Prelu(Prelu::new(slopes)).output_shape(&[shape]), Ok(shape));
            }
            let error = Layer::Prelu(Prelu::new(2)).output_shape(&[shape]).unwrap_err().to_string();
            assert!(error.ends_with("set num_parameters to 1 or 3"), "{error}");
            assert!(Layer::Prelu(Prelu::new(3).init(f32::INFINITY)).output_shape(&[shape]).is_err());
        }
        let network =
            Sequential::new(Shape::features(2)).layer(Layer::Prelu(Prelu::new(2))).build("bent").unwrap();
        assert_eq!(network.init(1).get("0.weight"), Some(&Tensor::f32([2], vec![0.25; 2])));
    }
}
