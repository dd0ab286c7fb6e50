//! `RandomPosterize`.

use serde::{Deserialize, Serialize};

use super::super::operation::Colour;
use super::super::span::{check_probability, half};
use super::super::transform::Spec;
use super::super::{Drawing, Operation};
use crate::DataError;

/// Keeps only the highest bits of each level with probability `p`.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RandomPosterize {
    /// How many bits: 0 to 8.
    pub bits: u8,
    /// The probability. Default: 0.5.
    #[serde(default = "half")]
    pub p: f32,
}

impl Spec for RandomPosterize {
    fn check(&self) -> Result<(), String> {
        if self.bits > 8 {
            return Err(format!("bits = {}: 0 to 8 is needed", self.bits));
        }
        check_probability(self.p)
    }

    fn draw(&self, drawing: &mut Drawing<'_>) -> Result<(), DataError> {
        if drawing.chance(self.p) {
            drawing.push(Operation::Colour(Colour::Posterize(self.bits)))
        } else {
            Ok(())
        }
    }
}
