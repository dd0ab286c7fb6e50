//! A warm-up before any schedule.

use super::{By, Clock, Rates, Schedule, Spec, part};
use crate::optimizer::Checked;
use serde::{Deserialize, Serialize};

/// The first epochs (or batches) at a lower learning rate, before the schedule begins: as PyTorch's
/// `SequentialLR([LinearLR(start_factor, total_iters = length), schedule], milestones = [length])`, or with `ConstantLR`.
///
/// In a recipe: `train.warmup = { length = 500, by = "batch" }`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Warmup {
    /// Epochs (or batches) of it (default 5).
    pub length: u64,
    /// What the length counts, and when the learning rate moves (default epochs).
    pub by: By,
    /// The factor that it begins with, above 0 up to 1 (default 0.01).
    pub start_factor: f64,
    /// Whether the factor rises to 1 in a straight line or stays (default `linear`).
    pub method: WarmupMethod,
}

/// How a warm-up goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WarmupMethod {
    /// Up to the learning rate in a straight line.
    #[default]
    Linear,
    /// At one factor.
    Constant,
}

impl Default for Warmup {
    fn default() -> Self {
        Warmup { length: 5, by: By::Epoch, start_factor: 0.01, method: WarmupMethod::Linear }
    }
}

impl Warmup {
    /// Learning rate and momentum for the step at `clock`: the warm-up's, or those of the schedule after it.
    pub fn at(&self, schedule: &Schedule, lr: f64, clock: Clock) -> Rates {
        let length = clock.steps_of(self.by, self.length);
        if clock.step >= length {
            return schedule.at(lr, clock.since(length));
        }
        let start_factor = self.start_factor;
        match self.method {
            WarmupMethod::Linear => {
                let (total_iters, by) = (self.length, self.by);
                super::Linear { start_factor, end_factor: 1.0, total_iters, by }.at(lr, clock)
            }
            WarmupMethod::Constant => super::flat(lr * start_factor),
        }
    }

    pub(crate) fn check(&self) -> Checked {
        if self.start_factor == 0.0 {
            return Err(("start_factor", "is 0, but nothing is learned at a learning rate of 0".into()));
        }
        part("start_factor", self.start_factor)
    }
}
