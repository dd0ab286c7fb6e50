//! A factor at given epochs: PyTorch's `MultiStepLR`.

use super::{By, Clock, Rates, Spec, flat, positive};
use crate::optimizer::Checked;
use serde::{Deserialize, Serialize};

/// The learning rate is multiplied by `gamma` at every milestone: `torch.optim.lr_scheduler.MultiStepLR`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MultiStep {
    /// After how many epochs (or batches) it changes, in ascending order; one that is there twice counts twice.
    pub milestones: Vec<u64>,
    /// What the learning rate is multiplied by (default 0.1).
    pub gamma: f64,
    /// What is counted (default epochs).
    pub by: By,
}

impl Default for MultiStep {
    fn default() -> Self {
        MultiStep { milestones: Vec::new(), gamma: 0.1, by: By::Epoch }
    }
}

impl Spec for MultiStep {
    fn at(&self, lr: f64, clock: Clock) -> Rates {
        let done = clock.done(self.by);
        let passed = self.milestones.iter().filter(|milestone| **milestone <= done).count();
        flat(lr * self.gamma.powf(passed as f64))
    }

    fn check(&self) -> Checked {
        if self.milestones.is_empty() {
            return Err((
                "milestones",
                "is empty, but says when the learning rate changes: [30, 60], say".into(),
            ));
        }
        if !self.milestones.is_sorted() {
            return Err(("milestones", format!("is {:?}, but must ascend", self.milestones)));
        }
        positive("gamma", self.gamma)
    }
}
