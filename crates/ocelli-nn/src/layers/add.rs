//! The sum of two inputs.

use std::ops::RangeInclusive;

use super::Spec;
use crate::error::{ShapeError, ShapeErrorKind};
use crate::shape::Shape;

/// x + y of two inputs with the same shape: the end of a residual block (He et al., 2015, arXiv:1512.03385).
pub(super) struct Add;

impl Spec for Add {
    fn type_name(&self) -> &'static str {
        "Add"
    }

    fn inputs(&self) -> RangeInclusive<usize> {
        2..=2
    }

    fn output_shape(&self, inputs: &[Shape]) -> Result<Shape, ShapeError> {
        let (first, second) = (inputs[0], inputs[1]);
        if first == second {
            return Ok(first);
        }
        let mend = "give the shortcut a 1×1 Conv2d with the stride and channels of the other branch";
        let got = format!("{} and {}", first.in_words(), second.in_words());
        Err(ShapeError::new(ShapeErrorKind::Size, got, "the same shape twice", mend))
    }
}

#[cfg(test)]
mod tests {
    use crate::{Layer, Shape};

    #[test]
    fn takes_two_of_one_shape() {
        let (a, b) = (Shape::map(3, 4, 5), Shape::map(6, 2, 3));
        assert_eq!(Layer::Add.output_shape(&[a, a]), Ok(a));
        let error = Layer::Add.output_shape(&[a, b]).unwrap_err().to_string();
        assert!(error.starts_with("got a 3×4×5 map and a 6×2×3 map, needs the same shape twice"), "{error}");
        let error = Layer::Add.output_shape(&[a]).unwrap_err().to_string();
        assert_eq!(error, "got 1, needs 2 inputs: change the layer's inputs");
    }
}
