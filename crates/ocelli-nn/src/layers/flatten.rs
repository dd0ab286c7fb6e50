//! From a map to features.

use super::Spec;
use crate::error::ShapeError;
use crate::shape::Shape;

/// All values of the image in one row, in the order channel, height, width, as PyTorch's `nn.Flatten()`.
pub(super) struct Flatten;

impl Spec for Flatten {
    fn type_name(&self) -> &'static str {
        "Flatten"
    }

    fn output_shape(&self, inputs: &[Shape]) -> Result<Shape, ShapeError> {
        Ok(Shape::Features(inputs[0].elements()))
    }
}

#[cfg(test)]
mod tests {
    use crate::{Layer, Shape};

    #[test]
    fn counts_all_values() {
        assert_eq!(Layer::Flatten.output_shape(&[Shape::map(32, 55, 55)]), Ok(Shape::features(96_800)));
        assert_eq!(Layer::Flatten.output_shape(&[Shape::features(5)]), Ok(Shape::features(5)));
    }
}
