//! Trials for tests.

use crate::{Distribution, Params, Trial, TrialState, json};
use indexmap::IndexMap;
use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A running trial without anything.
pub(crate) fn running(number: u64) -> Trial {
    Trial {
        number,
        id: number,
        state: TrialState::Running,
        values: None,
        params: Params::new(),
        distributions: IndexMap::new(),
        intermediate_values: BTreeMap::new(),
        user_attrs: BTreeMap::new(),
        system_attrs: BTreeMap::new(),
        datetime_start: None,
        datetime_complete: None,
    }
}

/// A complete trial with these objectives.
pub(crate) fn complete(number: u64, values: &[f64]) -> Trial {
    Trial { state: TrialState::Complete, values: Some(values.to_vec()), ..running(number) }
}

/// The cases of a fixture that Optuna made.
pub(crate) fn cases(text: &str) -> Vec<Json> {
    match json::parse(text).unwrap() {
        Json::Array(cases) => cases,
        other => panic!("{other}"),
    }
}

/// A list of numbers.
pub(crate) fn numbers(value: &Json) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|value| json::number(value).unwrap()).collect()
}

/// The distributions of a fixture.
pub(crate) fn distributions(value: &Json) -> IndexMap<String, Arc<Distribution>> {
    let pairs = value.as_object().unwrap().iter();
    pairs
        .map(|(name, text)| {
            (name.clone(), Arc::new(Distribution::from_json(text.as_str().unwrap()).unwrap()))
        })
        .collect()
}

/// The trials of a fixture.
pub(crate) fn trials(value: &Json, distributions: &IndexMap<String, Arc<Distribution>>) -> Vec<Arc<Trial>> {
    let trial = |value: &Json| {
        let mut trial = running(value["number"].as_u64().unwrap());
        trial.state = [
            TrialState::Running,
            TrialState::Complete,
            TrialState::Pruned,
            TrialState::Fail,
            TrialState::Waiting,
        ][value["state"].as_u64().unwrap() as usize];
        trial.values = value["values"].as_array().map(|_| numbers(&value["values"]));
        for (name, internal) in value["params"].as_object().unwrap() {
            let distribution = &distributions[name];
            trial
                .params
                .insert(name.clone(), distribution.to_external(json::number(internal).unwrap()).unwrap());
            trial.distributions.insert(name.clone(), Arc::clone(distribution));
        }
        for (step, value) in value["intermediate"].as_object().unwrap() {
            trial.intermediate_values.insert(step.parse().unwrap(), json::number(value).unwrap());
        }
        Arc::new(trial)
    };
    value.as_array().unwrap().iter().map(trial).collect()
}
