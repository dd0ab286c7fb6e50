//! Worse than most were at the same step.

use super::steps::Steps;
use super::{Pruner, PrunerError, Pruning, Verdict};
use crate::{Direction, TrialState};

/// Gives up on a trial whose best value so far is worse than a percentile of what complete trials had at the same step: Optuna's
/// `PercentilePruner`.
///
/// ```
/// use ocelli_tune::PercentilePruner;
/// let keeps_the_best_quarter = PercentilePruner { startup_trials: 10, ..PercentilePruner::new(25.0) };
/// assert!(keeps_the_best_quarter.check().is_ok());
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PercentilePruner {
    /// The percentage of trials, the best, that go on, 0 to 100.
    pub percentile: f64,
    /// So many trials are complete before any is pruned (default 5).
    pub startup_trials: usize,
    /// Steps below this one do not count (default 0).
    pub warmup_steps: i64,
    /// It looks every so many steps from there on (default 1).
    pub interval_steps: i64,
    /// So many complete trials must have reported the step (default 1).
    pub min_trials: usize,
}

impl PercentilePruner {
    /// With the defaults of Optuna.
    pub fn new(percentile: f64) -> Self {
        PercentilePruner { percentile, startup_trials: 5, warmup_steps: 0, interval_steps: 1, min_trials: 1 }
    }

    /// Whether the settings make sense.
    ///
    /// # Errors
    /// The first that does not.
    pub fn check(&self) -> Result<(), PrunerError> {
        let pruner = "PercentilePruner";
        if !(0.0..=100.0).contains(&self.percentile) {
            let problem = format!("percentile = {} must be from 0 to 100", self.percentile);
            return Err(PrunerError { pruner, problem });
        }
        if self.min_trials < 1 {
            return Err(PrunerError { pruner, problem: "min_trials = 0 must be 1 or more".into() });
        }
        self.steps().check(pruner)
    }

    fn steps(&self) -> Steps {
        Steps { warmup: self.warmup_steps, interval: self.interval_steps }
    }

    /// The value at the same step that a trial must not be worse than; NaN where there is none.
    fn threshold(&self, pruning: &Pruning<'_>, step: i64) -> f64 {
        let complete = pruning.history.in_state(TrialState::Complete);
        let values: Vec<f64> =
            complete.filter_map(|trial| trial.intermediate_values.get(&step).copied()).collect();
        if values.len() < self.min_trials {
            return f64::NAN;
        }
        let percentile = match pruning.direction {
            Direction::Minimize => self.percentile,
            Direction::Maximize => 100.0 - self.percentile,
        };
        nan_percentile(values, percentile)
    }
}

impl Pruner for PercentilePruner {
    fn prune(&self, pruning: &Pruning<'_>) -> Verdict {
        let complete = pruning.history.in_state(TrialState::Complete).count();
        if complete == 0 || complete < self.startup_trials {
            return Verdict::default();
        }
        let Some(step) = self.steps().due(pruning.trial) else { return Verdict::default() };
        let best = best(pruning.direction, pruning.trial.intermediate_values.values().copied());
        if best.is_nan() {
            return Verdict::prune();
        }
        // A comparison with NaN is false: where nobody is to compare with, trials go on.
        let threshold = self.threshold(pruning, step);
        let worse = pruning.direction.as_loss(best) > pruning.direction.as_loss(threshold);
        Verdict { prune: worse, notes: Vec::new() }
    }
}

/// [`PercentilePruner`] with the median: Optuna's `MedianPruner`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MedianPruner {
    /// So many trials are complete before any is pruned (default 5).
    pub startup_trials: usize,
    /// Steps below this one do not count (default 0).
    pub warmup_steps: i64,
    /// It looks every so many steps from there on (default 1).
    pub interval_steps: i64,
    /// So many complete trials must have reported the step (default 1).
    pub min_trials: usize,
}

impl Default for MedianPruner {
    fn default() -> Self {
        MedianPruner { startup_trials: 5, warmup_steps: 0, interval_steps: 1, min_trials: 1 }
    }
}

impl MedianPruner {
    /// Whether the settings make sense.
    ///
    /// # Errors
    /// The first that does not.
    pub fn check(&self) -> Result<(), PrunerError> {
        self.percentile().check()
    }

    fn percentile(&self) -> PercentilePruner {
        PercentilePruner {
            percentile: 50.0,
            startup_trials: self.startup_trials,
            warmup_steps: self.warmup_steps,
            interval_steps: self.interval_steps,
            min_trials: self.min_trials,
        }
    }
}

impl Pruner for MedianPruner {
    fn prune(&self, pruning: &Pruning<'_>) -> Verdict {
        self.percentile().prune(pruning)
    }
}

/// The best of some values; what is no number does not count. NaN where there is none.
pub(super) fn best(direction: Direction, values: impl Iterator<Item = f64>) -> f64 {
    let numbers = values.filter(|value| !value.is_nan());
    numbers.min_by(|one, other| direction.compare(*one, *other)).unwrap_or(f64::NAN)
}

/// NumPy's `nanpercentile`: linear between the two nearest values, NaN left out.
fn nan_percentile(mut values: Vec<f64>, percentile: f64) -> f64 {
    values.retain(|value| !value.is_nan());
    values.sort_by(f64::total_cmp);
    let Some(last) = values.len().checked_sub(1) else { return f64::NAN };
    let place = percentile / 100.0 * last as f64;
    let index = (place.floor() as usize).min(last);
    let (low, high) = (values[index], values[(index + 1).min(last)]);
    let (part, width) = (place - index as f64, high - low);
    // From the nearer end, as NumPy does, so that equal figures stay equal.
    if part >= 0.5 { high - width * (1.0 - part) } else { low + width * part }
}
