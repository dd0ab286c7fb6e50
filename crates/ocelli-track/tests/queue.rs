//! The queue towards a server that is down, slow or wrong, and processes that are killed.

mod fake;

use fake::{Fake, Fault};
use ocelli_track::{
    Backlog, Dataset, DatasetInput, RunKey, RunStatus, SearchRuns, ServerOptions, StartRun, TrackError,
    Tracker, TrackerOptions,
};
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

fn open(folder: &Path, address: &str, timeout: Duration) -> Tracker {
    let server = ServerOptions { timeout, patience: Duration::from_millis(300), ..ServerOptions::default() };
    let options = TrackerOptions { queue: Some(folder.join("queue")), server };
    Tracker::open(&address.parse().unwrap(), options).unwrap()
}

const SHORT: Duration = Duration::from_secs(2);
const LONG: Duration = Duration::from_secs(90);

/// Runs and events that the queue still has.
fn left(folder: &Path) -> usize {
    std::fs::read_dir(folder.join("queue"))
        .unwrap()
        .filter(|entry| entry.as_ref().unwrap().path().is_dir())
        .count()
}

fn log(tracker: &Tracker, folder: &Path) -> RunKey {
    let run = tracker.start_run("e", StartRun { name: Some("one".into()), ..StartRun::default() }).unwrap();
    run.log_param("lr", 0.1).unwrap();
    for step in 0..2500 {
        run.log_metric("loss", if step == 7 { f64::NAN } else { step as f64 }, step).unwrap();
    }
    let file = folder.join("file.txt");
    std::fs::write(&file, "before").unwrap();
    run.log_artifact(&file, "a folder").unwrap();
    std::fs::write(&file, "after").unwrap();
    let dataset = Dataset {
        name: "d".into(),
        digest: "1".into(),
        source_type: "local".into(),
        source: "{}".into(),
        schema: None,
        profile: None,
    };
    run.log_dataset(&DatasetInput { dataset, context: None }).unwrap();
    run.set_tag("note", "done").unwrap();
    let key = run.key().clone();
    run.end(RunStatus::Finished).unwrap();
    key
}

fn check(fake: &Fake, key: &RunKey) {
    let stored = fake.stored.lock().unwrap();
    assert_eq!(stored.runs.len(), 1, "one run, made once");
    let run = stored.runs.values().next().unwrap();
    assert_eq!(RunKey::Key(run.tags["ocelli.run_key"].clone()), *key);
    assert_eq!(
        (run.params["lr"].as_str(), run.tags["note"].as_str(), run.status.as_str()),
        ("0.1", "done", "FINISHED")
    );
    assert_eq!(run.metrics.len(), 2500);
    assert_eq!(run.metrics.values().filter(|value| **value == "NaN").count(), 1);
    assert_eq!(run.artifacts["a%20folder/file.txt"], b"before");
    assert!(!run.inputs.is_empty());
}

#[test]
fn what_is_logged_arrives_in_batches_and_leaves_no_files() {
    let (folder, fake) = (tempfile::tempdir().unwrap(), Fake::start(Fault::None));
    let tracker = open(folder.path(), &fake.address(), LONG);
    let key = log(&tracker, folder.path());
    let backlog = tracker.flush(LONG);
    assert_eq!(backlog, Default::default());
    check(&fake, &key);
    assert_eq!(left(folder.path()), 0);
    assert!(fake.stored.lock().unwrap().requests.len() < 40);
}

#[test]
fn a_server_that_is_down_holds_nobody_up_and_gets_all_later() {
    let folder = tempfile::tempdir().unwrap();
    let fake = Fake::start(Fault::Unavailable);
    let tracker = open(folder.path(), &fake.address(), SHORT);
    let key = log(&tracker, folder.path());
    let backlog = tracker.flush(Duration::from_millis(100));
    assert_eq!(backlog.runs, 1);
    assert!(backlog.bytes > 2500 * 50 && backlog.problem.unwrap().contains("503"));
    drop(tracker);
    assert_eq!(left(folder.path()), 1);
    fake.set(Fault::None);
    let tracker = open(folder.path(), &fake.address(), LONG);
    tracker.flush(LONG);
    check(&fake, &key);
    assert_eq!(left(folder.path()), 0);
}

