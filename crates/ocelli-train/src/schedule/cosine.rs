//! Half a cosine down: PyTorch's `CosineAnnealingLR`.

use super::{By, Clock, Rates, Spec, flat, half_cosine, some};
use crate::optimizer::{Checked, not_negative};
use serde::{Deserialize, Serialize};

/// From the learning rate at the first step down to `eta_min` after `T_max` steps, along half a cosine:
/// `torch.optim.lr_scheduler.CosineAnnealingLR`, stepped after every batch.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Cosine {
    /// Batches (or epochs) until the end of the way (default: all of the run). Beyond it, the cosine goes on.
    #[serde(rename = "T_max", alias = "t_max", skip_serializing_if = "Option::is_none")]
    pub t_max: Option<u64>,
    /// The learning rate at the end (default 0).
    pub eta_min: f64,
    /// What is counted (default batches).
    pub by: By,
}

impl Default for Cosine {
    fn default() -> Self {
        Cosine { t_max: None, eta_min: 0.0, by: By::Batch }
    }
}

impl Spec for Cosine {
    fn at(&self, lr: f64, clock: Clock) -> Rates {
        let total = self.t_max.unwrap_or(clock.total(self.by)).max(1);
        let part = clock.done(self.by) as f64 / total as f64;
        flat(half_cosine(lr, self.eta_min, part))
    }

    fn check(&self) -> Checked {
        self.t_max.map_or(Ok(()), |count| some("T_max", count))?;
        not_negative("eta_min", self.eta_min)
    }
}
