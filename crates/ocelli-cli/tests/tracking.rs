//! Runs are tracked, listed, compared, deleted, and repeated to the bit.

mod common;

use common::{CLASSES, command, folder, ocelli, ran, succeeds, train};
use serde_json::Value;
use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
#[cfg(unix)]
use std::{process::Stdio, thread, time::Duration};

/// All runs that are not deleted, the newest first.
fn runs(folder: &Path) -> Vec<Value> {
    let listed = succeeds(folder, &["runs", "list", "--json"]).json();
    listed.as_array().expect("a list").clone()
}

fn text<'a>(run: &'a Value, pointer: &str) -> &'a str {
    run.pointer(pointer).and_then(Value::as_str).unwrap_or_else(|| panic!("{pointer} in {run:#}"))
}

fn array(value: &Value) -> &[Value] {
    value.as_array().unwrap_or_else(|| panic!("a list in {value:#}"))
}

fn metric(run: &Value, name: &str) -> f64 {
    run["metrics"][name]["value"].as_f64().unwrap_or_else(|| panic!("{name} in {run:#}"))
}

#[test]
fn a_training_run_is_tracked_with_all_that_belongs_to_it() {
    let folder = folder(30);
    let folder = folder.path();
    assert_eq!(train(folder, "first", &["--experiment", "stripes"]).code, 0);
    assert!(folder.join("mlflow.db").is_file() && !folder.join("mlruns").exists());
    let found = runs(folder);
    let [run] = &found[..] else { panic!("{found:#?}") };
    assert_eq!((text(run, "/name"), text(run, "/status")), ("first", "FINISHED"));
    assert_eq!(text(run, "/params/train.epochs"), "3");
    assert_eq!(text(run, "/params/train.optimizer.name"), "adamw");
    assert_eq!(text(run, "/tags/ocelli.command"), "train");
    // What the run's own file says is what is tracked.
    let lines = fs::read_to_string(folder.join("first/metrics.jsonl")).unwrap();
    let lines: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    for name in ["train_loss", "val_loss", "val_accuracy"] {
        assert_eq!(metric(run, name), lines[2][name].as_f64().unwrap(), "{name}");
    }
    assert_eq!(metric(run, "test_accuracy"), lines[3]["test_accuracy"].as_f64().unwrap());
    assert!(metric(run, "step/loss") > 0.0);
    let inputs: Vec<&str> =
        run["inputs"].as_array().unwrap().iter().map(|input| text(input, "/context")).collect();
    assert_eq!(inputs.len(), 3, "{inputs:?}");
    let shown = succeeds(folder, &["runs", "show", "first", "--json"]).json();
    let files: Vec<&str> =
        shown["artifacts"].as_array().unwrap().iter().map(|file| text(file, "/path")).collect();
    for file in [
        "recipe.toml",
        "metrics.jsonl",
        "model/MLmodel",
        "model/model.safetensors",
        "model/model.onnx",
        "model/requirements.txt",
        "curves/loss.svg",
        "confusion.png",
    ] {
        assert!(files.contains(&file), "{file} in {files:?}");
    }
    let said = succeeds(folder, &["runs"]).out;
    assert!(said.contains("stripes") && said.contains("finished"), "{said}");
}