#[test]
fn a_silent_server_holds_nobody_up() {
    let folder = tempfile::tempdir().unwrap();
    let fake = Fake::start(Fault::Silent);
    let begin = Instant::now();
    let tracker = open(folder.path(), &fake.address(), Duration::from_secs(300));
    log(&tracker, folder.path());
    drop(tracker);
    assert!(
        begin.elapsed() < Duration::from_secs(60),
        "as long as it is asked to wait, and never as long as a request"
    );
    assert_eq!(left(folder.path()), 1);
}

#[test]
fn answers_that_are_lost_make_nothing_twice() {
    for share in [2, 5] {
        let (folder, fake) = (tempfile::tempdir().unwrap(), Fake::start(Fault::LosesAnswers(share)));
        let tracker = open(folder.path(), &fake.address(), LONG);
        let key = log(&tracker, folder.path());
        let until = Instant::now() + LONG;
        while tracker.flush(Duration::from_secs(1)).runs > 0 {
            assert!(Instant::now() < until);
        }
        check(&fake, &key);
    }
}

#[test]
fn credentials_and_events_go_nowhere_else() {
    let folder = tempfile::tempdir().unwrap();
    let other = Fake::start(Fault::None);
    let fake = Fake::start(Fault::Redirects(other.port));
    let address = fake.address().replace("//", "//ada:secret@");
    let tracker = open(folder.path(), &address, SHORT);
    let error = tracker.get_experiment("1").unwrap_err().to_string();
    assert!(error.contains(&format!("127.0.0.1:{}", other.port)) && !error.contains("secret"), "{error}");
    log(&tracker, folder.path());
    drop(tracker);
    assert_eq!(other.stored.lock().unwrap().requests, Vec::<String>::new());
    // What is on the disk has no credentials.
    let key = std::fs::read_dir(folder.path().join("queue")).unwrap().next().unwrap().unwrap().path();
    let journal = std::fs::read_to_string(key.join("journal.jsonl")).unwrap();
    assert!(!journal.contains("secret") && journal.contains(&fake.address()));
    assert_eq!(fake.stored.lock().unwrap().authorizations[0], "Basic YWRhOnNlY3JldA==");
}

#[test]
fn answers_that_are_none_of_mlflows_are_told() {
    let folder = tempfile::tempdir().unwrap();
    for (fault, hint) in [
        (Fault::Page, "not MLflow's"),
        (Fault::Unauthorized, "MLFLOW_TRACKING_TOKEN"),
        (Fault::Unavailable, "TEMPORARILY_UNAVAILABLE: later"),
        (Fault::Silent, "timeout"),
        (Fault::Endless, ""),
    ] {
        let fake = Fake::start(fault);
        let tracker = open(folder.path(), &fake.address(), SHORT);
        let error = tracker.search_runs(&SearchRuns::in_experiments(["1"])).unwrap_err();
        assert!(
            matches!(&error, TrackError::Unreachable { reason, .. } if reason.contains(hint)),
            "{fault:?}: {error}"
        );
    }
}

#[test]
fn what_the_server_refuses_is_told_and_the_rest_arrives() {
    let (folder, fake) = (tempfile::tempdir().unwrap(), Fake::start(Fault::None));
    let tracker = open(folder.path(), &fake.address(), LONG);
    let run = tracker.start_run("e", StartRun::default()).unwrap();
    run.log_param("lr", 0.1).unwrap();
    let key = run.key().clone();
    run.end(RunStatus::Finished).unwrap();
    tracker.flush(LONG);
    // Only the server knows now what the parameter was.
    let run = tracker.resume_run(&key).unwrap();
    assert!(tracker.resume_run(&key).is_err(), "it is being logged");
    run.log_param("lr", 0.2).unwrap();
    run.log_metric("loss", 1.0, 1).unwrap();
    run.end(RunStatus::Finished).unwrap();
    let backlog = tracker.flush(LONG);
    assert_eq!(backlog.runs, 0);
    assert!(
        backlog.refused.len() == 1 && backlog.refused[0].contains("the parameter lr"),
        "{:?}",
        backlog.refused
    );
    let stored = fake.stored.lock().unwrap();
    let run = stored.runs.values().next().unwrap();
    assert_eq!((run.params["lr"].as_str(), run.metrics.len()), ("0.1", 1));
    assert!(std::fs::read_to_string(folder.path().join("queue/refused.log")).unwrap().contains("lr"));
}

