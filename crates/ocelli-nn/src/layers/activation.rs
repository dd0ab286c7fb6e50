//! Activations without parameters.

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

/// exp(x) / Σ exp(x) over the features, as PyTorch's `nn.Softmax(dim=1)`.
///
/// Not needed before cross-entropy, which takes logits.
pub(super) struct Softmax;

impl Spec for Softmax {
    fn type_name(&self) -> &'static str {
        "Softmax"
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
        let error = Layer::Softmax.output_shape(&[Shape::map(3, 4, 5)]).unwrap_err();
        assert_eq!(error.to_string(), "got a 3×4×5 map, needs features: insert Flatten before it");
    }
}
