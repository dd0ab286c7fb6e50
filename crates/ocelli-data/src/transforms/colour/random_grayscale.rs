//! `RandomGrayscale`.

use serde::{Deserialize, Serialize};

use super::super::operation::Colour;
use super::super::span::check_probability;
use super::super::transform::Spec;
use super::super::{Drawing, Operation};
use crate::DataError;

/// Takes colours away with probability `p`; the channels stay as many as they are.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RandomGrayscale {
    /// The probability. Default: 0.1.
    #[serde(default = "usual")]
    pub p: f32,
}

fn usual() -> f32 {
    0.1
}

impl Default for RandomGrayscale {
    fn default() -> Self {
        Self { p: usual() }
    }
}

impl Spec for RandomGrayscale {
    fn check(&self) -> Result<(), String> {
        check_probability(self.p)
    }

    fn draw(&self, drawing: &mut Drawing<'_>) -> Result<(), DataError> {
        let channels = drawing.channels();
        if drawing.chance(self.p) && channels == 3 {
            return drawing.push(Operation::Colour(Colour::Grayscale(channels)));
        }
        Ok(())
    }
}
