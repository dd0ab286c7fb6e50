//! At which steps pruners look.

use super::PrunerError;
use crate::Trial;

/// From where on, and how often, a pruner looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Steps {
    pub(super) warmup: i64,
    pub(super) interval: i64,
}

impl Steps {
    pub(super) fn check(self, pruner: &'static str) -> Result<(), PrunerError> {
        if self.warmup < 0 {
            return Err(PrunerError {
                pruner,
                problem: format!("warmup_steps = {} must be 0 or more", self.warmup),
            });
        }
        if self.interval < 1 {
            let problem = format!("interval_steps = {} must be 1 or more", self.interval);
            return Err(PrunerError { pruner, problem });
        }
        Ok(())
    }

    /// The last step of a trial, if the pruner looks there: past the warm-up, and the first that was reported since the last place to
    /// look at.
    pub(super) fn due(self, trial: &Trial) -> Option<i64> {
        let step = trial.last_step().filter(|step| *step >= self.warmup)?;
        // Settings that were not checked must not divide by zero.
        let interval = self.interval.max(1);
        let place = (step - self.warmup) / interval * interval + self.warmup;
        let before = trial.intermediate_values.keys().rev().nth(1).copied().unwrap_or(-1);
        (before < place).then_some(step)
    }
}
