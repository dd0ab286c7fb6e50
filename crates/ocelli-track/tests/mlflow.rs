//! The real MLflow and our stores. `OCELLI_MLFLOW` names an interpreter that has it; without it, nothing is tested here.

use ocelli_track::{
    Dataset, DatasetInput, LogModel, Metric, Run, RunKey, RunStatus, SearchRuns, StartRun, Tracker,
    TrackerOptions, TrackingUri, ViewType,
};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Filters and orders that both must answer alike.
const SEARCHES: [(&str, &[&str]); 21] = [
    ("", &[]),
    ("", &["metrics.`val loss` ASC"]),
    ("", &["metrics.`val loss` DESC"]),
    ("", &["params.lr", "attributes.start_time ASC"]),
    ("", &["tags.branch DESC"]),
    ("", &["run_name DESC", "metrics.`val loss`"]),
    ("params.lr = '0.1'", &[]),
    ("params.lr != '0.1'", &[]),
    ("params.\"lr\" LIKE '0.%'", &[]),
    ("metrics.`val loss` >= 0.5 and params.lr = '0.1'", &[]),
    ("tags.branch LIKE 'main%'", &[]),
    ("tags.branch ILIKE 'main%'", &[]),
    ("tags.branch LIKE '_ev'", &[]),
    ("attributes.start_time > 2", &["start_time DESC"]),
    ("run_name = 'c'", &[]),
    ("run_id LIKE 'a%'", &[]),
    ("attributes.`Run name` ILIKE '%C%'", &[]),
    ("status = 'FINISHED' and tags.branch != 'dev'", &[]),
    ("dataset.digest = 'digest-a'", &[]),
    ("dataset.context = 'training' and dataset.name IN ('flowers', 'x')", &[]),
    ("params.lr = \"0.1\" AND status != 'RUNNING'", &[]),
];
/// Those that only MLflow 3.17 answers as we do: to older ones NaN is 0, and they know no IS NULL.
const NEWER: [(&str, &[&str]); 8] = [
    ("metrics.`val loss` = 0", &[]),
    ("metrics.`val loss` < 0.7", &["metrics.`val loss`"]),
    ("metric.\"val loss\" > -1e-3", &[]),
    ("run_id NOT IN ('x', \"y\")", &[]),
    ("metrics.`val loss` != 0", &[]),
    ("metrics.`val loss` <= 0", &[]),
    ("params.lr IS NULL", &[]),
    ("tags.branch IS NOT NULL and params.lr is not null", &[]),
];

fn python() -> Option<OsString> {
    let python = std::env::var_os("OCELLI_MLFLOW");
    if python.is_none() {
        eprintln!("skipped: OCELLI_MLFLOW is not set");
    }
    python
}

fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testing").join(name)
}

/// What MLflow finds at a URI; with a name it logs a run first.
fn ask(python: &OsString, folder: &Path, uri: &str, experiment: &str, log: Option<&str>) -> Value {
    let searches: Vec<Value> = searches()
        .into_iter()
        .map(|(filter, order_by)| json!({ "filter": filter, "order_by": order_by }))
        .collect();
    let queries = json!({ "experiments": [experiment], "searches": searches, "log": log });
    let mut child = Command::new(python)
        .arg(script("interop/mlflow_store.py"))
        .arg(uri)
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(queries.to_string().as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "MLflow failed: its error is above");
    // With a server, MLflow prints addresses before it.
    let text = String::from_utf8(output.stdout).unwrap();
    serde_json::from_str(text.lines().next_back().unwrap()).unwrap()
}