#[test]
fn children_wait_for_their_parents_id() {
    let (folder, fake) = (tempfile::tempdir().unwrap(), Fake::start(Fault::Unavailable));
    let tracker = open(folder.path(), &fake.address(), LONG);
    let parent = tracker.start_run("e", StartRun::default()).unwrap();
    let start = StartRun { parent: Some(parent.key().clone()), ..StartRun::default() };
    let child = tracker.start_run("e", start).unwrap();
    assert_eq!(child.id(), None);
    fake.set(Fault::None);
    let (parent_id, child_id) = (parent.wait_for_id(LONG).unwrap(), child.wait_for_id(LONG).unwrap());
    let stored = fake.stored.lock().unwrap();
    assert_eq!(stored.runs[&child_id].tags["mlflow.parentRunId"], parent_id);
}

#[test]
fn what_a_proxy_refuses_holds_nothing_else_up() {
    let (folder, fake) = (tempfile::tempdir().unwrap(), Fake::start(Fault::Uploads(413)));
    let tracker = open(folder.path(), &fake.address(), LONG);
    for _ in 0..2 {
        log(&tracker, folder.path());
    }
    let backlog = tracker.flush(LONG);
    assert_eq!((backlog.runs, backlog.refused.len()), (0, 2), "{backlog:?}");
    assert!(backlog.refused[0].contains("413 <html>Too much"), "{:?}", backlog.refused);
    assert!(fake.stored.lock().unwrap().runs.values().all(|run| run.status == "FINISHED"));
}

#[test]
fn what_the_server_alone_fails_at_holds_nothing_else_up_and_is_given_up() {
    let (folder, fake) = (tempfile::tempdir().unwrap(), Fake::start(Fault::Uploads(500)));
    let tracker = open(folder.path(), &fake.address(), LONG);
    log(&tracker, folder.path());
    let other = tracker.start_run("e", StartRun::default()).unwrap();
    other.log_param("a", 1).unwrap();
    other.end(RunStatus::Finished).unwrap();
    let (mut flushes, until) = (0, Instant::now() + LONG);
    while tracker.flush(Duration::from_millis(200)).runs > 0 {
        flushes += 1;
        assert!(Instant::now() < until);
        let stored = fake.stored.lock().unwrap();
        assert!(flushes < 3 || stored.runs.values().any(|run| run.status == "FINISHED"));
    }
    let refused = tracker.flush(LONG).refused;
    assert!(refused.len() == 1 && refused[0].contains("status 500"), "{refused:?}");
    assert!(fake.stored.lock().unwrap().runs.values().all(|run| run.status == "FINISHED"));
}

#[test]
fn a_server_that_fails_at_everything_is_waited_for() {
    let (folder, fake) = (tempfile::tempdir().unwrap(), Fake::start(Fault::None));
    let tracker = open(folder.path(), &fake.address(), LONG);
    let run = tracker.start_run("e", StartRun::default()).unwrap();
    run.wait_for_id(LONG).unwrap();
    fake.set(Fault::Unavailable);
    run.log_param("a", 1).unwrap();
    run.end(RunStatus::Finished).unwrap();
    for _ in 0..12 {
        tracker.flush(Duration::from_millis(100));
    }
    fake.set(Fault::None);
    let backlog = tracker.flush(LONG);
    assert_eq!((backlog.runs, backlog.refused), (0, Vec::new()));
    assert_eq!(fake.stored.lock().unwrap().runs.values().next().unwrap().params["a"], "1");
}

