//! `RandomSolarize`.

use serde::{Deserialize, Serialize};

use super::super::operation::Colour;
use super::super::span::{check_probability, half};
use super::super::transform::Spec;
use super::super::{Drawing, Operation};
use crate::DataError;

/// Inverts levels from a threshold on with probability `p`.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RandomSolarize {
    /// The lowest level that is inverted: 0 to 255.
    pub threshold: f32,
    /// The probability. Default: 0.5.
    #[serde(default = "half")]
    pub p: f32,
}

impl Spec for RandomSolarize {
    fn check(&self) -> Result<(), String> {
        if !(0.0..=255.0).contains(&self.threshold) {
            return Err(format!("threshold = {}: 0 to 255 is needed", self.threshold));
        }
        check_probability(self.p)
    }

    fn draw(&self, drawing: &mut Drawing<'_>) -> Result<(), DataError> {
        if drawing.chance(self.p) {
            drawing.push(Operation::Colour(Colour::Solarize(self.threshold)))
        } else {
            Ok(())
        }
    }
}