/// Whether MLflow is old: `OCELLI_MLFLOW_OLD` says so of one before 3.10.
fn searches() -> Vec<(&'static str, &'static [&'static str])> {
    let newer: &[(&str, &[&str])] =
        if std::env::var_os("OCELLI_MLFLOW_OLD").is_some() { &[] } else { &NEWER };
    SEARCHES.iter().chain(newer).copied().collect()
}

fn compare(tracker: &Tracker, experiment: &str, theirs: &Value) {
    for ((filter, orders), found) in searches().into_iter().zip(theirs["found"].as_array().unwrap()) {
        let search = SearchRuns {
            filter: filter.parse().unwrap(),
            order_by: orders.iter().map(|order| order.parse().unwrap()).collect(),
            ..SearchRuns::in_experiments([experiment])
        };
        let ours: Vec<String> =
            tracker.search_runs(&search).unwrap().items.into_iter().map(|run| run.name).collect();
        assert_eq!(json!(ours), *found, "{filter} {orders:?}");
    }
    let all = SearchRuns { view: ViewType::All, ..SearchRuns::in_experiments([experiment]) };
    let runs = tracker.search_runs(&all).unwrap().items;
    assert_eq!(runs.len(), theirs["runs"].as_object().unwrap().len());
    for run in runs {
        compare_run(tracker, &run, &theirs["runs"][&run.name]);
    }
}

fn compare_run(tracker: &Tracker, run: &Run, theirs: &Value) {
    let number = |value: f64| if value.is_nan() { json!("NaN") } else { json!(value) };
    let metrics: BTreeMap<&str, Value> =
        run.metrics.values().map(|metric| (metric.key.as_str(), number(metric.value))).collect();
    assert_eq!(json!(run.id), theirs["id"]);
    assert_eq!(json!(run.status), theirs["status"], "{}", run.name);
    assert_eq!(json!(run.start_time), theirs["start_time"], "{}", run.name);
    assert_eq!(json!(run.lifecycle), theirs["lifecycle"], "{}", run.name);
    assert_eq!(json!(run.params), theirs["params"], "{}", run.name);
    assert_eq!(json!(run.tags), theirs["tags"], "{}", run.name);
    assert_eq!(json!(metrics), theirs["metrics"], "{}", run.name);
    let inputs: Vec<Value> = run
        .inputs
        .iter()
        .map(|input| {
            let tags: Vec<_> = input.context.iter().map(|context| ["mlflow.data.context", context]).collect();
            json!([input.dataset.name, input.dataset.digest, tags])
        })
        .collect();
    assert_eq!(json!(inputs), theirs["inputs"], "{}", run.name);
    let files: Vec<String> =
        tracker.list_artifacts(&run.id, "").unwrap().into_iter().map(|file| file.path).collect();
    assert_eq!(json!(files), theirs["artifacts"], "{}", run.name);
    compare_model(tracker, run, theirs);
    for key in run.metrics.keys() {
        let by_place = |value: &Value| value.to_string();
        let history = tracker.metric_history(&run.id, key).unwrap();
        let mut ours: Vec<Value> = history
            .iter()
            .map(|metric| json!([metric.step, metric.timestamp, number(metric.value)]))
            .collect();
        let mut found = theirs["history"][key].as_array().unwrap().clone();
        ours.sort_by_key(by_place);
        found.sort_by_key(by_place);
        assert_eq!(ours, found, "{} {key}", run.name);
    }
}

/// The model's files, wherever this MLflow keeps them.
fn compare_model(tracker: &Tracker, run: &Run, theirs: &Value) {
    let model = tracker.list_artifacts(&run.id, "model").unwrap();
    let files: Vec<String> = model.into_iter().map(|file| file.path).collect();
    // MLflow gives them without the folder's name or with it, as it is a logged model or not.
    let names = |paths: Vec<String>| -> Vec<String> {
        paths.into_iter().map(|path| path.rsplit('/').next().unwrap().to_owned()).collect()
    };
    let found: Vec<String> = serde_json::from_value(theirs["model"].clone()).unwrap();
    assert_eq!(names(files.clone()), names(found), "{}", run.name);
    for path in files {
        let copy = tempfile::NamedTempFile::new().unwrap();
        tracker.download_artifact(&run.id, &path, copy.path()).unwrap();
        assert!(fs::read_to_string(copy.path()).unwrap().contains("python_function"), "{path}");
    }
}

/// Whether MLflow has logged models.
fn has_logged_models(theirs: &Value) -> bool {
    !theirs["version"].as_str().unwrap().starts_with("2.")
}

fn log_runs(tracker: &Tracker, folder: &Path, prefix: &str) {
    let model = folder.join(format!("model-{}", prefix.len()));
    fs::create_dir_all(&model).unwrap();
    fs::write(
        model.join("MLmodel"),
        "artifact_path: model\nflavors:\n  python_function:\n    loader_module: none\nutc_time_created: '2026-01-01 00:00:00'\n",
    )
    .unwrap();
    let mut parent = None;
    for (name, lr, loss, tag, start) in [
        ("a", Some("0.1"), vec![0.9, 0.5], Some("Main"), 4),
        ("b", Some("0.01"), vec![0.3, f64::NAN], Some("main line"), 3),
        ("c", None, vec![0.0], None, 2),
        ("d", Some("0.1"), vec![], Some("dev"), 1),
        ("e", None, vec![f64::INFINITY], Some("größe"), 5),
    ] {
        let start = StartRun {
            name: Some(format!("{prefix}{name}")),
            start_time: Some(start),
            parent,
            ..StartRun::default()
        };
        let run = tracker.start_run("flowers", start).unwrap();
        parent = Some(run.key().clone());
        if let Some(lr) = lr {
            run.log_params([("lr", lr), ("optimizer.name", "sgd")]).unwrap();
        }
        for (step, value) in loss.into_iter().enumerate() {
            let metric =
                Metric { key: "val loss".into(), value, step: step as i64, timestamp: 1000 + step as i64 };
            run.log_metrics(&[metric]).unwrap();
        }
        if let Some(tag) = tag {
            run.set_tag("branch", tag).unwrap();
        }
        if name == "a" {
            let dataset = Dataset {
                name: "flowers".into(),
                digest: "digest-a".into(),
                source_type: "local".into(),
                source: r#"{"uri": "/data/flowers"}"#.into(),
                schema: None,
                profile: Some(r#"{"num_rows": 3}"#.into()),
            };
            run.log_dataset(&DatasetInput { dataset, context: Some("training".into()) }).unwrap();
            run.log_bytes(b"<svg/>", "curves.svg").unwrap();
            run.log_bytes(b"b", "folder/b ü.txt").unwrap();
            let log = LogModel {
                name: "model".into(),
                folder: model.clone(),
                step: Some(1),
                params: BTreeMap::from([("lr".into(), "0.1".into())]),
                register_as: Some(format!("{prefix}flowers")),
            };
            run.log_model(&log).unwrap();
        }
        run.end(if name == "d" { RunStatus::Failed } else { RunStatus::Finished }).unwrap();
    }
}

#[test]
fn mlflow_makes_the_tables_that_are_committed() {
    let Some(python) = python() else { return };
    let folder = tempfile::tempdir().unwrap();
    let made = folder.path().join("schema.sql");
    let done = Command::new(python).arg(script("fixtures/mlflow_schema.py")).arg(&made).status().unwrap();
    assert!(done.success());
    let committed = include_str!("../src/sqlite/schema.sql");
    // SQLAlchemy puts the constraints of a table now in one order, now in another.
    let lines = |text: &str| {
        let mut lines: Vec<String> =
            text.lines().map(|line| line.trim_end_matches([',', ' ']).to_owned()).collect();
        lines.sort_unstable();
        lines
    };
    assert_eq!(lines(&fs::read_to_string(made).unwrap()), lines(committed));
}

#[test]
fn mlflow_and_ours_take_turns_at_one_file() {
    let Some(python) = python() else { return };
    let folder = tempfile::tempdir().unwrap();
    let uri = TrackingUri::sqlite(folder.path().join("mlflow.db"));
    let open = || Tracker::open(&uri, TrackerOptions::default()).unwrap();
    let tracker = open();
    log_runs(&tracker, folder.path(), "");
    tracker.set_alias("flowers", "champion", 1).unwrap();
    let experiment = tracker.get_experiment_by_name("flowers").unwrap().unwrap().id;
    drop(tracker);
    // Before MLflow is asked: older ones make one by themselves.
    assert!(!folder.path().join("mlruns").exists());

    // MLflow brings the file up to its own revision, and writes to it; then we do.
    let theirs = ask(&python, folder.path(), &uri.to_string(), &experiment, Some("theirs"));
    let tracker = open();
    compare(&tracker, &experiment, &theirs);
    let champion = &theirs["models"]["flowers"]["champion"];
    assert_eq!(champion[0], 1, "{champion}");
    log_runs(&tracker, folder.path(), "2");
    tracker.set_alias("2flowers", "champion", 1).unwrap();
    let deleted = tracker.search_runs(&SearchRuns::in_experiments([&experiment])).unwrap().items.remove(0);
    tracker.delete_run(&deleted.id).unwrap();
    let id = tracker.create_experiment("trees", &BTreeMap::from([("a".into(), "b".into())])).unwrap();
    tracker.delete_experiment(&id).unwrap();
    let theirs = ask(&python, folder.path(), &uri.to_string(), &experiment, None);
    compare(&tracker, &experiment, &theirs);
    assert_eq!(theirs["models"]["2flowers"]["champion"][0], 1);
    // What came before MLflow upgraded the file is among artifacts, what came after is a logged model.
    let id = &theirs["runs"]["2a"]["id"];
    let logged = json!([["model", "READY", id, { "lr": "0.1" }]]);
    assert_eq!(theirs["runs"]["a"]["logged_models"], json!([]));
    assert_eq!(
        theirs["runs"]["2a"]["logged_models"],
        if has_logged_models(&theirs) { logged } else { json!([]) }
    );
}

/// `mlflow server`, killed when it is dropped.
struct Server {
    process: Child,
    address: String,
}

impl Server {
    fn start(python: &OsString, folder: &Path) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let process = Command::new(python)
            .args(["-m", "mlflow", "server", "--host", "127.0.0.1", "--workers", "1", "--port"])
            .arg(port.to_string())
            .args([
                "--backend-store-uri",
                "sqlite:///server.db",
                "--artifacts-destination",
                "./server-artifacts",
            ])
            .current_dir(folder)
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let server = Server { process, address: format!("http://127.0.0.1:{port}") };
        let until = Instant::now() + Duration::from_secs(180);
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(Instant::now() < until, "mlflow server did not start");
            std::thread::sleep(Duration::from_millis(200));
        }
        server
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It ends its workers only if it is asked to.
        let _ = Command::new("kill").arg(self.process.id().to_string()).status();
        let _ = self.process.wait();
    }
}

