//! The product of two inputs.

use std::ops::RangeInclusive;

use super::Spec;
use crate::error::{ShapeError, ShapeErrorKind};
use crate::shape::{Pair, Shape};

/// x · y of two inputs with the same shape, or of a map and one factor for each of its channels (C×1×1), in either
/// order, as PyTorch's `torch.mul`: the end of a squeeze-and-excitation block (Hu et al., 2017, arXiv:1709.01507).
pub(super) struct Multiply;

impl Spec for Multiply {
    fn type_name(&self) -> &'static str {
        "Multiply"
    }

    fn inputs(&self) -> RangeInclusive<usize> {
        2..=2
    }

    fn output_shape(&self, inputs: &[Shape]) -> Result<Shape, ShapeError> {
        let (first, second) = (inputs[0], inputs[1]);
        let gates = |gate: Shape, map: Shape| {
            gate.size() == Some(Pair::square(1)) && map.size().is_some() && gate.channels() == map.channels()
        };
        if first == second || gates(second, first) {
            return Ok(first);
        }
        if gates(first, second) {
            return Ok(second);
        }
        let got = format!("{} and {}", first.in_words(), second.in_words());
        let needs = "the same shape twice, or a map and C×1×1 for its C channels";
        let mend = "give both the same channels, or pool one to 1×1 by AdaptiveAvgPool2d";
        Err(ShapeError::new(ShapeErrorKind::Size, got, needs, mend))
    }
}

#[cfg(test)]
mod tests {
    use crate::{Layer, Shape};

    #[test]
    fn takes_two_of_one_shape_or_a_map_and_its_gate() {
        let output = |a, b| Layer::Multiply.output_shape(&[a, b]);
        let (map, gate) = (Shape::map(3, 4, 5), Shape::map(3, 1, 1));
        for (a, b) in [(map, map), (map, gate), (gate, map)] {
            assert_eq!(output(a, b), Ok(map));
        }
        assert_eq!(output(Shape::features(3), Shape::features(3)), Ok(Shape::features(3)));
        for (a, b) in [(map, Shape::map(2, 1, 1)), (map, Shape::map(3, 1, 5)), (map, Shape::features(3))] {
            let error = output(a, b).unwrap_err().to_string();
            assert!(error.contains("C×1×1"), "{error}");
        }
    }
}