#[cfg(unix)]
#[test]
fn artifacts_that_cannot_be_read_are_kept() {
    let (folder, fake) = (tempfile::tempdir().unwrap(), Fake::start(Fault::Unavailable));
    let tracker = open(folder.path(), &fake.address(), LONG);
    let key = log(&tracker, folder.path());
    let RunKey::Key(name) = &key else { panic!("{key}") };
    let file = folder.path().join("queue").join(name).join("files/0");
    // Nobody can open a link to itself.
    std::fs::rename(&file, folder.path().join("aside")).unwrap();
    std::os::unix::fs::symlink(&file, &file).unwrap();
    fake.set(Fault::None);
    let until = Instant::now() + LONG;
    loop {
        let backlog = tracker.flush(Duration::from_millis(100));
        assert_eq!(backlog.refused, Vec::<String>::new());
        if backlog.problem.is_some_and(|problem| problem.contains("cannot be read")) {
            break;
        }
        assert!(Instant::now() < until);
    }
    std::fs::rename(folder.path().join("aside"), &file).unwrap();
    assert_eq!(tracker.flush(LONG).runs, 0);
    check(&fake, &key);
}

#[test]
fn the_end_waits_for_a_server_that_is_back() {
    let (folder, fake) = (tempfile::tempdir().unwrap(), Fake::start(Fault::Unavailable));
    let server = ServerOptions { patience: LONG, ..ServerOptions::default() };
    let options = TrackerOptions { queue: Some(folder.path().join("queue")), server };
    let tracker = Tracker::open(&fake.address().parse().unwrap(), options).unwrap();
    let run = tracker.start_run("e", StartRun::default()).unwrap();
    while tracker.flush(Duration::from_millis(50)).problem.is_none() {}
    fake.set(Fault::None);
    // An attempt from before may fail just then.
    let (ended, backlog) = (run.key().clone(), run.end(RunStatus::Finished).unwrap());
    assert!(backlog.runs == 0, "{ended}: {backlog:?}");
}

#[test]
fn a_run_that_was_made_twice_is_one() {
    let (folder, fake) = (tempfile::tempdir().unwrap(), Fake::start(Fault::CreatesTwice));
    let tracker = open(folder.path(), &fake.address(), LONG);
    let key = log(&tracker, folder.path());
    assert_eq!(tracker.flush(LONG), Default::default());
    check(&fake, &key);
}

#[test]
fn journals_that_cannot_be_read_are_told_and_what_is_left_of_others_is_no_hindrance() {
    let (folder, fake) = (tempfile::tempdir().unwrap(), Fake::start(Fault::None));
    let queue = folder.path().join("queue");
    let tracker = open(folder.path(), &fake.address(), LONG);
    let key = log(&tracker, folder.path());
    tracker.flush(LONG);
    let RunKey::Key(name) = &key else { panic!("{key}") };
    // Killed while it removed it.
    std::fs::create_dir(queue.join(name)).unwrap();
    tracker.resume_run(&key).unwrap().end(RunStatus::Finished).unwrap();
    let unreadable = queue.join("0123456789abcdef0123456789abcdef");
    std::fs::create_dir(&unreadable).unwrap();
    std::fs::write(unreadable.join("journal.jsonl"), "nonsense\n").unwrap();
    for _ in 0..2 {
        let refused = tracker.flush(LONG).refused;
        assert!(refused.len() == 1 && refused[0].contains("0123456789abcdef"), "{refused:?}");
    }
}

#[test]
fn files_may_take_long_but_not_be_silent() {
    let folder = tempfile::tempdir().unwrap();
    let to = folder.path().join("to");
    for (pause, arrives) in [(700, true), (4000, false)] {
        let fake = Fake::start(Fault::Slow(Duration::from_millis(pause)));
        let tracker = open(folder.path(), &fake.address(), SHORT);
        assert_eq!(tracker.download_artifact("1", "a.txt", &to).is_ok(), arrives);
        assert_eq!(std::fs::read(&to).unwrap(), b"xxxx");
    }
}

/// What a process of [`killed_processes_lose_nothing`] does: it writes what it has logged to a file of its own.
#[test]
fn logging_process() {
    let Some(folder) = std::env::var_os("OCELLI_TRACK_FOLDER") else { return };
    let folder = Path::new(&folder);
    let address = std::env::var("OCELLI_TRACK_SERVER").unwrap();
    let tracker = open(folder, &address, LONG);
    let run = tracker.start_run("e", StartRun::default()).unwrap();
    for step in 0.. {
        run.log_metric("loss", step as f64, step).unwrap();
        std::fs::write(folder.join(format!("logged-{}", std::process::id())), step.to_string()).unwrap();
    }
}