#[test]
fn mlflows_server_takes_what_is_sent() {
    let Some(python) = python() else { return };
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(&python, folder.path());
    let uri: TrackingUri = server.address.parse().unwrap();
    let options = TrackerOptions { queue: Some(folder.path().join("queue")), ..TrackerOptions::default() };
    let tracker = Tracker::open(&uri, options).unwrap();
    log_runs(&tracker, folder.path(), "");
    let backlog = tracker.flush(Duration::from_secs(120));
    assert_eq!((backlog.runs, &backlog.refused, &backlog.problem), (0, &vec![], &None), "{backlog:?}");
    tracker.set_alias("flowers", "champion", 1).unwrap();
    let experiment = tracker.get_experiment_by_name("flowers").unwrap().unwrap().id;
    let theirs = ask(&python, folder.path(), &server.address, &experiment, Some("theirs"));
    compare(&tracker, &experiment, &theirs);
    assert_eq!(theirs["models"]["flowers"]["champion"], json!([1, theirs["runs"]["a"]["id"]]));

    // Everything else that is asked of a server.
    let run = theirs["runs"]["a"]["id"].as_str().unwrap();
    let copy = folder.path().join("copy");
    tracker.download_artifact(run, "folder/b ü.txt", &copy).unwrap();
    assert_eq!(fs::read(copy).unwrap(), b"b");
    tracker.delete_run(run).unwrap();
    tracker.restore_run(run).unwrap();
    tracker.set_tag(run, "after", "wards").unwrap();
    assert_eq!(tracker.get_run(run).unwrap().tags["after"], "wards");
    let key = RunKey::Key(tracker.get_run(run).unwrap().tags["ocelli.run_key"].clone());
    let again = tracker.resume_run(&key).unwrap();
    again.log_metric("after", 1.0, 1).unwrap();
    assert_eq!(again.end(RunStatus::Finished).unwrap().refused, Vec::<String>::new());
    tracker.flush(Duration::from_secs(60));
    let before = tracker.get_run(run).unwrap();
    assert_eq!(before.metrics["after"].value, 1.0);
    let report = folder.path().join("a.html");
    fs::write(&report, "<html>").unwrap();
    for key in [&key, &RunKey::Id(run.to_owned())] {
        let left = tracker.add_artifact(key, &report, "report.html").unwrap();
        assert_eq!((left.runs, left.refused), (0, Vec::new()), "{:?}", left.problem);
    }
    let files = tracker.list_artifacts(run, "").unwrap();
    assert!(files.iter().any(|file| file.path == "report.html"), "{files:?}");
    assert_eq!(tracker.get_run(run).unwrap(), before, "nothing else has changed");
    assert_eq!(tracker.get_model_version_by_alias("flowers", "champion").unwrap().version, 1);
    tracker.delete_alias("flowers", "champion").unwrap();
    assert!(tracker.get_model_version_by_alias("flowers", "champion").is_err());
    assert_eq!(tracker.list_model_versions("flowers").unwrap().len(), 1);
    assert_eq!(tracker.list_registered_models().unwrap().len(), 1);
    let id = tracker.create_experiment("trees", &BTreeMap::new()).unwrap();
    tracker.delete_experiment(&id).unwrap();
    tracker.restore_experiment(&id).unwrap();
    assert_eq!(tracker.list_experiments(ViewType::All).unwrap().len(), 3);
    let page = SearchRuns { max_results: 2, ..SearchRuns::in_experiments([&experiment]) };
    let first = tracker.search_runs(&page).unwrap();
    let second = tracker.search_runs(&SearchRuns { page_token: first.next, ..page }).unwrap();
    assert_ne!(first.items[0].id, second.items[0].id);
}
