//! What studies rely on, as a test that any sampler can run (as Optuna's `optuna.testing.pytest_samplers`).

use super::{Claim, Request, Sampler, SamplerError};
use crate::{Direction, Distribution, History, Params, Space, Trial, TrialState, Value};
use std::collections::BTreeMap;
use std::sync::Arc;

/// One of each kind of parameter, and all of them together with conditions.
const SPACES: [&str; 9] = [
    r#"x = { type = "float", low = -3.0, high = 5.0 }"#,
    r#"x = { type = "float", low = 1e-7, high = 10.0, log = true }"#,
    r#"x = { type = "float", low = 0.0, high = 1.0, step = 0.1 }"#,
    r#"x = { type = "int", low = -7, high = 12 }"#,
    r#"x = { type = "int", low = 1, high = 1000, log = true }"#,
    r#"x = { type = "int", low = 3, high = 20, step = 4 }"#,
    r#"x = { type = "categorical", choices = [1, 2.5, true, "text"] }"#,
    "x = { type = \"float\", low = 2.0, high = 2.0 }\ny = { type = \"categorical\", choices = [\"one\"] }",
    r#"
        kind = { type = "categorical", choices = ["a", "b", "c"] }
        depth = { type = "int", low = 1, high = 3 }
        rate = { type = "float", low = 1e-4, high = 1.0, log = true }
        share = { type = "float", low = 0.0, high = 1.0, step = 0.25 }
        of_a = { type = "float", low = -1.0, high = 1.0, when = { kind = "a" } }
        of_deep_a = { type = "int", low = 1, high = 64, log = true, when = { kind = "a", depth = [2, 3] } }
        below_of_deep_a = { type = "categorical", choices = [true, false], when = { of_deep_a = [1, 2, 3, 4, 5, 6, 7, 8] } }
    "#,
];
const TRIALS: u64 = 40;

/// Holds a sampler to the contract of [`Sampler`]. `make` gives one for a space and a seed. Checked are: values within bounds for exactly
/// the active parameters of all kinds of spaces; fixed values kept; the same answer to the same request, and not one answer to all;
/// histories with failed, pruned, pending, queued and NaN trials, and with parameters and choices that the space no longer has; bounds
/// that have moved; several objectives, or an error that says so.
///
/// # Panics
/// Where it does not hold, with the space and the values.
pub fn check(make: impl Fn(&Space, u64) -> Box<dyn Sampler>) {
    for text in SPACES {
        let space = Space::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        for direction in [Direction::Minimize, Direction::Maximize] {
            let first = run(&*make(&space, 1), &space, &[direction]);
            let again = run(&*make(&space, 1), &space, &[direction]);
            assert_eq!(first, again, "{text}: the same requests have other answers");
            let varies = space.iter().any(|(_, parameter)| !parameter.distribution.is_single());
            if varies {
                assert!(
                    first.iter().any(|params| *params != first[0]),
                    "{text}: all {TRIALS} answers are one"
                );
            }
        }
        keeps_what_is_fixed(&*make(&space, 2), &space);
        bears_strange_histories(&*make(&space, 3), &space);
        several_objectives(&*make(&space, 4), &space);
    }
}

/// Answers to one request after the other, each checked, each with a result that depends on its values.
fn run(sampler: &dyn Sampler, space: &Space, directions: &[Direction]) -> Vec<Params> {
    let (mut history, mut answers) = (Vec::new(), Vec::new());
    for number in 0..TRIALS {
        let Some(params) = ask(sampler, space, directions, &mut history, &Params::new()) else { break };
        let loss: f64 = params.values().filter_map(Value::as_f64).map(|value| (value - 0.3).powi(2)).sum();
        finish(&mut history, space, number, &params, &vec![loss; directions.len()]);
        answers.push(params);
    }
    assert!(!answers.is_empty(), "nothing was proposed");
    answers
}

/// One request as a study makes it; leaves the trial as running in the history.
fn ask(
    sampler: &dyn Sampler,
    space: &Space,
    directions: &[Direction],
    history: &mut Vec<Arc<Trial>>,
    fixed: &Params,
) -> Option<Params> {
    let (number, nothing) = (history.len() as u64, Params::new());
    let before = History::new(history.clone());
    let claim = sampler.claim(&Request { space, directions, history: &before, number, fixed: &nothing });
    let notes = match claim.unwrap_or_else(|error| panic!("{}: {error}", describe(space))) {
        Claim::Exhausted => return None,
        Claim::Free => Vec::new(),
        Claim::Note(notes) => notes,
    };
    history.push(Arc::new(Trial {
        system_attrs: notes.into_iter().collect(),
        ..empty(number, TrialState::Running)
    }));
    let during = History::new(history.clone());
    let request = Request { space, directions, history: &during, number, fixed };
    let params = sampler.sample(&request).unwrap_or_else(|error| panic!("{}: {error}", describe(space)));
    let again = sampler.sample(&request).unwrap_or_else(|error| panic!("{}: {error}", describe(space)));
    assert_eq!(params, again, "{}: one request has two answers", describe(space));
    space.check(&params).unwrap_or_else(|error| panic!("{}: {params:?}: {error}", describe(space)));
    Some(params)
}

fn finish(history: &mut [Arc<Trial>], space: &Space, number: u64, params: &Params, values: &[f64]) {
    let system_attrs = history[number as usize].system_attrs.clone();
    let (state, values) = (TrialState::Complete, Some(values.to_vec()));
    let trial = Trial { values, system_attrs, ..with(empty(number, state), space, params) };
    history[number as usize] = Arc::new(trial);
}

