//! A fixed factor every few epochs: PyTorch's `StepLR`.

use super::{By, Clock, Rates, Spec, flat, positive, some};
use crate::optimizer::Checked;
use serde::{Deserialize, Serialize};

/// The learning rate is multiplied by `gamma` after every `step_size` epochs: `torch.optim.lr_scheduler.StepLR`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StepDecay {
    /// Epochs (or batches) between two changes, at least 1 (default 10).
    pub step_size: u64,
    /// What the learning rate is multiplied by (default 0.1).
    pub gamma: f64,
    /// What is counted (default epochs).
    pub by: By,
}

impl Default for StepDecay {
    fn default() -> Self {
        StepDecay { step_size: 10, gamma: 0.1, by: By::Epoch }
    }
}

impl Spec for StepDecay {
    fn at(&self, lr: f64, clock: Clock) -> Rates {
        flat(lr * self.gamma.powf((clock.done(self.by) / self.step_size.max(1)) as f64))
    }

    fn check(&self) -> Checked {
        some("step_size", self.step_size)?;
        positive("gamma", self.gamma)
    }
}
