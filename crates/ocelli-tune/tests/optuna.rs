//! One journal, Optuna and Ocelli: each opens and continues what the other wrote. `cargo xtask test` sets `OCELLI_PYTHON` to an
//! interpreter that has Optuna; without it, nothing is tested here.

mod common;

use common::{NAME, follow_orders, open, spawn, work};
use ocelli_tune::{LockKind, Params, Study, TrialState, Value};
use serde_json::{Value as Json, json};
use std::path::Path;
use std::process::{Command, Stdio};

/// Runs `interop/study.py`, if there is an interpreter; gives the study as Optuna has it.
fn optuna(path: &Path, lock: LockKind, arguments: &[&str]) -> Option<std::process::Child> {
    let Some(python) = std::env::var_os("OCELLI_PYTHON") else {
        eprintln!("skipped: OCELLI_PYTHON is not set");
        return None;
    };
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/interop/study.py");
    let lock = if lock == LockKind::Open { "open" } else { "symlink" };
    let mut command = Command::new(python);
    command.arg(script).arg(path).arg(lock).args(arguments).stdout(Stdio::piped());
    Some(command.spawn().expect("Python runs"))
}

fn shown(python: std::process::Child) -> Json {
    let output = python.wait_with_output().expect("Python ends");
    assert!(output.status.success());
    serde_json::from_slice(&output.stdout).expect("JSON")
}

fn number(value: f64) -> Json {
    let name = if value.is_nan() {
        "nan"
    } else if value > 0.0 {
        "inf"
    } else {
        "-inf"
    };
    if value.is_finite() { json!(value) } else { json!(name) }
}

/// The study as this side has it, in the words of `study.py`.
fn ours(study: &Study) -> Json {
    let history = study.history().unwrap();
    let state = |state| match state {
        TrialState::Running => "RUNNING",
        TrialState::Complete => "COMPLETE",
        TrialState::Pruned => "PRUNED",
        TrialState::Fail => "FAIL",
        TrialState::Waiting => "WAITING",
    };
    let trials: Vec<Json> = history
        .all()
        .iter()
        .map(|trial| {
            let values = trial.values.as_ref();
            let intermediate =
                trial.intermediate_values.iter().map(|(step, value)| (step.to_string(), number(*value)));
            json!({
                "number": trial.number,
                "state": state(trial.state),
                "values": values.map(|values| values.iter().copied().map(number).collect::<Vec<_>>()),
                "params": trial.params,
                "intermediate": intermediate.collect::<serde_json::Map<_, _>>(),
                "user_attrs": trial.user_attrs,
                "system_attrs": trial.system_attrs,
                "start": trial.datetime_start.map(|time| time.timestamp_micros()),
                "complete": trial.datetime_complete.map(|time| time.timestamp_micros()),
            })
        })
        .collect();
    let best: Vec<u64> = study.best_trials().unwrap().iter().map(|trial| trial.number).collect();
    json!({
        "name": study.name(),
        "directions": study.directions().iter().map(|way| format!("{way:?}").to_uppercase()).collect::<Vec<_>>(),
        "user_attrs": study.user_attrs().unwrap(),
        "metric_names": study.metric_names().unwrap(),
        "best": best,
        "trials": trials,
    })
}

fn same(theirs: &Json, ours: &Json) {
    let (theirs_trials, ours_trials) =
        (theirs["trials"].as_array().unwrap(), ours["trials"].as_array().unwrap());
    for (theirs, ours) in theirs_trials.iter().zip(ours_trials) {
        assert_eq!(theirs, ours);
    }
    assert_eq!(theirs, ours);
}