/// `OCELLI_MLFLOW` names an interpreter that has it; without it, nothing is tested here.
#[test]
fn mlflow_predicts_by_the_logged_model() {
    let Some(python) = std::env::var_os("OCELLI_MLFLOW") else {
        eprintln!("skipped: OCELLI_MLFLOW is not set");
        return;
    };
    let folder = folder(30);
    let folder = folder.path();
    assert_eq!(train(folder, "first", &[]).code, 0);
    let images = CLASSES.map(|class| format!("data/test/{class}/000.png"));
    let images: Vec<&str> = images.iter().map(String::as_str).collect();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testing/interop/mlflow_pyfunc.py");
    let asked = Command::new(python)
        .arg(script)
        .args(["sqlite:///mlflow.db", text(&runs(folder)[0], "/id")])
        .args(&images)
        .current_dir(folder)
        .output()
        .unwrap();
    assert!(asked.status.success(), "{}", String::from_utf8_lossy(&asked.stderr));
    let theirs: Value = serde_json::from_slice(&asked.stdout).unwrap();
    assert_eq!(theirs["classes"], serde_json::json!(CLASSES));
    let ours = succeeds(folder, &[&["predict", "--json", "first/model.safetensors"], &images[..]].concat());
    let ours = ours.json();
    assert_eq!([&theirs["probabilities"], &ours["predictions"]].map(|answers| array(answers).len()), [3, 3]);
    for (theirs, ours) in array(&theirs["probabilities"]).iter().zip(array(&ours["predictions"])) {
        for (theirs, class) in array(theirs).iter().zip(CLASSES) {
            let ours = array(&ours["top"]).iter().find(|top| top["label"] == class).unwrap();
            // Sums in another order.
            let difference = theirs.as_f64().unwrap() - ours["probability"].as_f64().unwrap();
            assert!(difference.abs() < 1e-5, "{class}: {theirs} and {ours}");
        }
    }
}

#[test]
fn a_run_is_repeated_to_the_bit_and_compared() {
    let folder = folder(18);
    let folder = folder.path();
    assert_eq!(train(folder, "first", &[]).code, 0);
    assert_eq!(train(folder, "second", &["--lr", "0.02"]).code, 0);
    let said = succeeds(folder, &["runs", "repeat", "first", "--out", "again"]).out;
    assert!(said.contains("the model has the same bits"), "{said}");
    assert_eq!(
        fs::read(folder.join("first/model.safetensors")).unwrap(),
        fs::read(folder.join("again/model.safetensors")).unwrap()
    );
    let compared =
        succeeds(folder, &["runs", "compare", "first", "second", "--json", "--out", "both"]).json();
    let differ: Vec<&str> =
        compared["params"].as_array().unwrap().iter().map(|row| text(row, "/name")).collect();
    assert_eq!(differ, ["train.lr"]);
    let svg = fs::read_to_string(folder.join("both.svg")).unwrap();
    assert!(svg.contains("first") && svg.contains("second"));
    let best = [
        "runs",
        "list",
        "--json",
        "--order-by",
        "metrics.test_loss ASC",
        "--filter",
        "params.train.lr = '0.02'",
    ];
    let found = succeeds(folder, &best).json();
    assert_eq!(
        found.as_array().unwrap().iter().map(|run| text(run, "/name")).collect::<Vec<_>>(),
        ["second"]
    );
}

#[test]
fn runs_are_deleted_and_restored() {
    let folder = folder(9);
    let folder = folder.path();
    assert_eq!(train(folder, "one", &[]).code, 0);
    let id = text(&runs(folder)[0], "/id").to_owned();
    succeeds(folder, &["runs", "delete", &id[..6]]);
    assert!(runs(folder).is_empty());
    let deleted = succeeds(folder, &["runs", "list", "--deleted", "--json"]).json();
    assert_eq!(text(&deleted[0], "/id"), id);
    succeeds(folder, &["runs", "restore", "one"]);
    assert_eq!(runs(folder).len(), 1);
    let refused = ocelli(folder, &["runs", "delete", "one", "none-such"]);
    assert_eq!(refused.code, 2, "{}", refused.err);
    assert_eq!(runs(folder).len(), 1, "all or nothing");
}

