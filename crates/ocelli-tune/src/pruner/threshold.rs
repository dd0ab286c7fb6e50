//! Outside of bounds.

use super::steps::Steps;
use super::{Pruner, PrunerError, Pruning, Verdict};

/// Gives up on a trial whose last value is outside of bounds, or is no number: Optuna's `ThresholdPruner`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ThresholdPruner {
    /// Below it, a trial is pruned.
    pub lower: Option<f64>,
    /// Above it, a trial is pruned.
    pub upper: Option<f64>,
    /// Steps below this one do not count (default 0).
    pub warmup_steps: i64,
    /// It looks every so many steps from there on (default 1).
    pub interval_steps: i64,
}

impl ThresholdPruner {
    /// With the defaults of Optuna.
    pub fn new(lower: Option<f64>, upper: Option<f64>) -> Self {
        ThresholdPruner { lower, upper, warmup_steps: 0, interval_steps: 1 }
    }

    /// Whether the settings make sense.
    ///
    /// # Errors
    /// The first that does not.
    pub fn check(&self) -> Result<(), PrunerError> {
        let wrong = |problem| Err(PrunerError { pruner: "ThresholdPruner", problem });
        match (self.lower, self.upper) {
            (None, None) => wrong("it has neither lower nor upper; give one of them".into()),
            (Some(lower), Some(upper)) if lower > upper => {
                wrong(format!("lower = {lower} is above upper = {upper}; exchange them"))
            }
            _ => self.steps().check("ThresholdPruner"),
        }
    }

    fn steps(&self) -> Steps {
        Steps { warmup: self.warmup_steps, interval: self.interval_steps }
    }
}

impl Pruner for ThresholdPruner {
    fn prune(&self, pruning: &Pruning<'_>) -> Verdict {
        let step = self.steps().due(pruning.trial);
        let last = step.and_then(|step| pruning.trial.intermediate_values.get(&step));
        let outside = |value: &f64| {
            value.is_nan()
                || self.lower.is_some_and(|lower| *value < lower)
                || self.upper.is_some_and(|upper| *value > upper)
        };
        Verdict { prune: last.is_some_and(outside), notes: Vec::new() }
    }
}
