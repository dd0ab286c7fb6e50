//! A journal that Optuna wrote: what its own figures show of it is what ours show. `cargo xtask test` sets `OCELLI_PYTHON` to an interpreter that
//! has Optuna; without it, nothing is tested here.

use ocelli_report::search::{Search, busy, curves, front, history, importances};
use ocelli_tune::{Journal, LockOptions};
use serde_json::Value;
use std::path::Path;
use std::process::Command;

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().expect("a list").iter().map(|value| value.as_f64().expect("a number")).collect()
}

fn lists(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().expect("a list").iter()
}

#[test]
fn figures_show_what_optunas_show() {
    let Some(python) = std::env::var_os("OCELLI_PYTHON") else {
        eprintln!("skipped: OCELLI_PYTHON is not set");
        return;
    };
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("journal.log");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/interop/search.py");
    let output = Command::new(python).arg(script).arg(&path).output().expect("Python runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let theirs: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let mut journal = Journal::open(&path, LockOptions::default()).expect("a journal");
    let studies = journal.studies().expect("studies");
    let [one, two] = [0, 1].map(|place| Search::of("a search", studies[place]));
    assert_eq!(one.objectives[0].name, "loss", "as Optuna's metric names say");
    assert_eq!(
        (two.objectives[0].name.as_str(), two.objectives[1].name.as_str()),
        ("objective 1", "objective 2")
    );

    let found = history(&one, 0);
    let found: Vec<Vec<f64>> = found
        .complete
        .iter()
        .zip(&found.best)
        .map(|((number, value), (_, best))| vec![*number as f64, *value, *best])
        .collect();
    assert_eq!(found, lists(&theirs["history"]).map(numbers).collect::<Vec<_>>());

    let found: Vec<(u64, Vec<(i64, f64)>)> =
        curves(&one).into_iter().map(|curve| (curve.number, curve.points)).collect();
    let of = |curve: &Value| {
        (
            curve[0].as_u64().unwrap(),
            lists(&curve[1]).map(|point| (point[0].as_i64().unwrap(), point[1].as_f64().unwrap())).collect(),
        )
    };
    assert_eq!(found, lists(&theirs["intermediate"]).map(of).collect::<Vec<_>>());

    let found = importances(&one, 0).expect("importances");
    assert_eq!(found.len(), theirs["importances"].as_object().unwrap().len());
    for one in &found {
        let expected = theirs["importances"][&one.name].as_f64().unwrap();
        assert!(
            (one.ped_anova - expected).abs() < 1e-9,
            "{}: {}, Optuna has {expected}",
            one.name,
            one.ped_anova
        );
    }

    // One worker without pauses to speak of: times of work are times since the first beginning, less the gaps between trials.
    let busy = busy(&one);
    let timeline: Vec<&Value> = lists(&theirs["timeline"]).collect();
    assert_eq!(busy.len(), timeline.len());
    for (ours, theirs) in busy.iter().zip(timeline) {
        assert_eq!(
            (ours.number, format!("{:?}", ours.state).to_uppercase()),
            (theirs[0].as_u64().unwrap(), theirs[1].as_str().unwrap().to_owned())
        );
        let took = theirs[3].as_f64().unwrap() - theirs[2].as_f64().unwrap();
        assert!((ours.to - ours.from - took).abs() < 1e-5, "{ours:?} took {took}");
    }

    let mut expected: Vec<Vec<f64>> = lists(&theirs["front"]).map(numbers).collect();
    expected.sort_by(|a, b| a[1].total_cmp(&b[1]));
    let found = front(&two, 0, 1);
    assert_eq!(
        found.best.iter().map(|(number, x, y)| vec![*number as f64, *x, *y]).collect::<Vec<_>>(),
        expected
    );
    assert_eq!(found.best.len() + found.others.len(), 30);
    assert!(one.page().figures.len() > 8 && two.page().figures.iter().any(|(name, _)| name == "pareto"));
}
