//! `RandomHorizontalFlip`.

use serde::{Deserialize, Serialize};

use super::super::span::{check_probability, half};
use super::super::transform::Spec;
use super::super::{Drawing, Operation};
use crate::DataError;

/// Exchanges left and right with probability `p`.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RandomHorizontalFlip {
    /// The probability. Default: 0.5.
    #[serde(default = "half")]
    pub p: f32,
}

impl Default for RandomHorizontalFlip {
    fn default() -> Self {
        Self { p: half() }
    }
}

impl Spec for RandomHorizontalFlip {
    fn check(&self) -> Result<(), String> {
        check_probability(self.p)
    }

    fn draw(&self, drawing: &mut Drawing<'_>) -> Result<(), DataError> {
        if drawing.chance(self.p) { drawing.push(Operation::HorizontalFlip) } else { Ok(()) }
    }
}
