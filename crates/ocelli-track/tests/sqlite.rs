//! The store in an SQLite file.

use ocelli_track::{
    Dataset, DatasetInput, Lifecycle, LogModel, Metric, Run, RunKey, RunStatus, SearchRuns, StartRun,
    TrackError, Tracker, TrackerOptions, TrackingUri, ViewType, tags,
};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};
use tempfile::TempDir;

fn open(folder: &Path) -> Tracker {
    Tracker::open(&TrackingUri::sqlite(folder.join("mlflow.db")), TrackerOptions::default()).unwrap()
}

fn new() -> (TempDir, Tracker) {
    let folder = tempfile::tempdir().unwrap();
    let tracker = open(folder.path());
    (folder, tracker)
}

fn metric(key: &str, value: f64, step: i64, timestamp: i64) -> Metric {
    Metric { key: key.into(), value, step, timestamp }
}

fn dataset(digest: &str) -> DatasetInput {
    DatasetInput {
        dataset: Dataset {
            name: "flowers".into(),
            digest: digest.into(),
            source_type: "local".into(),
            source: r#"{"uri": "/data/flowers"}"#.into(),
            schema: None,
            profile: Some(r#"{"num_rows": 3}"#.into()),
        },
        context: Some("training".into()),
    }
}

fn found(tracker: &Tracker, filter: &str) -> Vec<String> {
    let search = SearchRuns { filter: filter.parse().unwrap(), ..SearchRuns::in_experiments(["1"]) };
    let mut names: Vec<String> =
        tracker.search_runs(&search).unwrap().items.into_iter().map(|run| run.name).collect();
    names.sort();
    names
}

#[test]
fn a_run_comes_back_as_it_was_logged() {
    let (folder, tracker) = new();
    let tags = BTreeMap::from([(tags::SOURCE_NAME.to_owned(), "ocelli train".to_owned())]);
    let parent = tracker.start_run("flowers", StartRun::default()).unwrap();
    let start = StartRun {
        name: Some("first".into()),
        tags,
        parent: Some(parent.key().clone()),
        user: Some("ada".into()),
        start_time: Some(1_700_000_000_000),
    };
    let run = tracker.start_run("flowers", start).unwrap();
    let id = run.id().unwrap();
    run.log_params([("lr", 0.01), ("momentum", 0.9)]).unwrap();
    run.log_param("name", "schöne Blumen").unwrap();
    run.log_metric("loss", 0.5, 1).unwrap();
    run.log_metrics(&[metric("loss", f64::NAN, 2, 5), metric("top", f64::INFINITY, 0, 5)]).unwrap();
    run.set_tags([("note", "1"), ("note", "2")]).unwrap();
    run.log_dataset(&dataset("abcd")).unwrap();
    run.log_dataset(&dataset("abcd")).unwrap();
    run.log_bytes(b"<html>", "page/report.html").unwrap();
    let backlog = run.end(RunStatus::Finished).unwrap();
    assert_eq!(backlog, Default::default());

    let run = tracker.get_run(&id).unwrap();
    assert_eq!((run.name.as_str(), run.user.as_str(), run.status), ("first", "ada", RunStatus::Finished));
    assert_eq!(run.start_time, Some(1_700_000_000_000));
    assert!(run.end_time.unwrap() > 1_700_000_000_000);
    assert_eq!(run.params["lr"], "0.01");
    assert_eq!(run.params["name"], "schöne Blumen");
    assert!(run.metrics["loss"].value.is_nan() && run.metrics["loss"].step == 2);
    assert_eq!(run.metrics["top"].value, f64::MAX);
    assert_eq!(run.tags["note"], "2");
    assert_eq!(run.tags[tags::RUN_NAME], "first");
    assert_eq!(run.tags[tags::USER], "ada");
    assert_eq!(RunKey::Id(run.tags[tags::PARENT_RUN_ID].clone()), *parent.key());
    assert_eq!(run.inputs, [dataset("abcd")]);
    let history: Vec<i64> =
        tracker.metric_history(&id, "loss").unwrap().iter().map(|metric| metric.step).collect();
    assert_eq!(history, [2, 1]);
    let files = tracker.list_artifacts(&id, "page").unwrap();
    assert_eq!((files[0].path.as_str(), files[0].size), ("page/report.html", Some(6)));
    let place = folder
        .path()
        .join("mlartifacts")
        .join(&run.experiment_id)
        .join(&id)
        .join("artifacts/page/report.html");
    assert_eq!(fs::read(place).unwrap(), b"<html>");
    assert!(!folder.path().join("mlruns").exists());
    let copy = folder.path().join("copy.html");
    tracker.download_artifact(&id, "page/report.html", &copy).unwrap();
    assert_eq!(fs::read(copy).unwrap(), b"<html>");
}

#[test]
fn the_latest_value_is_that_of_the_greatest_step_then_time_then_value() {
    let (_folder, tracker) = new();
    let run = tracker.start_run("e", StartRun::default()).unwrap();
    let id = run.id().unwrap();
    for (values, latest) in [
        (vec![metric("a", 1.0, 2, 10), metric("a", 9.0, 1, 99)], 1.0),
        (vec![metric("a", 5.0, 2, 11)], 5.0),
        (vec![metric("a", 4.0, 2, 11)], 5.0),
        (vec![metric("a", 6.0, 2, 11)], 6.0),
        (vec![metric("a", -1.0, 3, 0), metric("a", -1.0, 3, 0)], -1.0),
    ] {
        run.log_metrics(&values).unwrap();
        run.flush().unwrap();
        assert_eq!(tracker.get_run(&id).unwrap().metrics["a"].value, latest);
    }
    assert_eq!(tracker.metric_history(&id, "a").unwrap().len(), 6, "the same value twice is one value");
    assert_eq!(tracker.metric_history(&id, "b").unwrap(), []);
}

#[test]
fn parameters_are_written_once() {
    let (folder, tracker) = new();
    let run = tracker.start_run("e", StartRun::default()).unwrap();
    run.log_param("lr", 0.1).unwrap();
    run.log_param("lr", 0.1).unwrap();
    let error = run.log_params([("new", "1"), ("lr", "0.2")]).unwrap_err();
    assert!(
        matches!(&error, TrackError::ParamChanged { old, new, .. } if old == "0.1" && new == "0.2"),
        "{error}"
    );
    run.flush().unwrap();
    // Another process that resumed the run sees what the first has written.
    let second = open(folder.path());
    let again = second.resume_run(run.key()).unwrap();
    assert!(again.log_param("lr", 0.3).is_err());
    // What each of them cannot know shows when it is written, and only there.
    run.log_param("late", 1).unwrap();
    run.flush().unwrap();
    again.log_param("late", 2).unwrap();
    again.log_metric("m", 1.0, 0).unwrap();
    assert!(matches!(again.flush(), Err(TrackError::ParamChanged { .. })));
    again.flush().unwrap();
    let stored = tracker.get_run(&run.id().unwrap()).unwrap();
    assert_eq!((stored.params["late"].as_str(), stored.metrics["m"].value), ("1", 1.0));
    assert!(!stored.params.contains_key("new"), "all or none");
}

#[test]
fn runs_end_resume_and_fail() {
    let (_folder, tracker) = new();
    let status = |id: &str| {
        let run = tracker.get_run(id).unwrap();
        (run.status, run.end_time.is_some())
    };
    let run = tracker.start_run("e", StartRun::default()).unwrap();
    let key = run.key().clone();
    let id = run.id().unwrap();
    assert_eq!(status(&id), (RunStatus::Running, false));
    drop(run);
    assert_eq!(status(&id), (RunStatus::Failed, true));
    let run = tracker.resume_run(&key).unwrap();
    assert_eq!(status(&id), (RunStatus::Running, false));
    run.end(RunStatus::Killed).unwrap();
    assert_eq!(status(&id), (RunStatus::Killed, true));
    tracker.delete_run(&id).unwrap();
    assert!(matches!(tracker.resume_run(&key), Err(TrackError::Lifecycle { .. })));
    assert!(tracker.set_tag(&id, "a", "b").is_err());
    tracker.restore_run(&id).unwrap();
    tracker.set_tag(&id, tags::RUN_NAME, "renamed").unwrap();
    assert_eq!(tracker.get_run(&id).unwrap().name, "renamed");
    assert!(matches!(tracker.delete_run("0"), Err(TrackError::NotFound { .. })));
}

#[test]
fn what_mlflow_does_not_allow_is_refused_when_it_is_logged() {
    let (_folder, tracker) = new();
    let run = tracker.start_run("e", StartRun::default()).unwrap();
    for key in ["", "a?", "a//b", "/a", "../a", "..a", "a/./b", "a\nb", &"k".repeat(251)] {
        assert!(run.log_param(key, 1).is_err(), "{key}");
        assert!(run.log_metric(key, 1.0, 0).is_err(), "{key}");
        assert!(run.set_tag(key, 1).is_err(), "{key}");
    }
    for key in ["a", "a/b.c-d e_f:9", "größe", &"k".repeat(250)] {
        run.log_metric(key, 1.0, 0).unwrap();
    }
    assert!(run.log_param("long", "x".repeat(6_001)).unwrap_err().to_string().contains("6001 characters"));
    run.log_param("long", "ü".repeat(6_000)).unwrap();
    assert!(run.set_tag("long", "x".repeat(8_001)).is_err());
    assert!(run.log_metrics(&[metric("m", 0.0, 0, -1)]).is_err());
    assert!(run.log_dataset(&dataset(&"d".repeat(37))).is_err());
    assert!(run.log_bytes(b"", "../x").is_err());
    assert!(tracker.start_run(" ", StartRun::default()).is_err());
    assert!(tracker.create_experiment(&"e".repeat(501), &BTreeMap::new()).is_err());
    run.end(RunStatus::Finished).unwrap();
}

/// Runs to search: name, lr, loss, tag, start.
fn searched() -> (TempDir, Tracker) {
    let (folder, tracker) = new();
    for (name, lr, loss, tag, start) in [
        ("a", Some("0.1"), Some(0.5), Some("Main"), 4),
        ("b", Some("0.01"), Some(f64::NAN), Some("main line"), 3),
        ("c", None, Some(0.0), None, 2),
        ("d", Some("0.1"), None, Some("dev"), 1),
        ("e", None, Some(f64::INFINITY), None, 5),
    ] {
        let start = StartRun { name: Some(name.into()), start_time: Some(start), ..StartRun::default() };
        let run = tracker.start_run("flowers", start).unwrap();
        if let Some(lr) = lr {
            run.log_param("lr", lr).unwrap();
        }
        if let Some(loss) = loss {
            run.log_metric("val loss", loss, 0).unwrap();
        }
        if let Some(tag) = tag {
            run.set_tag("branch", tag).unwrap();
        }
        if name < "c" {
            run.log_dataset(&dataset(name)).unwrap();
        }
        run.end(if name == "d" { RunStatus::Failed } else { RunStatus::Finished }).unwrap();
    }
    (folder, tracker)
}

#[test]
fn filters_find_what_they_say() {
    let (_folder, tracker) = searched();
    for (filter, names) in [
        ("", "abcde"),
        ("params.lr = '0.1'", "ad"),
        ("params.lr != '0.1'", "b"),
        ("params.lr IS NULL", "ce"),
        ("params.lr IS NOT NULL and status = 'FINISHED'", "ab"),
        ("metrics.`val loss` = 0", "c"),
        ("metrics.`val loss` != 0", "abe"),
        ("metrics.`val loss` < 1", "ac"),
        ("metrics.`val loss` >= 0.5", "ae"),
        ("tags.branch LIKE 'main%'", "b"),
        ("tags.branch ILIKE 'main%'", "ab"),
        ("tags.branch LIKE '_ev'", "d"),
        ("attributes.start_time > 2", "abe"),
        ("run_name = 'c'", "c"),
        ("attributes.run_name ILIKE 'C' and params.lr IS NULL", "c"),
        ("datasets.digest = 'a'", "a"),
        ("dataset.context = 'training' and datasets.digest IN ('b', 'c')", "b"),
        ("dataset.name LIKE 'flow%' and params.lr = '0.1'", "a"),
        ("status != 'FINISHED'", "d"),
        ("params.lr = '0.1' and params.lr = '0.01'", ""),
        ("user_id LIKE '%' and run_id NOT IN ('x')", "abcde"),
    ] {
        assert_eq!(found(&tracker, filter).concat(), names, "{filter}");
    }
}

#[test]
fn orders_put_nan_and_nothing_last() {
    let (_folder, tracker) = searched();
    for (orders, names) in [
        (vec![], "eabcd"),
        (vec!["metrics.`val loss` ASC"], "caebd"),
        (vec!["metrics.`val loss` DESC"], "eacbd"),
        (vec!["params.lr"], "badec"),
        (vec!["params.lr DESC", "start_time ASC"], "dabce"),
        (vec!["attributes.run_name DESC"], "edcba"),
        (vec!["tags.branch", "metrics.`val loss`"], "adbce"),
        (vec!["status DESC", "start_time"], "cbaed"),
    ] {
        let order_by = orders.iter().map(|order| order.parse().unwrap()).collect();
        let search = SearchRuns { order_by, ..SearchRuns::in_experiments(["1"]) };
        let runs = tracker.search_runs(&search).unwrap().items;
        assert_eq!(runs.into_iter().map(|run| run.name).collect::<String>(), names, "{orders:?}");
    }
    let twice = vec!["params.lr".parse().unwrap(), "params.lr DESC".parse().unwrap()];
    assert!(
        tracker.search_runs(&SearchRuns { order_by: twice, ..SearchRuns::in_experiments(["1"]) }).is_err()
    );
}

#[test]
fn pages_cover_all_and_nothing_twice() {
    let (_folder, tracker) = searched();
    for size in 1..=6 {
        let mut search = SearchRuns { max_results: size, ..SearchRuns::in_experiments(["0", "1"]) };
        let mut names = String::new();
        loop {
            let page = tracker.search_runs(&search).unwrap();
            assert!(page.items.len() <= size);
            names.extend(page.items.into_iter().map(|run| run.name));
            search.page_token = page.next;
            if search.page_token.is_none() {
                break;
            }
        }
        assert_eq!(names, "eabcd");
    }
    let none = SearchRuns::in_experiments(Vec::<String>::new());
    assert_eq!(tracker.search_runs(&none).unwrap().items, Vec::<Run>::new());
    let wrong = SearchRuns { page_token: Some("x".into()), ..SearchRuns::in_experiments(["1"]) };
    assert!(tracker.search_runs(&wrong).is_err());
    assert!(
        tracker.search_runs(&SearchRuns { max_results: 0, ..SearchRuns::in_experiments(["1"]) }).is_err()
    );
}

#[test]
fn deleted_runs_are_seen_only_when_they_are_asked_for() {
    let (_folder, tracker) = searched();
    let search = SearchRuns::in_experiments(["1"]);
    let run = tracker.search_runs(&search).unwrap().items.remove(0);
    tracker.delete_run(&run.id).unwrap();
    for (view, count) in [(ViewType::ActiveOnly, 4), (ViewType::DeletedOnly, 1), (ViewType::All, 5)] {
        let found = tracker.search_runs(&SearchRuns { view, ..search.clone() }).unwrap().items;
        assert_eq!(found.len(), count, "{view:?}");
    }
    assert_eq!(tracker.get_run(&run.id).unwrap().lifecycle, Lifecycle::Deleted);
}

#[test]
fn experiments_are_made_deleted_and_restored() {
    let (folder, tracker) = new();
    let id = tracker.create_experiment("flowers", &BTreeMap::from([("team".into(), "one".into())])).unwrap();
    assert!(matches!(tracker.create_experiment("flowers", &BTreeMap::new()), Err(TrackError::Exists { .. })));
    let found = tracker.get_experiment_by_name("flowers").unwrap().unwrap();
    assert_eq!((found.id.as_str(), found.tags["team"].as_str()), (id.as_str(), "one"));
    assert!(found.artifact_location.ends_with(&format!("mlartifacts/{id}")));
    assert_eq!(tracker.get_experiment_by_name("trees").unwrap(), None);
    let run = tracker.start_run("flowers", StartRun::default()).unwrap();
    let run_id = run.id().unwrap();
    run.end(RunStatus::Finished).unwrap();
    tracker.delete_experiment(&id).unwrap();
    assert!(tracker.start_run("flowers", StartRun::default()).is_err());
    assert!(tracker.delete_experiment(&id).is_err());
    assert_eq!(tracker.get_run(&run_id).unwrap().lifecycle, Lifecycle::Deleted);
    let names =
        |view| tracker.list_experiments(view).unwrap().into_iter().map(|it| it.name).collect::<Vec<_>>();
    assert_eq!(names(ViewType::ActiveOnly), ["Default"]);
    assert_eq!(names(ViewType::DeletedOnly), ["flowers"]);
    assert_eq!(names(ViewType::All), ["flowers", "Default"]);
    tracker.restore_experiment(&id).unwrap();
    assert_eq!(tracker.get_run(&run_id).unwrap().lifecycle, Lifecycle::Active);
    assert_eq!(open(folder.path()).get_experiment(&id).unwrap().name, "flowers");
}

#[test]
fn models_are_logged_and_registered() {
    let (folder, tracker) = new();
    let model = folder.path().join("model");
    fs::create_dir_all(model.join("data")).unwrap();
    fs::write(model.join("MLmodel"), "flavors:\n  onnx:\n    data: data/model.onnx\n").unwrap();
    fs::write(model.join("data/model.onnx"), "onnx").unwrap();
    let run = tracker.start_run("e", StartRun::default()).unwrap();
    let log = LogModel {
        name: "best".into(),
        folder: model,
        step: Some(3),
        params: BTreeMap::new(),
        register_as: Some("flowers".into()),
    };
    run.log_model(&log).unwrap();
    run.log_model(&log).unwrap();
    let id = run.id().unwrap();
    run.end(RunStatus::Finished).unwrap();
    let stored = tracker.get_run(&id).unwrap();
    let list: serde_json::Value = serde_json::from_str(&stored.tags[tags::LOGGED_MODELS]).unwrap();
    assert_eq!(list.as_array().unwrap().len(), 2);
    assert_eq!((&list[0]["artifact_path"], &list[0]["run_id"]), (&"best".into(), &id.as_str().into()));
    assert_eq!(tracker.list_artifacts(&id, "best/data").unwrap()[0].path, "best/data/model.onnx");

    tracker.set_alias("flowers", "champion", 1).unwrap();
    tracker.set_alias("flowers", "champion", 2).unwrap();
    let version = tracker.get_model_version_by_alias("flowers", "champion").unwrap();
    assert_eq!((version.version, version.run_id.as_deref()), (2, Some(id.as_str())));
    assert_eq!(version.aliases, ["champion"]);
    assert!(version.source.ends_with("artifacts/best"));
    assert_eq!(tracker.get_registered_model("flowers").unwrap().aliases["champion"], 2);
    tracker.delete_alias("flowers", "champion").unwrap();
    assert!(matches!(
        tracker.get_model_version_by_alias("flowers", "champion"),
        Err(TrackError::NotFound { .. })
    ));
    assert!(tracker.set_alias("flowers", "champion", 3).is_err());
    for alias in ["latest", "v2", "a b", ""] {
        assert!(tracker.set_alias("flowers", alias, 1).is_err(), "{alias}");
    }
    let versions: Vec<u32> =
        tracker.list_model_versions("flowers").unwrap().into_iter().map(|version| version.version).collect();
    assert_eq!(versions, [2, 1]);
    assert!(matches!(tracker.create_registered_model("flowers", None), Err(TrackError::Exists { .. })));
    assert_eq!(tracker.list_registered_models().unwrap().len(), 1);
}

#[test]
fn system_metrics_are_logged_until_the_run_ends() {
    let (_folder, tracker) = new();
    let run = tracker.start_run("e", StartRun { start_time: Some(1000), ..StartRun::default() }).unwrap();
    let id = run.id().unwrap();
    run.log_system_metrics(Duration::from_millis(10)).unwrap();
    let until = Instant::now() + Duration::from_secs(60);
    while tracker.metric_history(&id, "system/cpu_utilization_percentage").unwrap().len() < 2 {
        assert!(Instant::now() < until, "no samples in a minute");
        std::thread::sleep(Duration::from_millis(50));
    }
    run.end(RunStatus::Finished).unwrap();
    let steps = tracker.metric_history(&id, "system/cpu_utilization_percentage").unwrap();
    assert!(steps.iter().all(
        |metric| metric.step == metric.timestamp / 1000 - 1 || metric.step == metric.timestamp / 1000 - 2
    ));
    let count = |name| tracker.metric_history(&id, name).unwrap().len();
    let all = count("system/process_memory_usage_megabytes");
    std::thread::sleep(Duration::from_millis(500));
    assert_eq!(count("system/process_memory_usage_megabytes"), all);
}

/// What a process of [`processes_write_one_file_at_once`] does.
#[test]
fn writer_process() {
    let Some(folder) = std::env::var_os("OCELLI_TRACK_FOLDER") else { return };
    let tracker = open(Path::new(&folder));
    for number in 0..5 {
        let run = tracker.start_run("shared", StartRun::default()).unwrap();
        run.log_param("number", number).unwrap();
        for step in 0..500 {
            run.log_metric("loss", step as f64, step).unwrap();
            if step % 50 == 0 {
                run.flush().unwrap();
            }
        }
        run.end(RunStatus::Finished).unwrap();
    }
}

#[test]
fn processes_write_one_file_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let start = || {
        Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "writer_process"])
            .env("OCELLI_TRACK_FOLDER", folder.path())
            .spawn()
            .unwrap()
    };
    // The file is made by whichever of them comes first.
    let processes: Vec<_> = (0..4).map(|_| start()).collect();
    for mut process in processes {
        assert!(process.wait().unwrap().success());
    }
    let tracker = open(folder.path());
    let shared = tracker.get_experiment_by_name("shared").unwrap().unwrap();
    let runs = tracker.search_runs(&SearchRuns::in_experiments([shared.id])).unwrap().items;
    assert_eq!(runs.len(), 20);
    for run in runs {
        assert_eq!(run.status, RunStatus::Finished);
        assert_eq!(run.metrics["loss"].step, 499);
        assert_eq!(tracker.metric_history(&run.id, "loss").unwrap().len(), 500);
    }
}