#[test]
fn ours_is_continued_by_optuna_and_by_us_again() {
    for lock in [LockKind::Symlink, LockKind::Open] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal.log");
        let study = open(&path, lock, 1);
        study.set_user_attr("note", json!(["ä \" \u{1F600} NaN", null, 1.5])).unwrap();
        study.set_metric_names(&["a loss"]).unwrap();
        work(&study, |_, told| told == 6);
        let queued = Params::from_iter([
            ("x".to_string(), Value::Float(0.25)),
            ("kind".to_string(), Value::from("a")),
        ]);
        study.enqueue(queued, false).unwrap();
        let trial = study.ask().unwrap().unwrap();
        trial.report(0, f64::NAN).unwrap();
        trial.report(1, f64::INFINITY).unwrap();
        trial.tell(ocelli_tune::Outcome::Pruned).unwrap();
        study.ask().unwrap().unwrap().tell(ocelli_tune::Outcome::Fail("on purpose".into())).unwrap();
        let queued = Params::from_iter([
            ("width".to_string(), Value::Int(48)),
            ("kind".to_string(), Value::Bool(true)),
        ]);
        let waiting = study.enqueue(queued, false).unwrap().unwrap();

        let Some(python) = optuna(&path, lock, &["show", NAME]) else { return };
        same(&shown(python), &ours(&study));
        let theirs = shown(optuna(&path, lock, &["run", NAME, "5"]).unwrap());
        same(&theirs, &ours(&study));
        let taken = &theirs["trials"][waiting as usize];
        assert_eq!((&taken["state"], &taken["params"]["width"]), (&json!("COMPLETE"), &json!(48)));
        assert_eq!(taken["params"]["kind"], json!(true));
        // An interrupted study of ours, opened anew.
        drop(study);
        let study = open(&path, lock, 2);
        work(&study, |_, told| told == 4);
        same(&shown(optuna(&path, lock, &["show", NAME]).unwrap()), &ours(&study));
        assert_eq!(study.history().unwrap().all().len(), 6 + 2 + 1 + 4 + 4);
    }
}

#[test]
fn optunas_is_continued_by_us_and_by_optuna_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.log");
    let Some(python) = optuna(&path, LockKind::Symlink, &["create", NAME]) else { return };
    let theirs = shown(python);
    let study = open(&path, LockKind::Symlink, 1);
    same(&theirs, &ours(&study));
    // What waits in their queue is taken first, with the values that it was given.
    let trial = study.ask().unwrap().unwrap();
    assert_eq!(trial.get("x"), Some(&Value::Float(-2.0)));
    assert_eq!(trial.get("width"), Some(&Value::Int(32)));
    assert_eq!(trial.get("kind"), Some(&Value::Float(2.5)));
    trial.tell(ocelli_tune::Outcome::Complete(vec![f64::INFINITY])).unwrap();
    work(&study, |_, told| told == 5);
    same(&shown(optuna(&path, LockKind::Symlink, &["run", NAME, "3"]).unwrap()), &ours(&study));
}

#[test]
fn two_of_ours_and_one_of_optunas_at_once_lose_nothing() {
    for lock in [LockKind::Symlink, LockKind::Open] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal.log");
        let study = open(&path, lock, 0);
        let Some(python) = optuna(&path, lock, &["run", NAME, "20"]) else { return };
        let workers = [spawn(&path, lock, 20, usize::MAX), spawn(&path, lock, 20, usize::MAX)];
        for mut worker in workers {
            assert!(worker.wait().unwrap().success());
        }
        shown(python);
        let found = ours(&study);
        same(&shown(optuna(&path, lock, &["show", NAME]).unwrap()), &found);
        let trials = found["trials"].as_array().unwrap();
        assert_eq!(trials.len(), 60);
        let mut by_optuna = 0;
        for trial in trials {
            assert_eq!(trial["state"], "COMPLETE");
            assert_eq!(trial["intermediate"].as_object().unwrap().len(), 3);
            let param = |name: &str| trial["params"][name].as_f64().unwrap();
            let value = param("x") * param("x") + param("share") + param("width");
            assert_eq!(trial["values"][0].as_f64(), Some(value));
            by_optuna += usize::from(trial["user_attrs"]["by"] == "optuna");
        }
        assert_eq!(by_optuna, 20);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "no locks are left");
    }
}

/// Not a test: what [`spawn`] starts.
#[test]
#[ignore = "a worker of other tests"]
fn worker() {
    follow_orders();
}
