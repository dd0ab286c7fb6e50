//! `RandomAdjustSharpness`.

use serde::{Deserialize, Serialize};

use super::super::operation::Colour;
use super::super::span::{check_probability, half};
use super::super::transform::Spec;
use super::super::{Drawing, Operation};
use crate::DataError;

/// Sharpens or smooths with probability `p`.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RandomAdjustSharpness {
    /// 0 smooths, 1 changes nothing, 2 sharpens.
    pub sharpness_factor: f64,
    /// The probability. Default: 0.5.
    #[serde(default = "half")]
    pub p: f32,
}

impl Spec for RandomAdjustSharpness {
    fn check(&self) -> Result<(), String> {
        if !(self.sharpness_factor >= 0.0 && self.sharpness_factor.is_finite()) {
            return Err(format!("sharpness_factor = {}: at least 0 is needed", self.sharpness_factor));
        }
        check_probability(self.p)
    }

    fn draw(&self, drawing: &mut Drawing<'_>) -> Result<(), DataError> {
        if drawing.chance(self.p) {
            drawing.push(Operation::Colour(Colour::Sharpness(self.sharpness_factor)))
        } else {
            Ok(())
        }
    }
}