/// What MLflow 3 makes of a file that it opens, as far as models go.
const UPGRADE: &str = "
    ALTER TABLE inputs ADD COLUMN step BIGINT DEFAULT 0 NOT NULL;
    CREATE TABLE logged_models (
        model_id VARCHAR(36) NOT NULL PRIMARY KEY, experiment_id INTEGER NOT NULL, name VARCHAR(500) NOT NULL,
        artifact_location VARCHAR(1000) NOT NULL, creation_timestamp_ms BIGINT NOT NULL, last_updated_timestamp_ms BIGINT NOT NULL,
        status INTEGER NOT NULL, lifecycle_stage VARCHAR(32), model_type VARCHAR(500), source_run_id VARCHAR(32),
        status_message VARCHAR(1000)
    );
    CREATE TABLE logged_model_params (
        model_id VARCHAR(36) NOT NULL, experiment_id INTEGER NOT NULL, param_key VARCHAR(255) NOT NULL, param_value TEXT NOT NULL
    );";

#[test]
fn models_are_logged_models_where_mlflow_3_has_upgraded_the_file() {
    let (folder, tracker) = new();
    let model = folder.path().join("made");
    fs::create_dir_all(model.join("data")).unwrap();
    fs::write(model.join("MLmodel"), "flavors:\n  ocelli:\n    data: x\n").unwrap();
    let mut log = LogModel {
        name: "model".into(),
        folder: model.clone(),
        step: Some(7),
        params: BTreeMap::from([("lr".into(), "0.1".into())]),
        register_as: Some("flowers".into()),
    };
    let run = tracker.start_run("flowers", StartRun::default()).unwrap();
    let id = run.id().unwrap();
    let database = rusqlite::Connection::open(folder.path().join("mlflow.db")).unwrap();
    database.execute_batch(UPGRADE).unwrap();
    for bits in ["first", "second"] {
        fs::write(model.join("data/weights"), bits).unwrap();
        run.log_model(&log).unwrap();
    }
    log.name = "other".into();
    run.log_model(&log).unwrap();
    run.end(RunStatus::Finished).unwrap();

    let listed = |folder: &str| -> Vec<String> {
        tracker.list_artifacts(&id, folder).unwrap().into_iter().map(|file| file.path).collect()
    };
    assert_eq!(listed(""), ["model", "other"]);
    assert_eq!(listed("model"), ["model/MLmodel", "model/data"]);
    assert_eq!(listed("model/data"), ["model/data/weights"]);
    let copy = folder.path().join("copy");
    tracker.download_artifact(&id, "model/data/weights", &copy).unwrap();
    assert_eq!(fs::read_to_string(&copy).unwrap(), "second", "of two of one name the last");
    let rows = |sql: &str| database.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap();
    assert_eq!(rows("SELECT count(*) FROM logged_models WHERE status = 2 AND name = 'model'"), 2);
    assert_eq!(rows("SELECT min(step) FROM inputs WHERE destination_type = 'MODEL_OUTPUT'"), 7);
    assert_eq!(rows("SELECT count(*) FROM logged_model_params WHERE param_key = 'lr'"), 3);
    assert!(!tracker.get_run(&id).unwrap().tags.contains_key(tags::LOGGED_MODELS));
    let source = tracker.get_model_version("flowers", 3).unwrap().source;
    assert!(source.contains("/models/m-") && source.ends_with("/artifacts"), "{source}");
}

