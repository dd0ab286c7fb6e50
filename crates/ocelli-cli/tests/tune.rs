//! Searches: every trial is a run, studies go on, and the best trial's recipe gives what the trial gave.

mod common;

#[cfg(unix)]
use common::command;
use common::{folder, ocelli, succeeds};
use serde_json::Value;
use std::fs;
use std::path::Path;

/// What varies: two settings of the recipe, and a width of the network.
const SPACE: &str = r#"
"train.lr" = { type = "float", low = 1e-3, high = 0.1, log = true }
"train.optimizer.name" = { type = "categorical", choices = ["adamw", "sgd"] }
"network.layers.0.out_channels" = { type = "int", low = 4, high = 12, step = 4 }
"#;

fn search(folder: &Path, more: &[&str]) -> common::Ran {
    fs::write(folder.join("space.toml"), SPACE).unwrap();
    let mut args =
        vec!["tune", "--data", "data", "--model", "network.toml", "--space", "space.toml", "--out", "search"];
    args.extend(["--set", "train.epochs=2", "--set", "transforms.augment=false", "--batch-size", "16"]);
    args.extend(more);
    ocelli(folder, &args)
}

/// The lines of the study's journal.
fn journal(folder: &Path) -> Vec<Value> {
    let text = fs::read_to_string(folder.join("search/study.log")).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Trials that were begun.
fn trials(folder: &Path) -> usize {
    journal(folder).iter().filter(|line| line["op_code"] == 4).count()
}

fn runs(folder: &Path) -> Vec<Value> {
    succeeds(folder, &["runs", "list", "--json"]).json().as_array().unwrap().clone()
}

/// The page of the search.
fn page(folder: &Path) -> String {
    fs::read_to_string(folder.join("search/report.html")).unwrap()
}

/// A journal as Optuna writes it: two studies, of which the first has two complete trials.
const OPTUNAS: &str = r#"{"worker_id": "w", "op_code": 0, "study_name": "first", "directions": [1]}
{"worker_id": "w", "op_code": 0, "study_name": "second", "directions": [2]}
{"worker_id": "w", "op_code": 4, "study_id": 0, "datetime_start": "2026-11-01T10:00:00.000000"}
{"worker_id": "w", "op_code": 5, "trial_id": 0, "param_name": "x", "param_value_internal": 0.25, "distribution": "{\"name\": \"FloatDistribution\", \"attributes\": {\"low\": 0.0, \"high\": 1.0, \"log\": false, \"step\": null}}"}
{"worker_id": "w", "op_code": 6, "trial_id": 0, "state": 1, "values": [3.5], "datetime_complete": "2026-11-01T10:01:00.000000"}
{"worker_id": "w", "op_code": 4, "study_id": 0, "datetime_start": "2026-11-01T10:02:00.000000"}
{"worker_id": "w", "op_code": 5, "trial_id": 1, "param_name": "x", "param_value_internal": 0.75, "distribution": "{\"name\": \"FloatDistribution\", \"attributes\": {\"low\": 0.0, \"high\": 1.0, \"log\": false, \"step\": null}}"}
{"worker_id": "w", "op_code": 6, "trial_id": 1, "state": 1, "values": [2.5], "datetime_complete": "2026-11-01T10:03:00.000000"}
"#;

#[test]
fn journals_that_others_wrote_become_pages_too() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    fs::write(folder.join("optuna.log"), OPTUNAS).unwrap();
    let refused = ocelli(folder, &["report", "optuna.log"]);
    assert!(refused.code == 2 && refused.err.contains("first, second with --study"), "{}", refused.err);
    let said = succeeds(folder, &["report", "optuna.log", "--study", "first", "--out", "about"]).out;
    assert!(said.contains("2 trials, 2 of them complete") && said.contains("about.html"), "{said}");
    let html = fs::read_to_string(folder.join("about.html")).unwrap();
    assert!(
        html.contains("optuna.log: first") && html.contains(">2.50000<") && html.contains("2 min 00 s"),
        "{html}"
    );
    assert!(folder.join("about/slice-x.svg").is_file());
    let before = fs::read_to_string(folder.join("optuna.log")).unwrap();
    assert_eq!(before, OPTUNAS, "nothing is written into it");
    let data = ocelli(folder, &["report", "optuna.log", "--study", "first", "--data", "photos"]);
    assert!(data.code == 2 && data.err.contains("--data"), "{}", data.err);
}

