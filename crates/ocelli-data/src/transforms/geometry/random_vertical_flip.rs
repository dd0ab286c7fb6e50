//! `RandomVerticalFlip`.

use serde::{Deserialize, Serialize};

use super::super::span::{check_probability, half};
use super::super::transform::Spec;
use super::super::{Drawing, Operation};
use crate::DataError;

/// Exchanges top and bottom with probability `p`.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RandomVerticalFlip {
    /// The probability. Default: 0.5.
    #[serde(default = "half")]
    pub p: f32,
}

impl Default for RandomVerticalFlip {
    fn default() -> Self {
        Self { p: half() }
    }
}

impl Spec for RandomVerticalFlip {
    fn check(&self) -> Result<(), String> {
        check_probability(self.p)
    }

    fn draw(&self, drawing: &mut Drawing<'_>) -> Result<(), DataError> {
        if drawing.chance(self.p) { drawing.push(Operation::VerticalFlip) } else { Ok(()) }
    }
}
