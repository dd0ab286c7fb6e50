//! `RandomEqualize`.

use serde::{Deserialize, Serialize};

use super::super::operation::Colour;
use super::super::span::{check_probability, half};
use super::super::transform::Spec;
use super::super::{Drawing, Operation};
use crate::DataError;

/// Spreads each channel's levels evenly with probability `p`.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RandomEqualize {
    /// The probability. Default: 0.5.
    #[serde(default = "half")]
    pub p: f32,
}

impl Default for RandomEqualize {
    fn default() -> Self {
        Self { p: half() }
    }
}

impl Spec for RandomEqualize {
    fn check(&self) -> Result<(), String> {
        check_probability(self.p)
    }

    fn draw(&self, drawing: &mut Drawing<'_>) -> Result<(), DataError> {
        if drawing.chance(self.p) { drawing.push(Operation::Colour(Colour::Equalize)) } else { Ok(()) }
    }
}