#[test]
fn a_search_finds_tracks_and_goes_on() {
    let folder = folder(18);
    let folder = folder.path();
    let said = search(folder, &["--trials", "4", "--jobs", "2", "--threads", "2"]);
    assert_eq!(said.code, 0, "{}\n{}", said.out, said.err);
    assert_eq!(trials(folder), 4);
    assert!(said.out.contains("\nimportance for val_loss "), "{}", said.out);
    assert!(page(folder).contains("the least val_loss") && folder.join("search/plots/history.svg").is_file());
    assert_eq!(search(folder, &["--trials", "6"]).code, 0);
    assert_eq!(trials(folder), 6, "those that there were count");
    let runs = runs(folder);
    let parents: Vec<&Value> = runs.iter().filter(|run| run["tags"]["ocelli.command"] == "tune").collect();
    let [parent] = &parents[..] else { panic!("{parents:#?}") };
    assert_eq!(parent["status"], "FINISHED");
    let children: Vec<&Value> =
        runs.iter().filter(|run| run["tags"]["mlflow.parentRunId"] == parent["id"]).collect();
    assert_eq!(children.len(), 6);
    assert!(page(folder).contains("6 complete"), "the page is made anew");
    // The best trial's loss is the least of all, and its recipe gives it again.
    fs::write(folder.join("search/report.html"), "mine").unwrap();
    let said = ocelli(folder, &["report", "search"]);
    assert!(said.code == 2 && said.err.contains("not from an earlier report"), "{}", said.err);
    fs::remove_file(folder.join("search/report.html")).unwrap();
    fs::remove_dir_all(folder.join("search/plots")).unwrap();
    succeeds(folder, &["report", "search"]);
    assert!(
        page(folder).contains("6 complete") && page(folder).contains("the least val_loss"),
        "by the study's metric names"
    );
    let losses = children.iter().map(|run| run["metrics"]["val_loss"]["value"].as_f64().unwrap());
    let best = losses.fold(f64::INFINITY, f64::min);
    let noted = parent["metrics"]["val_loss"]["value"].as_f64().unwrap();
    assert!(noted <= best + 1e-12, "{noted} {best}");
    succeeds(folder, &["train", "--recipe", "search/best.toml", "--out", "again"]);
    let lines = fs::read_to_string(folder.join("again/metrics.jsonl")).unwrap();
    let again =
        lines.lines().filter_map(|line| serde_json::from_str::<Value>(line).unwrap()["val_loss"].as_f64());
    assert_eq!(again.fold(f64::INFINITY, f64::min), noted);
}

#[test]
fn bad_trials_are_given_up_early() {
    let folder = folder(18);
    let folder = folder.path();
    let args =
        ["--trials", "8", "--sampler", "random", "--pruner", "asha", "--set", "train.epochs=4", "--no-track"];
    let said = search(folder, &args);
    assert_eq!(said.code, 0, "{}\n{}", said.out, said.err);
    let pruned = said.out.lines().filter(|line| line.contains(" pruned ")).count();
    assert!(pruned > 0, "{}", said.out);
    assert!(!folder.join("mlflow.db").exists());
}

#[test]
fn several_objectives_have_several_best_trials() {
    let folder = folder(9);
    let folder = folder.path();
    let args = [
        "--trials",
        "5",
        "--sampler",
        "random",
        "--objective",
        "val_loss",
        "--objective",
        "parameters",
        "--no-track",
    ];
    let said = search(folder, &args);
    assert_eq!(said.code, 0, "{}\n{}", said.out, said.err);
    assert!(said.out.contains("\nbest "), "{}", said.out);
    assert!(
        folder.join("search/plots/pareto.svg").is_file() && page(folder).contains("the least parameters")
    );
    let refused = search(folder, &[&args[..], &["--pruner", "median"]].concat());
    assert_eq!(refused.code, 2, "{}", refused.err);
}

#[test]
fn what_cannot_be_searched_is_told() {
    let folder = folder(9);
    let folder = folder.path();
    for (space, said) in [
        ("\"train.lr\" = { type = \"float\", low = 2.0, high = 1.0 }", "train.lr"),
        ("\"train.lrr\" = { type = \"float\", low = 1.0, high = 2.0 }", "train.lrr"),
        ("\"network.layers.99.out_channels\" = { type = \"int\", low = 1, high = 2 }", "layers.99"),
    ] {
        fs::write(folder.join("space.toml"), space).unwrap();
        let args = [
            "tune",
            "--data",
            "data",
            "--model",
            "network.toml",
            "--space",
            "space.toml",
            "--out",
            "none",
            "--trials",
            "1",
            "--no-track",
        ];
        let refused = ocelli(folder, &args);
        assert!(
            refused.code != 0 && refused.err.contains(said),
            "{space}: {}\n{}",
            refused.code,
            refused.err
        );
        let _ = fs::remove_dir_all(folder.join("none"));
    }
}

#[cfg(unix)]
#[test]
fn a_search_that_is_interrupted_tries_its_trial_anew() {
    use std::process::{Command, Stdio};
    let folder = folder(60);
    let folder = folder.path();
    fs::write(folder.join("space.toml"), SPACE).unwrap();
    let epochs = |epochs| format!("train.epochs={epochs}");
    let (long, short) = (epochs(400), epochs(1));
    let common =
        ["tune", "--data", "data", "--model", "network.toml", "--space", "space.toml", "--out", "search"];
    let args = |epochs| [&common[..], &["--trials", "2", "--no-track", "--set", epochs]].concat();
    let mut child =
        command(folder, &args(&long)).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let reported = || {
        fs::read_to_string(folder.join("search/study.log")).is_ok_and(|text| text.contains("\"op_code\":7"))
    };
    while !reported() {
        assert!(child.try_wait().unwrap().is_none(), "it goes on");
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(130));
    let said = succeeds(folder, &args(&short)).out;
    let complete = said.lines().filter(|line| line.contains(" complete ")).count();
    assert_eq!((complete, trials(folder)), (2, 3), "one anew and one more: {said}");
}