#[test]
fn a_table_for_models_that_asks_for_more_is_left_alone() {
    let (folder, tracker) = new();
    fs::write(folder.path().join("MLmodel"), "").unwrap();
    let run = tracker.start_run("flowers", StartRun::default()).unwrap();
    let database = rusqlite::Connection::open(folder.path().join("mlflow.db")).unwrap();
    database.execute_batch(UPGRADE).unwrap();
    database.execute_batch("ALTER TABLE logged_model_params ADD COLUMN more TEXT NOT NULL").unwrap();
    let folder = folder.path().to_path_buf();
    let log =
        LogModel { name: "model".into(), folder, step: None, params: BTreeMap::new(), register_as: None };
    run.log_model(&log).unwrap();
    let run = tracker.get_run(&run.id().unwrap()).unwrap();
    assert!(run.tags.contains_key(tags::LOGGED_MODELS));
    assert!(Path::new(run.artifact_uri.strip_prefix("file://").unwrap()).join("model/MLmodel").is_file());
}

#[test]
fn a_file_is_added_to_a_run_that_is_over_and_changes_nothing_else() {
    let (folder, tracker) = new();
    let run = tracker.start_run("flowers", StartRun::default()).unwrap();
    let key = run.key().clone();
    run.end(RunStatus::Failed).unwrap();
    let before = tracker.get_run(&key.to_string()).unwrap();
    let page = folder.path().join("page.html");
    fs::write(&page, "<html>").unwrap();
    tracker.add_artifact(&key, &page, "report.html").unwrap();
    tracker.download_artifact(&before.id, "report.html", &folder.path().join("copy")).unwrap();
    assert_eq!(fs::read_to_string(folder.path().join("copy")).unwrap(), "<html>");
    assert_eq!(tracker.get_run(&before.id).unwrap(), before);
    let none: RunKey = "0".repeat(32).parse().unwrap();
    assert!(matches!(tracker.add_artifact(&none, &page, "x"), Err(TrackError::NotFound { .. })));
}