#[test]
fn evaluations_and_sweeps_are_runs_too() {
    let folder = folder(18);
    let folder = folder.path();
    assert_eq!(train(folder, "one", &["--no-track"]).code, 0);
    assert!(!folder.join("mlflow.db").exists() && !folder.join("one/tracking.json").exists());
    let measured = succeeds(folder, &["eval", "one/model.safetensors", "--data", "data", "--json"]).json();
    let sweep = ["lr-find", "--data", "data", "--model", "network.toml", "--steps", "20", "--json"];
    let curve = succeeds(folder, &sweep).json();
    let found = runs(folder);
    let of = |command: &str| {
        let mut found = found.iter().filter(|run| text(run, "/tags/ocelli.command") == command);
        found
            .next()
            .unwrap_or_else(|| panic!("{command} in {found:#?}", found = found.clone().collect::<Vec<_>>()))
    };
    let eval = of("eval");
    assert_eq!(metric(eval, "accuracy"), measured["accuracy"].as_f64().unwrap());
    assert_eq!(metric(eval, "macro_f1"), measured["macro"]["f1"].as_f64().unwrap());
    let last = curve["losses"].as_array().unwrap().last().unwrap().as_f64().unwrap();
    assert_eq!(metric(of("lr-find"), "step/loss"), last);
}

/// Stops a run within its second epoch or later by Ctrl-C.
#[cfg(unix)]
fn interrupted(folder: &Path, args: &[&str], out: &str) {
    let mut child = command(folder, args).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    while fs::read_to_string(folder.join(out).join("metrics.jsonl")).map_or(true, |text| text.is_empty()) {
        assert!(child.try_wait().unwrap().is_none(), "it goes on");
        thread::sleep(Duration::from_millis(5));
    }
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(130));
}

/// Asks a command to stop as soon as it has begun its tracked run; gives that.
#[cfg(unix)]
fn stopped(folder: &Path, args: &[&str], runs_before: usize) -> Value {
    let mut child = command(folder, args).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    while runs(folder).len() == runs_before {
        assert!(child.try_wait().unwrap().is_none(), "it goes on");
    }
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(130));
    runs(folder).remove(0)
}

#[cfg(unix)]
#[test]
fn stopped_evaluations_and_sweeps_are_killed_runs() {
    let folder = folder(60);
    let folder = folder.path();
    assert_eq!(train(folder, "one", &[]).code, 0);
    // Long enough, whatever the machine.
    let mut eval = vec!["eval", "one/model.safetensors", "--data", "data", "--split", "train"];
    eval.extend(["--tta", "hflip"].repeat(2000));
    let run = stopped(folder, &eval, 1);
    assert_eq!((text(&run, "/tags/ocelli.command"), text(&run, "/status")), ("eval", "KILLED"));
    assert!(run["metrics"].get("accuracy").is_none() && run["end_time"].is_number());
    let mut sweep = vec!["lr-find", "--data", "data", "--model", "network.toml", "--batch-size", "16"];
    sweep.extend(["--steps", "10000", "--end", "1e-6", "--set", "train.accumulate=20"]);
    let run = stopped(folder, &sweep, 2);
    assert_eq!((text(&run, "/tags/ocelli.command"), text(&run, "/status")), ("lr-find", "KILLED"));
    assert!(metric(&run, "step/loss") > 0.0 && run["metrics"].get("lr_valley").is_none());
    assert!(!folder.join("lr-find.svg").exists());
}

