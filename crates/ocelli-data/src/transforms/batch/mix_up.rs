//! `MixUp`.

use ocelli_kernels::random::Stream;
use serde::{Deserialize, Serialize};

use super::super::gamma::beta;
use super::with_partners;

/// Adds images up in random proportions (Zhang et al., arXiv:1710.09412).
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MixUp {
    /// The parameter of the Beta distribution of the proportions: the smaller, the more does one image outweigh the other.
    /// Default: 1, any proportion alike.
    #[serde(default = "one")]
    pub alpha: f64,
}

pub(super) fn one() -> f64 {
    1.0
}

impl Default for MixUp {
    fn default() -> Self {
        Self { alpha: one() }
    }
}

impl MixUp {
    /// Mixes `count` images and tells how much of each is its own.
    pub(super) fn apply(&self, images: &mut [f32], count: usize, stream: &mut Stream) -> f32 {
        let share = beta(self.alpha, stream);
        let (own, other) = (share as f32, (1.0 - share) as f32);
        with_partners(images, count, |image, partner| {
            for (value, partner) in image.iter_mut().zip(partner) {
                *value = partner * other + *value * own;
            }
        });
        own
    }
}
