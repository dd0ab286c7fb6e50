//! `TrivialAugmentWide`.

use serde::{Deserialize, Serialize};

use super::super::transform::Spec;
use super::super::{Drawing, Fill, Interpolation};
use super::space::{Look, Reach, Shift, USUAL};
use crate::DataError;

/// Does one operation, any of fourteen, at any magnitude of a wide range (Müller and Hutter, arXiv:2103.10158).
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TrivialAugmentWide {
    /// How many magnitudes there are. Default: 31.
    pub num_magnitude_bins: usize,
    /// nearest or bilinear. Default: nearest.
    pub interpolation: Interpolation,
    /// What fills pixels that the image does not reach. Default: black.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fill: Option<Fill>,
}

impl Default for TrivialAugmentWide {
    fn default() -> Self {
        Self { num_magnitude_bins: 31, interpolation: Interpolation::Nearest, fill: None }
    }
}

const REACH: Reach =
    Reach { shear: 0.99, translate: Shift::Pixels(32.0), rotate: 135.0, factor: 0.99, posterize: (8.0, 6.0) };

impl Spec for TrivialAugmentWide {
    fn check(&self) -> Result<(), String> {
        if self.num_magnitude_bins == 0 {
            return Err("num_magnitude_bins is 0: at least 1 is needed".to_owned());
        }
        self.interpolation.check_for_warping()?;
        self.fill.map_or(Ok(()), |fill| fill.check("fill"))
    }

    fn draw(&self, drawing: &mut Drawing<'_>) -> Result<(), DataError> {
        let look = Look { interpolation: self.interpolation, fill: self.fill };
        let chosen = USUAL[drawing.below(USUAL.len())];
        let bin = drawing.below(self.num_magnitude_bins);
        let magnitude = chosen.draw_magnitude(&REACH, (self.num_magnitude_bins, bin), drawing);
        chosen.push(magnitude, look, drawing)
    }
}