#[test]
fn killed_processes_lose_nothing() {
    let (folder, fake) = (tempfile::tempdir().unwrap(), Fake::start(Fault::LosesAnswers(2)));
    let mut logged = Vec::new();
    for round in 0..8 {
        let mut process = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "logging_process"])
            .env("OCELLI_TRACK_FOLDER", folder.path())
            .env("OCELLI_TRACK_SERVER", fake.address())
            .spawn()
            .unwrap();
        let note = folder.path().join(format!("logged-{}", process.id()));
        while !note.exists() {
            std::thread::sleep(Duration::from_millis(5));
        }
        std::thread::sleep(Duration::from_millis(40 + 317 * round));
        process.kill().unwrap();
        process.wait().unwrap();
        // Killed as it writes this, it leaves nothing there.
        logged.extend(std::fs::read_to_string(note).unwrap().parse::<usize>().ok());
    }
    let tracker = open(folder.path(), &fake.address(), LONG);
    let until = Instant::now() + LONG;
    while tracker.flush(Duration::from_secs(1)).runs > 0 || left(folder.path()) > 0 {
        assert!(Instant::now() < until);
    }
    let stored = fake.stored.lock().unwrap();
    assert_eq!(stored.runs.len(), 8);
    let mut counts = Vec::new();
    for run in stored.runs.values() {
        let steps: Vec<i64> = run.metrics.keys().map(|(_, step, _)| *step).collect();
        let each_once: Vec<i64> = (0..steps.len() as i64).collect();
        assert_eq!(steps, each_once, "no step is missing, and none is there twice");
        assert_eq!(run.status, "KILLED");
        counts.push(steps.len());
    }
    counts.sort_unstable();
    logged.sort_unstable();
    // The last one noted is there in any case; one more may be.
    for (logged, count) in logged.iter().zip(counts.iter().skip(counts.len() - logged.len())) {
        assert!(*count > *logged, "{logged} {count}");
    }
}

#[test]
fn a_file_is_added_to_a_run_that_is_over_and_changes_nothing_else() {
    let (folder, fake) = (tempfile::tempdir().unwrap(), Fake::start(Fault::None));
    let tracker = open(folder.path(), &fake.address(), LONG);
    let run = tracker.start_run("e", StartRun::default()).unwrap();
    let key = run.key().clone();
    let id = run.wait_for_id(LONG).unwrap();
    let page = folder.path().join("page.html");
    fs::write(&page, "<html>").unwrap();
    assert!(tracker.add_artifact(&key, &page, "report.html").is_err(), "it is being logged");
    assert!(tracker.add_artifact(&key, &page, "../report.html").is_err());
    run.end(RunStatus::Killed).unwrap();
    assert!(tracker.add_artifact(&key, &folder.path().join("none"), "x").is_err());
    fake.set(Fault::Unavailable);
    let kept = tracker.add_artifact(&key, &page, "report.html").unwrap();
    assert_eq!(kept.runs, 1, "{kept:?}");
    // What is kept is a copy, and another process sends it.
    fs::write(&page, "other").unwrap();
    drop(tracker);
    fake.set(Fault::None);
    let tracker = open(folder.path(), &fake.address(), LONG);
    assert_eq!(tracker.flush(LONG), Backlog::default());
    fs::write(&page, "second").unwrap();
    tracker.add_artifact(&RunKey::Id(id.clone()), &page, "a/second.html").unwrap();
    assert_eq!(tracker.flush(LONG), Backlog::default());
    let stored = fake.stored.lock().unwrap();
    assert_eq!(stored.runs.len(), 1);
    assert_eq!(stored.runs[&id].status, "KILLED");
    assert_eq!(stored.runs[&id].artifacts["report.html"], b"<html>");
    assert_eq!(stored.runs[&id].artifacts["a/second.html"], b"second");
    let updates = stored.requests.iter().filter(|request| request.contains("runs/update")).count();
    assert_eq!(updates, 1, "its end, once");
}