fn keeps_what_is_fixed(sampler: &dyn Sampler, space: &Space) {
    let mut history = Vec::new();
    for number in 0..TRIALS {
        let full = middle(space, (number % 4) as f64 / 4.0);
        let (name, value) =
            full.get_index((number as usize / 4) % full.len()).expect("a space has parameters");
        let fixed = Params::from_iter([(name.clone(), value.clone())]);
        let Some(params) = ask(sampler, space, &[Direction::Minimize], &mut history, &fixed) else { return };
        if space.is_active(name, &params) {
            assert_eq!(params.get(name), Some(value), "{}: {name} was fixed", describe(space));
        }
        finish(&mut history, space, number, &params, &[number as f64]);
    }
}

/// Trials of all states, with values that are not numbers or infinite, and with parameters as no space of now would have them.
fn bears_strange_histories(sampler: &dyn Sampler, space: &Space) {
    let mut history: Vec<Arc<Trial>> = Vec::new();
    let float =
        |low, high| Distribution::Float(crate::FloatDistribution::uniform(low, high).expect("bounds"));
    for number in 0..TRIALS {
        use TrialState::{Complete, Fail, Pruned, Running, Waiting};
        let state = [Complete, Pruned, Fail, Running, Waiting, Complete][number as usize % 6];
        let params = middle(space, number as f64 / TRIALS as f64);
        let mut trial = with(empty(number, state), space, &params);
        let value = [number as f64, f64::INFINITY, f64::NEG_INFINITY, f64::NAN][number as usize % 4];
        trial.values = (state == Complete).then(|| vec![value]);
        if state == Pruned && number % 4 != 1 {
            trial.intermediate_values = (0..3).map(|step| (step, value)).collect();
        }
        let strange = match number % 5 {
            0 => Some(("no longer there".to_string(), float(0.0, 1.0), Value::Float(0.5))),
            // Bounds that were wider once: the value is outside of what there is now.
            1 => trial
                .params
                .first()
                .filter(|(_, value)| matches!(value, Value::Float(_)))
                .map(|(name, _)| (name.clone(), float(-1e9, 1e9), Value::Float(-123_456.0))),
            2 => {
                trial.params.clear();
                trial.distributions.clear();
                None
            }
            _ => None,
        };
        if let Some((name, distribution, value)) = strange {
            trial.params.insert(name.clone(), value);
            trial.distributions.insert(name, Arc::new(distribution));
        }
        history.push(Arc::new(trial));
    }
    for _ in 0..4 {
        ask(sampler, space, &[Direction::Maximize], &mut history, &Params::new());
    }
}

fn several_objectives(sampler: &dyn Sampler, space: &Space) {
    let directions = [Direction::Minimize, Direction::Maximize];
    let history: Vec<Arc<Trial>> = (0..TRIALS)
        .map(|number| {
            let params = middle(space, number as f64 / TRIALS as f64);
            let trial = with(empty(number, TrialState::Complete), space, &params);
            Arc::new(Trial { values: Some(vec![number as f64, (number % 7) as f64]), ..trial })
        })
        .collect();
    let (history, fixed) = (History::new(history), Params::new());
    let request =
        Request { space, directions: &directions, history: &history, number: TRIALS, fixed: &fixed };
    match sampler.sample(&request) {
        Ok(params) => space.check(&params).unwrap_or_else(|error| panic!("{}: {error}", describe(space))),
        Err(SamplerError::Unsupported { .. }) => {}
        Err(error) => panic!("{}: {error}", describe(space)),
    }
}

fn middle(space: &Space, place: f64) -> Params {
    let place = |name: &str| (place + name.len() as f64 * 0.137).fract();
    let filled = space.fill(|name, distribution| Ok::<_, ()>(distribution.at(place(name))));
    filled.expect("nothing fails here")
}

fn empty(number: u64, state: TrialState) -> Trial {
    Trial {
        number,
        id: number,
        state,
        values: None,
        params: Params::new(),
        distributions: indexmap::IndexMap::new(),
        intermediate_values: BTreeMap::new(),
        user_attrs: BTreeMap::new(),
        system_attrs: BTreeMap::new(),
        datetime_start: None,
        datetime_complete: None,
    }
}

fn with(trial: Trial, space: &Space, params: &Params) -> Trial {
    let distribution = |name: &String| Some((name.clone(), Arc::clone(&space.get(name)?.distribution)));
    Trial { params: params.clone(), distributions: params.keys().filter_map(distribution).collect(), ..trial }
}

fn describe(space: &Space) -> String {
    space.to_toml().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{GridOptions, GridSampler, RandomSampler, SobolSampler, TpeOptions, TpeSampler};

    #[test]
    fn random() {
        check(|_, seed| Box::new(RandomSampler::new(seed)));
    }

    #[test]
    fn sobol() {
        check(|_, seed| Box::new(SobolSampler::new(seed)));
    }

    #[test]
    fn grid() {
        check(|space, seed| {
            let options = GridOptions { points: Some(5), seed, ..GridOptions::default() };
            Box::new(GridSampler::new(space, options).unwrap())
        });
    }

    #[test]
    fn tpe() {
        check(|_, seed| Box::new(TpeSampler::new(TpeOptions { seed, ..TpeOptions::default() })));
        check(|_, seed| {
            Box::new(TpeSampler::new(TpeOptions {
                seed,
                constant_liar: true,
                startup_trials: 1,
                ..TpeOptions::default()
            }))
        });
    }
}
