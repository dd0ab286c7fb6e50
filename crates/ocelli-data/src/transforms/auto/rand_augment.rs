//! `RandAugment`.

use serde::{Deserialize, Serialize};

use super::super::transform::Spec;
use super::super::{Drawing, Fill, Interpolation};
use super::space::{Look, Reach, Shift, USUAL};
use crate::DataError;

/// Does some operations, each any of fourteen, at one magnitude (Cubuk et al., arXiv:1909.13719).
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RandAugment {
    /// How many. Default: 2.
    pub num_ops: usize,
    /// The magnitude, 0 to `num_magnitude_bins` − 1. Default: 9.
    pub magnitude: usize,
    /// How many magnitudes there are. Default: 31.
    pub num_magnitude_bins: usize,
    /// nearest or bilinear. Default: nearest.
    pub interpolation: Interpolation,
    /// What fills pixels that the image does not reach. Default: black.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fill: Option<Fill>,
}

impl Default for RandAugment {
    fn default() -> Self {
        Self {
            num_ops: 2,
            magnitude: 9,
            num_magnitude_bins: 31,
            interpolation: Interpolation::Nearest,
            fill: None,
        }
    }
}

/// As in AutoAugment.
pub(super) const REACH: Reach = Reach {
    shear: 0.3,
    translate: Shift::Part(150.0 / 331.0, 1.0),
    rotate: 30.0,
    factor: 0.9,
    posterize: (8.0, 4.0),
};

/// The most operations that one image goes through.
const MAX_OPS: usize = 64;

impl Spec for RandAugment {
    fn check(&self) -> Result<(), String> {
        if self.num_ops > MAX_OPS {
            return Err(format!("num_ops = {}: at most {MAX_OPS} are allowed", self.num_ops));
        }
        if self.magnitude >= self.num_magnitude_bins {
            let last = self.num_magnitude_bins.saturating_sub(1);
            return Err(format!(
                "magnitude = {}: 0 to num_magnitude_bins − 1 = {last} is needed",
                self.magnitude
            ));
        }
        self.interpolation.check_for_warping()?;
        self.fill.map_or(Ok(()), |fill| fill.check("fill"))
    }

    fn draw(&self, drawing: &mut Drawing<'_>) -> Result<(), DataError> {
        let look = Look { interpolation: self.interpolation, fill: self.fill };
        for _ in 0..self.num_ops {
            let chosen = USUAL[drawing.below(USUAL.len())];
            let magnitude = chosen.draw_magnitude(&REACH, (self.num_magnitude_bins, self.magnitude), drawing);
            chosen.push(magnitude, look, drawing)?;
        }
        Ok(())
    }
}
