//! Sharpness-aware minimisation.

use serde::{Deserialize, Serialize};

/// Steps by the gradients not at the weights, but at those nearby, `rho` away, where the loss is largest as far as the gradient
/// tells (Foret et al., "Sharpness-Aware Minimization for Efficiently Improving Generalization", 2021): two passes a batch. With
/// `adaptive`, nearby is measured in units of each weight (Kwon et al., "ASAM", 2021).
///
/// The second pass draws the same dropout as the first, and BatchNorm's running averages move in the first alone: they are of the
/// weights that are kept. Loss and accuracy are told of the first. Frozen parameters stay in both. Where batches accumulate,
/// each climbs by its own gradient, which is the paper's m-sharpness; gradients are clipped when all have been added up.
///
/// In a recipe: `train.sam = { rho = 0.05 }`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Sam {
    /// How far it is to the weights nearby, more than 0 (default 0.05; the adaptive kind wants about ten times as much).
    pub rho: f64,
    /// Whether `rho` is in units of each weight's size (default false).
    pub adaptive: bool,
}

impl Default for Sam {
    fn default() -> Self {
        Sam { rho: 0.05, adaptive: false }
    }
}

impl Sam {
    /// Says which setting is out of its range, if one is.
    pub(crate) fn check(&self) -> Result<(), (&'static str, String)> {
        match self.rho > 0.0 && self.rho.is_finite() {
            true => Ok(()),
            false => Err((
                "rho",
                format!("is {}, but must be more than 0; leave train.sam out to go without", self.rho),
            )),
        }
    }
}
