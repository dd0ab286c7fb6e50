//! `CutMix`.

use ocelli_kernels::random::Stream;
use serde::{Deserialize, Serialize};

use super::super::gamma::beta;
use super::mix_up::one;
use super::with_partners;

/// Puts a random rectangle of one image into another, the same place in all of a batch (Yun et al., arXiv:1905.04899).
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CutMix {
    /// The parameter of the Beta distribution of the part that stays. Default: 1, any part alike.
    #[serde(default = "one")]
    pub alpha: f64,
}

impl Default for CutMix {
    fn default() -> Self {
        Self { alpha: one() }
    }
}

impl CutMix {
    /// Mixes `count` images and tells how much of each is its own.
    pub(super) fn apply(
        &self,
        images: &mut [f32],
        count: usize,
        (height, width, channels): (usize, usize, usize),
        stream: &mut Stream,
    ) -> f32 {
        let half = 0.5 * (1.0 - beta(self.alpha, stream)).sqrt();
        // The middle is uniform in the image; what reaches past the edges is cut off.
        let mut side = |side: usize| {
            let middle = stream.below(u32::try_from(side).unwrap_or(u32::MAX)) as usize;
            let reach = (half * side as f64) as usize;
            middle.saturating_sub(reach)..(middle + reach).min(side)
        };
        let (columns, rows) = (side(width), side(height));
        with_partners(images, count, |image, partner| {
            let row = width * channels;
            let part = columns.start * channels..columns.end * channels;
            for y in rows.clone() {
                image[y * row..][part.clone()].copy_from_slice(&partner[y * row..][part.clone()]);
            }
        });
        (1.0 - (columns.len() * rows.len()) as f64 / (width * height) as f64) as f32
    }
}
