//! Half a cosine down, again and again: PyTorch's `CosineAnnealingWarmRestarts`.

use super::{By, Clock, Rates, Spec, flat, half_cosine, some};
use crate::optimizer::{Checked, not_negative};
use serde::{Deserialize, Serialize};

/// From the learning rate down to `eta_min` along half a cosine in `T_0` epochs, then up at once and down again, each time
/// `T_mult` times as long: `torch.optim.lr_scheduler.CosineAnnealingWarmRestarts`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CosineRestarts {
    /// Epochs (or batches) of the first way down (default 10).
    #[serde(rename = "T_0", alias = "t_0")]
    pub t_0: u64,
    /// How much longer each way down is than the one before (default 1).
    #[serde(rename = "T_mult", alias = "t_mult")]
    pub t_mult: u64,
    /// The lowest learning rate (default 0).
    pub eta_min: f64,
    /// What is counted (default epochs).
    pub by: By,
}

impl Default for CosineRestarts {
    fn default() -> Self {
        CosineRestarts { t_0: 10, t_mult: 1, eta_min: 0.0, by: By::Epoch }
    }
}

impl CosineRestarts {
    /// How many are done of the present way down, and how long it is.
    fn place(&self, done: u64) -> (u64, u64) {
        let (mut done, mut length) = (done, self.t_0.max(1));
        if self.t_mult <= 1 {
            return (done % length, length);
        }
        while done >= length {
            done -= length;
            length = length.saturating_mul(self.t_mult);
        }
        (done, length)
    }
}

impl Spec for CosineRestarts {
    fn at(&self, lr: f64, clock: Clock) -> Rates {
        let (done, length) = self.place(clock.done(self.by));
        let part = done as f64 / length as f64;
        flat(half_cosine(lr, self.eta_min, part))
    }

    fn check(&self) -> Checked {
        some("T_0", self.t_0)?;
        if self.t_mult == 0 {
            return Err(("T_mult", "is 0, but says how much longer each way down is: 1 or more".into()));
        }
        not_negative("eta_min", self.eta_min)
    }
}
