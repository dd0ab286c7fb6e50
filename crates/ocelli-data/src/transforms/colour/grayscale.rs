//! `Grayscale`.

use serde::{Deserialize, Serialize};

use super::super::operation::Colour;
use super::super::transform::Spec;
use super::super::{Drawing, Operation};
use crate::DataError;

/// Takes colours away: 0.2989 R + 0.587 G + 0.114 B, cut off after the point.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Grayscale {
    /// Channels of the result, 1 or 3. Default: 1.
    #[serde(default = "one")]
    pub num_output_channels: usize,
}

fn one() -> usize {
    1
}

impl Default for Grayscale {
    fn default() -> Self {
        Self { num_output_channels: one() }
    }
}

impl Spec for Grayscale {
    fn check(&self) -> Result<(), String> {
        if matches!(self.num_output_channels, 1 | 3) {
            return Ok(());
        }
        Err(format!("num_output_channels = {}: 1 or 3 is needed", self.num_output_channels))
    }

    fn is_deterministic(&self) -> bool {
        true
    }

    fn output_channels(&self, _: usize) -> usize {
        self.num_output_channels
    }

    fn draw(&self, drawing: &mut Drawing<'_>) -> Result<(), DataError> {
        if drawing.channels() == 1 && self.num_output_channels == 1 {
            return Ok(());
        }
        drawing.push(Operation::Colour(Colour::Grayscale(self.num_output_channels)))
    }
}
