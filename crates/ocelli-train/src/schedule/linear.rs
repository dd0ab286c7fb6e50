//! A factor that changes in a straight line: PyTorch's `LinearLR`.

use super::{By, Clock, Rates, Spec, flat, part};
use crate::optimizer::Checked;
use serde::{Deserialize, Serialize};

/// The learning rate is multiplied by a factor that goes from `start_factor` to `end_factor` over the first `total_iters`
/// epochs, and stays there: `torch.optim.lr_scheduler.LinearLR`, its defaults included.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Linear {
    /// The first factor, above 0 up to 1 (default a third).
    pub start_factor: f64,
    /// The last factor, 0 to 1 (default 1).
    pub end_factor: f64,
    /// Epochs (or batches) until the last factor (default 5).
    pub total_iters: u64,
    /// What is counted (default epochs).
    pub by: By,
}

impl Default for Linear {
    fn default() -> Self {
        Linear { start_factor: 1.0 / 3.0, end_factor: 1.0, total_iters: 5, by: By::Epoch }
    }
}

impl Spec for Linear {
    fn at(&self, lr: f64, clock: Clock) -> Rates {
        let done = clock.done(self.by).min(self.total_iters);
        let part = if self.total_iters == 0 { 1.0 } else { done as f64 / self.total_iters as f64 };
        flat(lr * (self.start_factor + (self.end_factor - self.start_factor) * part))
    }

    fn check(&self) -> Checked {
        if !(self.start_factor > 0.0 && self.start_factor <= 1.0) {
            return Err((
                "start_factor",
                format!("is {}, but must be more than 0 and at most 1", self.start_factor),
            ));
        }
        part("end_factor", self.end_factor)
    }
}
