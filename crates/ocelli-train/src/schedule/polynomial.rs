//! Down to 0 along a power: PyTorch's `PolynomialLR`.

use super::{By, Clock, Rates, Spec, flat, some};
use crate::optimizer::{Checked, not_negative};
use serde::{Deserialize, Serialize};

/// From the learning rate down to 0 after `total_iters` batches, along the power `power` of what is left of the way:
/// `torch.optim.lr_scheduler.PolynomialLR`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Polynomial {
    /// Batches (or epochs) until 0 (default: all of the run; PyTorch's is 5).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total_iters: Option<u64>,
    /// The power: 1 is a straight line (default 1).
    pub power: f64,
    /// What is counted (default batches).
    pub by: By,
}

impl Default for Polynomial {
    fn default() -> Self {
        Polynomial { total_iters: None, power: 1.0, by: By::Batch }
    }
}

impl Spec for Polynomial {
    fn at(&self, lr: f64, clock: Clock) -> Rates {
        let total = self.total_iters.unwrap_or(clock.total(self.by)).max(1);
        let done = clock.done(self.by).min(total);
        flat(lr * (1.0 - done as f64 / total as f64).powf(self.power))
    }

    fn check(&self) -> Checked {
        self.total_iters.map_or(Ok(()), |count| some("total_iters", count))?;
        not_negative("power", self.power)
    }
}