#[test]
fn a_report_is_a_file_of_its_run() {
    let folder = folder(9);
    let folder = folder.path();
    assert_eq!(train(folder, "one", &[]).code, 0);
    let before = runs(folder);
    let files = || {
        let shown = succeeds(folder, &["runs", "show", "one", "--json"]).json();
        let files = shown["artifacts"].as_array().unwrap();
        files.iter().map(|file| text(file, "/path").to_owned()).collect::<Vec<_>>()
    };
    succeeds(folder, &["report", "one", "--no-track"]);
    assert!(!files().contains(&"report.html".to_owned()));
    let said = succeeds(folder, &["report", "one/model.safetensors", "--out", "page.html"]).out;
    assert!(said.contains("tracked   report.html") && said.contains("mlflow.db"), "{said}");
    assert!(files().contains(&"report.html".to_owned()));
    assert_eq!(runs(folder), before, "nothing else of it has changed");
    // That the place is gone costs the page nothing.
    fs::rename(folder.join("mlflow.db"), folder.join("away.db")).unwrap();
    let warned = succeeds(folder, &["report", "one"]);
    assert!(warned.err.contains("is there no more") && !folder.join("mlflow.db").exists(), "{}", warned.err);
    let kept = fs::read_to_string(folder.join("one/tracking.json")).unwrap();
    let mut kept: Value = serde_json::from_str(&kept).unwrap();
    kept["server"] =
        kept.as_object_mut().unwrap().remove("database").map(|_| "http://127.0.0.1:9".into()).unwrap();
    fs::write(folder.join("one/tracking.json"), kept.to_string()).unwrap();
    let warned = succeeds(folder, &["report", "one"]);
    assert!(warned.err.contains("set MLFLOW_TRACKING_URI"), "{}", warned.err);
}

#[cfg(unix)]
#[test]
fn a_resumed_run_goes_on_as_the_same() {
    let folder = folder(60);
    let folder = folder.path();
    let args = [
        "train",
        "--data",
        "data",
        "--model",
        "network.toml",
        "--epochs",
        "12",
        "--batch-size",
        "4",
        "--out",
        "one",
    ];
    interrupted(folder, &args, "one");
    let stopped = runs(folder);
    assert_eq!(text(&stopped[0], "/status"), "KILLED");
    succeeds(folder, &["train", "--resume", "one"]);
    let found = runs(folder);
    assert_eq!(found.len(), 1);
    assert_eq!(text(&found[0], "/id"), text(&stopped[0], "/id"));
    assert_eq!(found[0]["metrics"]["val_loss"]["step"], 12);
    assert_eq!(text(&found[0], "/status"), "FINISHED");
}

#[test]
fn a_server_that_does_not_answer_costs_the_run_nothing() {
    let folder = folder(9);
    let folder = folder.path();
    // It takes connections and says nothing.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let uri = format!("http://{}", silent.local_addr().unwrap());
    let args = ["train", "--data", "data", "--model", "network.toml", "--epochs", "1", "--out", "one"];
    let mut command = command(folder, &args);
    command
        .env("MLFLOW_TRACKING_URI", &uri)
        .env("XDG_STATE_HOME", folder)
        .env("MLFLOW_HTTP_REQUEST_TIMEOUT", "1");
    let ran = ran(&mut command);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(ran.err.contains("are kept, and sent by the next command"), "{}", ran.err);
    assert!(folder.join("one/model.safetensors").is_file() && folder.join("ocelli/tracking").is_dir());
}

#[test]
fn a_place_that_is_none_is_refused_before_any_work() {
    let folder = folder(9);
    let folder = folder.path();
    for (uri, said) in [("file:./mlruns", "mlruns"), ("./mlruns", "mlruns"), ("ftp://a", "ftp")] {
        let refused = train(folder, "one", &["--tracking-uri", uri]);
        assert_eq!(refused.code, 2, "{uri}: {}", refused.err);
        assert!(refused.err.contains(said), "{}", refused.err);
    }
    fs::write(folder.join("mlflow.db"), "not a database").unwrap();
    let refused = train(folder, "one", &["--tracking-uri", "mlflow.db"]);
    assert_eq!(refused.code, 1, "{}", refused.err);
    assert!(refused.err.contains("--no-track"), "{}", refused.err);
    assert!(!folder.join("one/model.safetensors").exists());
    let warned = train(folder, "one", &[]);
    assert_eq!(warned.code, 0, "{}", warned.err);
    assert!(warned.err.contains("this run is not tracked: "), "nobody asked for it: {}", warned.err);
    let nothing = ocelli(folder, &["runs", "--tracking-uri", "none.db"]);
    assert_eq!(nothing.code, 2, "{}", nothing.err);
    assert!(!folder.join("none.db").exists());
}
