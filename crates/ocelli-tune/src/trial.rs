//! What is known of one trial.

use crate::{Distribution, Params, Value};
use chrono::{DateTime, Utc};
use indexmap::IndexMap;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Where a trial stands; the numbers are those of Optuna's journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TrialState {
    /// A worker is at it.
    Running = 0,
    /// It has its objectives.
    Complete = 1,
    /// A pruner gave up on it.
    Pruned = 2,
    /// It ended without a result: an error, a worker that died, an objective that is no number.
    Fail = 3,
    /// It was put into the queue and no worker has it yet.
    Waiting = 4,
}

impl TrialState {
    /// Whether nothing about the trial changes any more.
    pub fn is_finished(self) -> bool {
        matches!(self, TrialState::Complete | TrialState::Pruned | TrialState::Fail)
    }
}

/// One trial of a study, as it stands in the journal: Optuna's `FrozenTrial`.
#[derive(Clone, Debug, PartialEq)]
pub struct Trial {
    /// Its place in its study, from 0.
    pub number: u64,
    /// Its place among all trials of the journal, from 0: what the journal's lines name it by.
    pub id: u64,
    /// Where it stands.
    pub state: TrialState,
    /// Its objectives, one for each direction of the study. A pruned trial of one objective has its last intermediate value here.
    pub values: Option<Vec<f64>>,
    /// Its parameters, in the order in which they were chosen.
    pub params: Params,
    /// What each of its parameters was drawn from.
    pub distributions: IndexMap<String, Arc<Distribution>>,
    /// What was reported on the way, by step. May be NaN.
    pub intermediate_values: BTreeMap<i64, f64>,
    /// What users noted.
    pub user_attrs: BTreeMap<String, serde_json::Value>,
    /// What samplers, pruners and queues noted.
    pub system_attrs: BTreeMap<String, serde_json::Value>,
    /// When a worker began it.
    pub datetime_start: Option<DateTime<Utc>>,
    /// When it was finished.
    pub datetime_complete: Option<DateTime<Utc>>,
}

impl Trial {
    /// Its objective, if it has exactly one.
    pub fn value(&self) -> Option<f64> {
        match self.values.as_deref() {
            Some([value]) => Some(*value),
            _ => None,
        }
    }

    /// The last step that was reported.
    pub fn last_step(&self) -> Option<i64> {
        self.intermediate_values.last_key_value().map(|(step, _)| *step)
    }

    /// The parameter as its distribution has it inside: numbers as they are, choices by their index. `None` where the trial has no
    /// such parameter.
    pub fn internal(&self, name: &str) -> Option<f64> {
        self.distributions.get(name)?.to_internal(self.params.get(name)?)
    }

    /// Parameters that it has to take, because it was put into the queue with them (Optuna's `fixed_params`).
    pub fn fixed_params(&self) -> Params {
        let fixed = self.system_attrs.get("fixed_params").and_then(serde_json::Value::as_object);
        let pairs = fixed.into_iter().flatten();
        pairs.filter_map(|(name, value)| Some((name.clone(), Value::from_json(value)?))).collect()
    }

    /// How long it took, once it is finished. Clocks that were set meanwhile make it wrong, never negative.
    pub fn duration(&self) -> Option<std::time::Duration> {
        let taken = self.datetime_complete? - self.datetime_start?;
        Some(taken.to_std().unwrap_or_default())
    }
}
