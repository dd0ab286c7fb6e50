//! Another pruner with patience.

use super::percentile::best;
use super::{Pruner, PrunerError, Pruning, Verdict};

/// Asks another pruner only when a trial's own values have not got better for `patience` steps; without another one, that is enough to
/// give up on the trial. Optuna's `PatientPruner`.
#[derive(Debug)]
pub struct PatientPruner {
    wrapped: Option<Box<dyn Pruner>>,
    patience: usize,
    min_delta: f64,
}

impl PatientPruner {
    /// With `min_delta` as how much counts as better, in the metric's units (Optuna's default is 0).
    ///
    /// # Errors
    /// `min_delta` below 0, or no number.
    pub fn new(
        wrapped: Option<Box<dyn Pruner>>,
        patience: usize,
        min_delta: f64,
    ) -> Result<Self, PrunerError> {
        if min_delta.is_nan() || min_delta < 0.0 {
            let problem = format!("min_delta = {min_delta} must be 0 or more");
            return Err(PrunerError { pruner: "PatientPruner", problem });
        }
        Ok(PatientPruner { wrapped, patience, min_delta })
    }
}

impl Pruner for PatientPruner {
    fn prune(&self, pruning: &Pruning<'_>) -> Verdict {
        let values: Vec<f64> = pruning.trial.intermediate_values.values().copied().collect();
        let recent = self.patience.saturating_add(1);
        if values.len() <= recent {
            return Verdict::default();
        }
        let (before, after) = values.split_at(values.len() - recent);
        let loss =
            |values: &[f64]| pruning.direction.as_loss(best(pruning.direction, values.iter().copied()));
        // Comparisons with NaN are false: who has had no numbers, before or since, goes on.
        let is_stuck = loss(before) + self.min_delta < loss(after);
        if !is_stuck {
            return Verdict::default();
        }
        self.wrapped.as_ref().map_or_else(Verdict::prune, |wrapped| wrapped.prune(pruning))
    }
}
