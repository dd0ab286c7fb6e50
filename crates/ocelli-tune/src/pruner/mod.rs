//! Who gives up on trials that go badly.

mod hyperband;
mod nop;
mod patient;
mod percentile;
mod steps;
mod successive_halving;
mod threshold;

pub use hyperband::{Hyperband, HyperbandOptions};
pub use nop::NopPruner;
pub use patient::PatientPruner;
pub use percentile::{MedianPruner, PercentilePruner};
pub use successive_halving::{SuccessiveHalving, SuccessiveHalvingOptions};
pub use threshold::ThresholdPruner;

use crate::{Direction, History, Trial};
use std::fmt::Debug;

/// What a pruner is asked.
#[derive(Clone, Copy, Debug)]
pub struct Pruning<'a> {
    /// The study's name.
    pub study: &'a str,
    /// Which way the objective gets better.
    pub direction: Direction,
    /// The trial, with what it has reported.
    pub trial: &'a Trial,
    /// The trials of the study, this one among them.
    pub history: &'a History,
}

/// What a pruner says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Verdict {
    /// Whether to give up on the trial.
    pub prune: bool,
    /// What to note with the trial, for other trials to be compared with.
    pub notes: Vec<(String, f64)>,
}

impl Verdict {
    /// Gives up.
    fn prune() -> Self {
        Verdict { prune: true, notes: Vec::new() }
    }
}

/// A pruner with settings that make no sense.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{pruner}: {problem}")]
pub struct PrunerError {
    /// The pruner.
    pub pruner: &'static str,
    /// What was found, what is needed.
    pub problem: String,
}

/// Decides whether a trial that has reported goes on. Only for studies of one objective, as in Optuna.
pub trait Pruner: Debug + Send + Sync {
    /// Whether to give up on the trial now.
    fn prune(&self, pruning: &Pruning<'_>) -> Verdict;

    /// Those trials that samplers and comparisons see for a trial of this number. Without an implementation, all;
    /// [`Hyperband`] gives those of its bracket.
    fn peers(&self, _study: &str, _number: u64, history: History) -> History {
        history
    }
}

#[cfg(test)]
mod tests;
