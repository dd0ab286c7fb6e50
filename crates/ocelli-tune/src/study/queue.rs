//! Trials that wait for a worker.

use super::Study;
use crate::journal::{Attrs, Operation, Template};
use crate::{Params, Trial, TrialState, TuneError, Value};
use serde_json::json;

/// The note with the values that a queued trial has to take; Optuna's.
pub(super) const FIXED: &str = "fixed_params";

impl Study {
    /// Puts a trial with these values into the queue; parameters that it does not name are the sampler's. With `unless_known`, only
    /// if no trial has exactly these, in whatever state. Gives its number, if it was put. Optuna's `enqueue_trial`.
    ///
    /// # Errors
    /// A parameter that the space has not, or a value out of bounds; the journal cannot be used.
    pub fn enqueue(&self, params: Params, unless_known: bool) -> Result<Option<u64>, TuneError> {
        let mut fixed = serde_json::Map::new();
        for (name, value) in &params {
            let unknown = || crate::SpaceError::Parameter {
                name: name.clone(),
                problem: "is not in the space; add it, or leave the value out".to_string(),
            };
            let parameter = self.space().get(name).ok_or_else(unknown)?;
            parameter.check(name, value)?;
            fixed.insert(name.clone(), value.to_json());
        }
        let study = self.inner.id;
        self.journal().transact(|replay| {
            let trials = &self.record(replay)?.trials;
            if unless_known && trials.iter().any(|trial| has(trial, &params)) {
                return Ok((None, Vec::new()));
            }
            let template = Template {
                system_attrs: Attrs::from([(FIXED.to_string(), json!(fixed))]),
                ..Template::empty(TrialState::Waiting, None)
            };
            let create = Operation::CreateTrial { study, trial: Box::new(template) };
            Ok((Some(trials.len() as u64), vec![create]))
        })
    }

    /// What a trial of the queue has to take: values that it was given, as far as the space has them.
    pub(super) fn fixed(&self, trial: &Trial) -> Params {
        let mut fixed = trial.fixed_params();
        fixed.extend(trial.params.clone());
        let accept = |(name, value): (String, Value)| {
            let value = self.space().get(&name)?.distribution.accept(&value)?;
            Some((name, value))
        };
        fixed.into_iter().filter_map(accept).collect()
    }
}

/// Whether a trial has, or has to take, exactly these values.
fn has(trial: &Trial, params: &Params) -> bool {
    let fixed = trial.fixed_params();
    let values = if fixed.is_empty() { &trial.params } else { &fixed };
    values.len() == params.len()
        && values.iter().all(|(name, value)| params.get(name).is_some_and(|other| other.is_same(value)))
}
