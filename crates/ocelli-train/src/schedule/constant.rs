//! A learning rate that stays: as given, or, for the first while, times a factor (PyTorch's `ConstantLR`).

use super::{By, Clock, Rates, Spec, flat, part};
use crate::optimizer::Checked;
use serde::{Deserialize, Serialize};

/// A schedule without settings: the learning rate stays as given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Constant {}

impl Spec for Constant {
    fn at(&self, lr: f64, _: Clock) -> Rates {
        flat(lr)
    }

    fn check(&self) -> Checked {
        Ok(())
    }
}

/// The learning rate is multiplied by `factor` for the first `total_iters` epochs, and then stays as given:
/// `torch.optim.lr_scheduler.ConstantLR`, its defaults included.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ConstantFactor {
    /// The factor, 0 to 1 (default a third).
    pub factor: f64,
    /// Epochs (or batches) until the learning rate is as given (default 5).
    pub total_iters: u64,
    /// What is counted (default epochs).
    pub by: By,
}

impl Default for ConstantFactor {
    fn default() -> Self {
        ConstantFactor { factor: 1.0 / 3.0, total_iters: 5, by: By::Epoch }
    }
}

impl Spec for ConstantFactor {
    fn at(&self, lr: f64, clock: Clock) -> Rates {
        flat(if clock.done(self.by) < self.total_iters { lr * self.factor } else { lr })
    }

    fn check(&self) -> Checked {
        part("factor", self.factor)
    }
}
