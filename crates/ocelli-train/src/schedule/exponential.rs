//! A fixed factor every epoch: PyTorch's `ExponentialLR`.

use super::{By, Clock, Rates, Spec, flat, positive};
use crate::optimizer::Checked;
use serde::{Deserialize, Serialize};

/// The learning rate is multiplied by `gamma` after every epoch: `torch.optim.lr_scheduler.ExponentialLR`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Exponential {
    /// What the learning rate is multiplied by (default 0.95).
    pub gamma: f64,
    /// What is counted (default epochs).
    pub by: By,
}

impl Default for Exponential {
    fn default() -> Self {
        Exponential { gamma: 0.95, by: By::Epoch }
    }
}

impl Spec for Exponential {
    fn at(&self, lr: f64, clock: Clock) -> Rates {
        flat(lr * self.gamma.powf(clock.done(self.by) as f64))
    }

    fn check(&self) -> Checked {
        positive("gamma", self.gamma)
    }
}
