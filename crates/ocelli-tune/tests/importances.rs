//! Importances against Optuna's on the same histories.
//!
//! The fixtures are made by `testing/fixtures/importances.py`.

use ocelli_tune::importance::{Domain, FanovaOptions, PedAnovaOptions, fanova, ped_anova};
use serde_json::Value;

/// Optuna sums the same terms in another order, and its normal distribution is good to 1e-15; the figures are written to twelve digits.
const TOLERANCE: f64 = 1e-10;

struct Case {
    name: String,
    domains: Vec<Domain>,
    trials: Vec<Vec<f64>>,
    values: Vec<f64>,
    figures: Value,
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().expect("a list").iter().map(|value| value.as_f64().unwrap_or(f64::NAN)).collect()
}

fn domain(value: &Value) -> Domain {
    if let Some(count) = value.get("choices") {
        return Domain::Choices(count.as_u64().expect("a count") as usize);
    }
    let number = |key: &str| value[key].as_f64();
    Domain::Numbers {
        low: number("low").expect("a bound"),
        high: number("high").expect("a bound"),
        log: value["log"].as_bool().expect("a flag"),
        step: number("step"),
    }
}

fn cases() -> Vec<Case> {
    let text = include_str!("../../../testing/fixtures/importances.json");
    let cases: Vec<Value> = serde_json::from_str(text).expect("a list of cases");
    let case = |value: Value| Case {
        name: value["name"].as_str().expect("a name").to_owned(),
        domains: value["domains"].as_array().expect("a list").iter().map(domain).collect(),
        trials: value["trials"].as_array().expect("a list").iter().map(numbers).collect(),
        values: numbers(&value["values"]),
        figures: value,
    };
    cases.into_iter().map(case).collect()
}

fn assert_close(what: &str, found: &[f64], expected: &[f64]) {
    assert_eq!(found.len(), expected.len(), "{what}");
    for (at, (found, expected)) in found.iter().zip(expected).enumerate() {
        assert!(
            (found - expected).abs() < TOLERANCE,
            "{what}, parameter {at}: {found}, Optuna has {expected}"
        );
    }
}

#[test]
fn ped_anova_is_optunas() {
    let cases = cases();
    assert!(cases.len() >= 8);
    for case in cases {
        for (key, options) in [
            ("ped", PedAnovaOptions::default()),
            ("ped_wide", PedAnovaOptions { target: 0.3, ..Default::default() }),
            ("ped_region", PedAnovaOptions { target: 0.2, region: 0.6, ..Default::default() }),
            ("ped_global", PedAnovaOptions { local: false, ..Default::default() }),
        ] {
            let found = ped_anova(&case.domains, &case.trials, &case.values, &options).expect("a history");
            assert_close(&format!("{}, {key}", case.name), &found, &numbers(&case.figures[key]));
        }
    }
}

/// Forests are random: twenty of Optuna's have a spread. Each of ours may be as far beyond it as it is wide, their mean must lie within.
#[test]
fn fanova_is_within_the_spread_of_optunas() {
    const SEEDS: u64 = 4;
    let mut compared = 0;
    for case in cases() {
        let Some(low) = case.figures.get("fanova_low") else { continue };
        let (low, high) = (numbers(low), numbers(&case.figures["fanova_high"]));
        let forest = |seed| {
            let options = FanovaOptions { seed, ..Default::default() };
            fanova(&case.domains, &case.trials, &case.values, &options).expect("a history")
        };
        let forests: Vec<Vec<f64>> = (0..SEEDS).map(forest).collect();
        for (parameter, (low, high)) in low.iter().zip(&high).enumerate() {
            let (what, wide) = (format!("{}, parameter {parameter}", case.name), high - low);
            let found: Vec<f64> = forests.iter().map(|forest| forest[parameter]).collect();
            let mean = found.iter().sum::<f64>() / SEEDS as f64;
            assert!((*low..=*high).contains(&mean), "{what}: {mean}, Optuna has {low} to {high}");
            let near = |found: &f64| (low - wide..=high + wide).contains(found);
            assert!(found.iter().all(near), "{what}: {found:?}, Optuna has {low} to {high}");
        }
        compared += 1;
    }
    assert_eq!(compared, 5);
}

#[test]
fn fanova_copes_with_more_choices_than_have_combinations() {
    let trials: Vec<Vec<f64>> =
        (0..120).map(|i| vec![f64::from(i * 7 % 30), f64::from(i % 11) / 11.0]).collect();
    let of_choice = |choice: f64| if choice % 3.0 == 0.0 { 5.0 } else { 0.0 };
    let values: Vec<f64> = trials.iter().map(|row| of_choice(row[0]) + row[1]).collect();
    let domains = [Domain::Choices(30), Domain::Numbers { low: 0.0, high: 1.0, log: false, step: None }];
    let found = fanova(&domains, &trials, &values, &FanovaOptions::default()).expect("a history");
    assert!(found[0] > 0.9 && found[1] > 0.001, "{found:?}");
    assert!((found[0] + found[1] - 1.0).abs() < 1e-12);
}

#[test]
fn histories_that_do_not_fit_are_errors() {
    let numbers = |low, high, log, step| Domain::Numbers { low, high, log, step };
    let unit = numbers(0.0, 1.0, false, None);
    let ped = |domain: Domain, trials: &[Vec<f64>], values: &[f64]| {
        ped_anova(&[domain], trials, values, &PedAnovaOptions::default())
            .expect_err("does not fit")
            .to_string()
    };
    let forest = |domain: Domain, trials: &[Vec<f64>], values: &[f64]| {
        fanova(&[domain], trials, values, &FanovaOptions::default()).expect_err("does not fit").to_string()
    };
    for domain in [
        numbers(1.0, 0.0, false, None),
        numbers(f64::NAN, 1.0, false, None),
        numbers(0.0, f64::INFINITY, false, None),
        numbers(0.0, 1.0, true, None),
        numbers(0.0, 1.0, false, Some(0.0)),
        Domain::Choices(0),
    ] {
        assert!(ped(domain, &[vec![0.5]], &[1.0]).contains("parameter 0"));
    }
    assert!(ped(unit, &[vec![1.5], vec![0.0]], &[1.0, 2.0]).contains("trial 0 has 1.5"));
    assert!(ped(Domain::Choices(2), &[vec![0.0], vec![0.5]], &[1.0, 2.0]).contains("trial 1 has 0.5"));
    assert!(ped(unit, &[vec![0.5], vec![]], &[1.0, 2.0]).contains("trial 1 has 0 parameters"));
    assert!(ped(unit, &[vec![0.5], vec![0.6]], &[1.0]).contains("trial 1"));
    assert!(ped(unit, &[vec![0.5]], &[f64::NAN]).contains("finite"));
    assert!(forest(unit, &[vec![0.5], vec![f64::NAN]], &[1.0, 2.0]).contains("trial 1 has NaN"));
    assert!(forest(unit, &[vec![0.5], vec![0.6]], &[1.0, 1.0]).contains("the same"));
    assert!(forest(unit, &[], &[]).contains("0 trials"));
    let shares = PedAnovaOptions { target: 0.5, region: 0.5, local: true };
    let trials = [vec![0.5], vec![0.6]];
    assert!(
        ped_anova(&[unit], &trials, &[1.0, 2.0], &shares)
            .expect_err("equal shares")
            .to_string()
            .contains("0.5")
    );
}
