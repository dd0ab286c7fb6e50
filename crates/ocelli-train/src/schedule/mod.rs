//! How the learning rate (and, for one-cycle, the momentum) changes over a run.

mod cosine;
mod one_cycle;
mod step;

pub use cosine::Cosine;
pub use one_cycle::{Anneal, OneCycle};
pub use step::StepDecay;

use serde::{Deserialize, Serialize};

/// Where a run stands: which optimizer step comes next, out of how many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clock {
    /// The step that comes next, counted from 0 over the whole run.
    pub step: u64,
    /// Optimizer steps (batches) in one epoch, at least 1.
    pub steps_per_epoch: u64,
    /// Epochs in the whole run.
    pub epochs: u64,
}

impl Clock {
    /// Steps in the whole run.
    pub fn total(&self) -> u64 {
        self.steps_per_epoch * self.epochs
    }

    /// The epoch that the step belongs to, from 0.
    pub fn epoch(&self) -> u64 {
        self.step / self.steps_per_epoch.max(1)
    }
}

/// What a schedule says for one step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rates {
    /// Learning rate.
    pub lr: f64,
    /// Momentum (Adam: the first beta), where the schedule moves it.
    pub momentum: Option<f64>,
}

/// A learning-rate schedule. A pure function of the step: resuming a run needs no state of it.
///
/// In a recipe: `train.schedule = "one-cycle"`, or a table with a `name` and the schedule's own settings.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "kebab-case")]
pub enum Schedule {
    /// The learning rate stays as given.
    Constant(Constant),
    /// From the learning rate down to `eta_min` along half a cosine.
    Cosine(Cosine),
    /// Up to the learning rate, then down to nearly nothing.
    OneCycle(OneCycle),
    /// Multiplied by `gamma` every `step_size` epochs.
    Step(StepDecay),
}

/// A schedule without settings: the learning rate stays as given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Constant {}

impl Default for Schedule {
    fn default() -> Self {
        Schedule::Constant(Constant {})
    }
}

impl Schedule {
    /// The names that a recipe may use.
    pub const NAMES: [&str; 4] = ["constant", "cosine", "one-cycle", "step"];

    /// Learning rate and momentum for the step at `clock`, where `lr` is the recipe's learning rate
    /// (for one-cycle, the highest).
    pub fn at(&self, lr: f64, clock: Clock) -> Rates {
        let flat = |lr| Rates { lr, momentum: None };
        match self {
            Schedule::Constant(_) => flat(lr),
            Schedule::Cosine(cosine) => flat(cosine.lr(lr, clock)),
            Schedule::OneCycle(cycle) => cycle.at(lr, clock),
            Schedule::Step(decay) => flat(decay.lr(lr, clock)),
        }
    }

    /// Says which setting is out of its range, if one is.
    pub(crate) fn check(&self) -> Result<(), (&'static str, String)> {
        match self {
            Schedule::Constant(_) => Ok(()),
            Schedule::Cosine(cosine) => cosine.check(),
            Schedule::OneCycle(cycle) => cycle.check(),
            Schedule::Step(decay) => decay.check(),
        }
    }
}
