//! Against Optuna's decisions on the same reports; `tests/fixtures/make.py` has made them.

use super::*;
use crate::testing::cases;
use crate::{Journal, Outcome, RandomSampler, Space, Study, StudyOptions, json};
use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::sync::Arc;

fn make(kind: &str, options: &Json) -> Arc<dyn Pruner> {
    let whole = |key: &str| options.get(key).and_then(Json::as_i64);
    let count = |key: &str, default: i64| whole(key).unwrap_or(default) as usize;
    let startup_trials = count("n_startup_trials", 5);
    let (warmup_steps, interval_steps) =
        (whole("n_warmup_steps").unwrap_or(0), whole("interval_steps").unwrap_or(1));
    let min_trials = count("n_min_trials", 1);
    let number = |key: &str| options.get(key).and_then(Json::as_f64);
    match kind {
        "NopPruner" => Arc::new(NopPruner),
        "MedianPruner" => {
            let pruner = MedianPruner { startup_trials, warmup_steps, interval_steps, min_trials };
            pruner.check().unwrap();
            Arc::new(pruner)
        }
        "PercentilePruner" => {
            let percentile = number("percentile").unwrap();
            let pruner =
                PercentilePruner { percentile, startup_trials, warmup_steps, interval_steps, min_trials };
            pruner.check().unwrap();
            Arc::new(pruner)
        }
        "ThresholdPruner" => {
            let (lower, upper) = (number("lower"), number("upper"));
            let pruner = ThresholdPruner { lower, upper, warmup_steps, interval_steps };
            pruner.check().unwrap();
            Arc::new(pruner)
        }
        "SuccessiveHalvingPruner" => Arc::new(
            SuccessiveHalving::new(SuccessiveHalvingOptions {
                min_resource: whole("min_resource"),
                reduction_factor: whole("reduction_factor").unwrap_or(4),
                min_early_stopping_rate: count("min_early_stopping_rate", 0) as u32,
                bootstrap_count: count("bootstrap_count", 0),
            })
            .unwrap(),
        ),
        "HyperbandPruner" => Arc::new(
            Hyperband::new(HyperbandOptions {
                min_resource: whole("min_resource").unwrap_or(1),
                max_resource: whole("max_resource"),
                reduction_factor: whole("reduction_factor").unwrap_or(3),
                bootstrap_count: count("bootstrap_count", 0),
            })
            .unwrap(),
        ),
        "PatientPruner" => {
            let median = || MedianPruner { startup_trials: 1, ..MedianPruner::default() };
            let wrapped = options["wrapped"].as_array().map(|_| Box::new(median()) as Box<dyn Pruner>);
            Arc::new(PatientPruner::new(wrapped, count("patience", 0), number("min_delta").unwrap()).unwrap())
        }
        other => panic!("{other}"),
    }
}

#[test]
fn decisions_are_optunas() {
    let cases = cases(include_str!("../../tests/fixtures/pruners.json"));
    assert_eq!(cases.len(), 34);
    for case in cases {
        let what = format!("{} {} {}", case["kind"], case["options"], case["direction"]);
        let direction =
            if case["direction"] == "maximize" { Direction::Maximize } else { Direction::Minimize };
        let space = Space::parse("x = { type = \"float\", low = 0, high = 1 }").unwrap();
        let options = StudyOptions {
            pruner: make(case["kind"].as_str().unwrap(), &case["options"]),
            ..StudyOptions::new(case["study"].as_str().unwrap(), space)
        };
        let options = options.directions([direction]).sampler(RandomSampler::new(0)).heartbeat(None);
        let study = Study::open(Journal::memory(), options).unwrap();
        let (mut running, mut decisions) = (BTreeMap::new(), [0, 0]);
        for (index, event) in case["events"].as_array().unwrap().iter().enumerate() {
            let number = event[1].as_u64();
            match event[0].as_str().unwrap() {
                "ask" => {
                    let trial = study.ask().unwrap().unwrap();
                    running.insert(trial.number(), trial);
                }
                "report" => {
                    let trial = &running[&number.unwrap()];
                    trial.report(event[2].as_i64().unwrap(), json::number(&event[3]).unwrap()).unwrap();
                    let decision = trial.should_prune().unwrap();
                    assert_eq!(Some(decision), event[4].as_bool(), "{what}: event {index}, {event}");
                    decisions[usize::from(decision)] += 1;
                }
                _ => {
                    let outcome = match event[2].as_str().unwrap() {
                        "pruned" => Outcome::Pruned,
                        "fail" => Outcome::Fail("as the fixture says".into()),
                        _ => Outcome::Complete(vec![0.0]),
                    };
                    running.remove(&number.unwrap()).unwrap().tell(outcome).unwrap();
                }
            }
        }
        let prunes = case["kind"] != "NopPruner";
        assert!(decisions[0] > 0 && (decisions[1] > 0) == prunes, "{what}: {decisions:?}");
    }
}

#[test]
fn settings_without_sense_are_refused() {
    let halving = |options| SuccessiveHalving::new(options).unwrap_err().to_string();
    let default = SuccessiveHalvingOptions::default();
    let band = |options| Hyperband::new(options).unwrap_err().to_string();
    let wide = HyperbandOptions::default();
    for (error, expected) in [
        (
            halving(SuccessiveHalvingOptions { min_resource: Some(0), ..default }),
            "min_resource = 0 must be 1 or more",
        ),
        (
            halving(SuccessiveHalvingOptions { reduction_factor: 1, ..default }),
            "reduction_factor = 1 must be 2 or more",
        ),
        (
            halving(SuccessiveHalvingOptions { bootstrap_count: 1, ..default }),
            "bootstrap_count needs min_resource",
        ),
        (band(HyperbandOptions { min_resource: 0, ..wide }), "min_resource = 0"),
        (
            band(HyperbandOptions { min_resource: 3, max_resource: Some(2), ..wide }),
            "max_resource = 2 is below min_resource = 3",
        ),
        (band(HyperbandOptions { reduction_factor: 1, ..wide }), "reduction_factor = 1"),
        (band(HyperbandOptions { bootstrap_count: 1, ..wide }), "bootstrap_count needs max_resource"),
        (PatientPruner::new(None, 0, f64::NAN).unwrap_err().to_string(), "min_delta = NaN must be 0 or more"),
        (
            PercentilePruner::new(101.0).check().unwrap_err().to_string(),
            "percentile = 101 must be from 0 to 100",
        ),
        (
            MedianPruner { interval_steps: 0, ..MedianPruner::default() }.check().unwrap_err().to_string(),
            "interval_steps = 0",
        ),
        (
            MedianPruner { warmup_steps: -1, ..MedianPruner::default() }.check().unwrap_err().to_string(),
            "warmup_steps = -1",
        ),
        (
            MedianPruner { min_trials: 0, ..MedianPruner::default() }.check().unwrap_err().to_string(),
            "min_trials = 0",
        ),
        (ThresholdPruner::new(None, None).check().unwrap_err().to_string(), "neither lower nor upper"),
        (
            ThresholdPruner::new(Some(2.0), Some(1.0)).check().unwrap_err().to_string(),
            "lower = 2 is above upper = 1",
        ),
    ] {
        assert!(error.contains(expected), "{error}");
    }
}
