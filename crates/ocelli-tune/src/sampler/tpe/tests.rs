//! Against Optuna's estimators of the same trials; `tests/fixtures/make.py` has made them.

use super::mixture::Kernels;
use super::*;
use crate::testing::{cases, distributions, numbers, trials};
use crate::{Direction, History, Parameter, Space};
use serde_json::Value as Json;

fn close(found: f64, expected: f64, what: &str) {
    let near = (found - expected).abs() <= 1e-9 * (1.0 + expected.abs());
    assert!(near || found == expected, "{what}: {found}, in Optuna {expected}");
}

fn all_close(found: &[f64], expected: &Json, what: &str) {
    let expected = numbers(expected);
    assert_eq!(found.len(), expected.len(), "{what}");
    for (index, (found, expected)) in found.iter().zip(expected).enumerate() {
        close(*found, expected, &format!("{what} {index}"));
    }
}

#[test]
fn estimators_are_optunas() {
    let cases = cases(include_str!("../../../tests/fixtures/tpe.json"));
    assert_eq!(cases.len(), 21);
    for (index, case) in cases.iter().enumerate() {
        let distributions = distributions(&case["distributions"]);
        let parameters = distributions.iter().map(|(name, distribution)| {
            (name.clone(), Parameter { distribution: Arc::clone(distribution), when: vec![] })
        });
        let space = Space::new(parameters).unwrap();
        let history = History::new(trials(&case["trials"], &distributions));
        let directions: Vec<Direction> = serde_json::from_value(case["directions"].clone()).unwrap();
        let (number, fixed) = (history.all().len() as u64, Params::new());
        let request =
            Request { space: &space, directions: &directions, history: &history, number, fixed: &fixed };
        let options = TpeOptions {
            prior_weight: case["options"]["prior_weight"].as_f64().unwrap(),
            magic_clip: case["options"]["consider_magic_clip"].as_bool().unwrap(),
            endpoints: case["options"]["consider_endpoints"].as_bool().unwrap(),
            ..TpeOptions::default()
        };
        let halves = split::halves(&request, case["constant_liar"].as_bool().unwrap());
        let group: Group<'_> =
            distributions.iter().map(|(name, distribution)| (name.as_str(), distribution)).collect();
        let sampler = TpeSampler::new(options);
        for (half, (name, trials)) in
            [("below", &halves.below), ("above", &halves.above)].into_iter().enumerate()
        {
            let what = format!("case {index}, {name}");
            let found: Vec<f64> = trials.iter().map(|trial| trial.number as f64).collect();
            assert_eq!(found, numbers(&case[name]), "{what}");
            let estimator = sampler.estimator(&group, trials, half == 0 && directions.len() > 1);
            compare(&estimator, &case["estimators"][half], &what);
            let samples = case["samples"].as_array().unwrap();
            let densities: Vec<f64> =
                samples.iter().map(|sample| estimator.log_density(&numbers(sample))).collect();
            all_close(&densities, &case["log_densities"][half], &format!("{what}, log density"));
        }
    }
}

fn compare(estimator: &Estimator, expected: &Json, what: &str) {
    all_close(&estimator.weights, &expected["weights"], &format!("{what}, weights"));
    for (index, kernels) in estimator.kernels.iter().enumerate() {
        let (expected, what) = (&expected["kernels"][index], format!("{what}, parameter {index}"));
        match kernels {
            Kernels::Categorical(probabilities) => {
                for (kernel, probabilities) in probabilities.iter().enumerate() {
                    all_close(probabilities, &expected["probabilities"][kernel], &what);
                }
            }
            Kernels::Numerical(numerical) => {
                all_close(&numerical.means, &expected["means"], &format!("{what}, means"));
                all_close(&numerical.widths, &expected["widths"], &format!("{what}, widths"));
            }
        }
    }
}

#[test]
fn quantiles_are_optunas() {
    for case in cases(include_str!("../../../tests/fixtures/quantiles.json")) {
        let (low, high) = (case["low"].as_f64().unwrap(), case["high"].as_f64().unwrap());
        for (share, point) in numbers(&case["shares"]).into_iter().zip(numbers(&case["points"])) {
            let found = normal::quantile(share, low, high);
            // Optuna's stops at eight digits.
            assert!(
                (found - point).abs() <= 1e-6 * (1.0 + point.abs()),
                "{low} {high} {share}: {found}, {point}"
            );
        }
    }
}

/// On a bowl in two dimensions, with a choice that matters: better than at random, from the same number of trials.
#[test]
fn it_finds_what_chance_does_not() {
    let space = Space::parse(
        "x = { type = \"float\", low = -10, high = 10 }\ny = { type = \"float\", low = 0.001, high = 1000, log = true }\nk = { type = \"categorical\", choices = [0, 1, 2, 3] }",
    )
    .unwrap();
    let best = |sampler: &dyn Sampler| {
        let (mut history, fixed) = (Vec::new(), Params::new());
        let mut best = f64::INFINITY;
        for number in 0..80 {
            let so_far = History::new(history.clone());
            let request = Request {
                space: &space,
                directions: &[Direction::Minimize],
                history: &so_far,
                number,
                fixed: &fixed,
            };
            let params = sampler.sample(&request).unwrap();
            let value = |name: &str| params[name].as_f64().unwrap();
            let loss = (value("x") - 3.0).powi(2) + value("y").log10().powi(2) + value("k");
            best = f64::min(best, loss);
            let mut trial = crate::testing::complete(number, &[loss]);
            trial.distributions = space
                .iter()
                .map(|(name, parameter)| (name.to_string(), Arc::clone(&parameter.distribution)))
                .collect();
            trial.params = params;
            history.push(Arc::new(trial));
        }
        best
    };
    for multivariate in [Some(true), Some(false)] {
        let wins = (0..10).filter(|seed| {
            let options = TpeOptions { seed: *seed, multivariate, ..TpeOptions::default() };
            best(&TpeSampler::new(options)) < best(&RandomSampler::new(*seed))
        });
        let wins = wins.count();
        assert!(wins >= 9, "multivariate {multivariate:?}: better in {wins} of 10");
    }
}
