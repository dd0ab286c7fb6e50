//! Searches for tests.

use super::{Objective, Search};
use ocelli_tune::{Direction, Distribution, Params, Trial, TrialState, Value};
use std::sync::Arc;

pub(crate) fn search(
    directions: impl IntoIterator<Item = Direction>,
    trials: impl IntoIterator<Item = Trial>,
) -> Search {
    let objective = |(place, direction)| Objective { name: format!("goal {place}"), direction };
    Search {
        name: "a search".into(),
        objectives: directions.into_iter().enumerate().map(objective).collect(),
        trials: trials.into_iter().map(Arc::new).collect(),
    }
}

/// A trial of which nothing is known yet.
pub(crate) fn trial(number: u64, state: TrialState) -> Trial {
    Trial {
        number,
        id: number,
        state,
        values: None,
        params: Params::new(),
        distributions: Default::default(),
        intermediate_values: Default::default(),
        user_attrs: Default::default(),
        system_attrs: Default::default(),
        datetime_start: None,
        datetime_complete: None,
    }
}

pub(crate) fn complete(number: u64, values: &[f64]) -> Trial {
    Trial { values: Some(values.to_vec()), ..trial(number, TrialState::Complete) }
}

/// A pruned trial that has reported these from step 1 on.
pub(crate) fn pruned(number: u64, values: &[f64]) -> Trial {
    Trial {
        intermediate_values: (1..).zip(values.iter().copied()).collect(),
        ..trial(number, TrialState::Pruned)
    }
}

/// The trial with a parameter, whose distribution is in Optuna's JSON.
pub(crate) fn with(mut trial: Trial, name: &str, distribution: &str, value: Value) -> Trial {
    let distribution = Distribution::from_json(distribution).expect("a distribution");
    trial.params.insert(name.into(), value);
    trial.distributions.insert(name.into(), Arc::new(distribution));
    trial
}

/// Numbers from `low` to `high`, in Optuna's JSON.
pub(crate) fn numbers(low: f64, high: f64, log: bool) -> String {
    format!(
        r#"{{"name": "FloatDistribution", "attributes": {{"low": {low}, "high": {high}, "log": {log}, "step": null}}}}"#
    )
}

pub(crate) const KINDS: &str =
    r#"{"name": "CategoricalDistribution", "attributes": {"choices": ["adamw", "sgd", null]}}"#;
