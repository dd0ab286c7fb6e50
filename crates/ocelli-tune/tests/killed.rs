//! Workers that are killed at any moment: the journal stays whole, and what they were at is tried anew.

mod common;

use common::{follow_orders, open, spawn};
use ocelli_tune::{LockKind, TrialState};
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

/// Kills; the last ones are of workers that nobody follows.
const KILLS: u64 = 15;

#[test]
fn killed_workers_lose_nothing_that_was_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.log");
    let kind = LockKind::Symlink;
    let study = open(&path, kind, 0);
    let mut workers: Vec<_> = (0..3).map(|_| spawn(&path, kind, usize::MAX, usize::MAX)).collect();
    let complete = || study.history().unwrap().in_state(TrialState::Complete).count();
    let (begun, mut most) = (Instant::now(), 0);
    for killed in 0..KILLS {
        // At a different moment each time, in whatever it does; some are killed while they hold the lock.
        std::thread::sleep(Duration::from_millis(37 * (1 + killed % 5)));
        let now = complete();
        assert!(now >= most, "what was complete stays so");
        most = now;
        let place = killed as usize % workers.len();
        workers[place].kill().unwrap();
        workers[place].wait().unwrap();
        if killed + (workers.len() as u64) < KILLS {
            workers[place] = spawn(&path, kind, usize::MAX, usize::MAX);
        }
    }
    assert!(most > 0, "somebody did something");

    // What the last of the dead had is put back into the queue, and taken from it.
    let running = || study.history().unwrap().in_state(TrialState::Running).count();
    while running() > 0 || study.history().unwrap().in_state(TrialState::Waiting).count() > 0 {
        assert!(begun.elapsed() < Duration::from_secs(300), "{} trials still run", running());
        study.ask().unwrap().unwrap().tell(ocelli_tune::Outcome::Complete(vec![0.0])).unwrap();
        std::thread::sleep(Duration::from_millis(50));
    }
    let history = study.history().unwrap();
    let retried: BTreeSet<u64> = history
        .all()
        .iter()
        .filter_map(|trial| trial.system_attrs.get("retry_history")?.as_array()?.last()?.as_u64())
        .collect();
    let failed: BTreeSet<u64> = history.in_state(TrialState::Fail).map(|trial| trial.number).collect();
    assert_eq!(retried, failed, "every trial of a dead worker was tried anew, and no other");
    for trial in history.all() {
        study.space().check(&trial.params).map_or_else(
            |error| assert!(trial.state == TrialState::Fail, "trial {}: {error}", trial.number),
            |()| {},
        );
    }
    eprintln!("{} trials, {} of dead workers", history.all().len(), failed.len());
}

/// Not a test: what [`spawn`] starts.
#[test]
#[ignore = "a worker of other tests"]
fn worker() {
    follow_orders();
}
