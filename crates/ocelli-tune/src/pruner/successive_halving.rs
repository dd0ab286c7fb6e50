//! Asynchronous successive halving.

use super::{Pruner, PrunerError, Pruning, Verdict};
use crate::{Direction, History, Trial, TrialState, json};
use std::sync::OnceLock;

/// Asynchronous successive halving, ASHA (Li et al., "A System for Massively Parallel Hyperparameter Tuning", MLSys 2020): Optuna's
/// `SuccessiveHalvingPruner`. At rungs, `min_resource × reduction_factor^(min_early_stopping_rate + rung)` steps, a trial goes on only
/// if it is among the best `1/reduction_factor` of those that came there before it.
#[derive(Clone, Debug)]
pub struct SuccessiveHalving {
    min_resource: OnceLock<i64>,
    reduction_factor: i64,
    min_early_stopping_rate: u32,
    bootstrap_count: usize,
}

/// Settings of [`SuccessiveHalving`], with the defaults of Optuna.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SuccessiveHalvingOptions {
    /// Steps of the first rung; `None` (the default): a hundredth of those of the longest complete trial, as soon as there is one.
    pub min_resource: Option<i64>,
    /// One of so many goes on (default 4).
    pub reduction_factor: i64,
    /// So many rungs are left out at the start (default 0).
    pub min_early_stopping_rate: u32,
    /// So many trials must have come to a rung before one goes on (default 0); needs `min_resource`.
    pub bootstrap_count: usize,
}

impl Default for SuccessiveHalvingOptions {
    fn default() -> Self {
        SuccessiveHalvingOptions {
            min_resource: None,
            reduction_factor: 4,
            min_early_stopping_rate: 0,
            bootstrap_count: 0,
        }
    }
}

impl SuccessiveHalving {
    /// With these settings.
    ///
    /// # Errors
    /// A resource below 1, a factor below 2, or a bootstrap without `min_resource`.
    pub fn new(options: SuccessiveHalvingOptions) -> Result<Self, PrunerError> {
        let wrong = |problem| Err(PrunerError { pruner: "SuccessiveHalving", problem });
        if let Some(resource) = options.min_resource.filter(|resource| *resource < 1) {
            return wrong(format!("min_resource = {resource} must be 1 or more"));
        }
        if options.reduction_factor < 2 {
            return wrong(format!("reduction_factor = {} must be 2 or more", options.reduction_factor));
        }
        if options.bootstrap_count > 0 && options.min_resource.is_none() {
            return wrong("bootstrap_count needs min_resource; give it, or leave bootstrap_count out".into());
        }
        let min_resource = OnceLock::new();
        if let Some(resource) = options.min_resource {
            let _ = min_resource.set(resource);
        }
        Ok(SuccessiveHalving {
            min_resource,
            reduction_factor: options.reduction_factor,
            min_early_stopping_rate: options.min_early_stopping_rate,
            bootstrap_count: options.bootstrap_count,
        })
    }

    /// Steps of the first rung. What was estimated once stays: rungs must not move.
    fn min_resource(&self, history: &History) -> Option<i64> {
        if self.min_resource.get().is_none() {
            let longest =
                history.in_state(TrialState::Complete).filter_map(|trial| trial.last_step()).max()?;
            let _ = self.min_resource.set((longest / 100).max(1));
        }
        self.min_resource.get().copied()
    }

    fn step_of(&self, rung: u32, min_resource: i64) -> i64 {
        let exponent = self.min_early_stopping_rate.saturating_add(rung);
        min_resource.saturating_mul(self.reduction_factor.saturating_pow(exponent))
    }

    /// Whether a value is good enough to go on, among those that came to the rung before.
    fn goes_on(&self, direction: Direction, value: f64, mut others: Vec<f64>) -> bool {
        others.push(value);
        if others.len() <= self.bootstrap_count {
            return false;
        }
        others.sort_by(|one, other| direction.compare(*one, *other));
        // Of the first few, only the best goes on: Optuna cannot wait for more to come.
        let last = (others.len() / self.reduction_factor as usize).max(1) - 1;
        direction.compare(value, others[last]).is_le()
    }
}

impl Pruner for SuccessiveHalving {
    fn prune(&self, pruning: &Pruning<'_>) -> Verdict {
        let mut verdict = Verdict::default();
        let Some((step, value)) = pruning.trial.intermediate_values.last_key_value() else { return verdict };
        let Some(min_resource) = self.min_resource(pruning.history) else { return verdict };
        let mut rung = (0..).find(|rung| !pruning.trial.system_attrs.contains_key(&key(*rung))).unwrap_or(0);
        loop {
            if *step < self.step_of(rung, min_resource) {
                return verdict;
            }
            if value.is_nan() {
                return Verdict { prune: true, ..verdict };
            }
            verdict.notes.push((key(rung), *value));
            let others = pruning.history.all().iter().filter_map(|trial| at_rung(trial, rung)).collect();
            if !self.goes_on(pruning.direction, *value, others) {
                return Verdict { prune: true, ..verdict };
            }
            rung += 1;
        }
    }
}

/// The note of a trial with its value at a rung; Optuna's.
fn key(rung: u32) -> String {
    format!("completed_rung_{rung}")
}

fn at_rung(trial: &Trial, rung: u32) -> Option<f64> {
    trial.system_attrs.get(&key(rung)).and_then(json::number)
}
