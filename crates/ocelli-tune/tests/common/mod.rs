//! A study that several processes work on, and a worker of it: this test's own program, started again.

use ocelli_tune::{
    Heartbeat, Journal, LockKind, LockOptions, Outcome, RandomSampler, Space, Study, StudyOptions, TuneError,
};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

pub(crate) const NAME: &str = "interop";
/// As `objective` in `interop/study.py` has it.
const SPACE: &str = r#"
    x = { type = "float", low = -5.0, high = 5.0 }
    rate = { type = "float", low = 1e-5, high = 1e-1, log = true }
    share = { type = "float", low = 0.0, high = 1.0, step = 0.1 }
    width = { type = "int", low = 16, high = 64, step = 16 }
    kind = { type = "categorical", choices = ["a", 3, 2.5, true] }
    of_a = { type = "int", low = 1, high = 100, log = true, when = { kind = "a" } }
"#;
/// Where a worker finds its orders.
const ORDERS: &str = "OCELLI_TUNE_WORKER";

pub(crate) fn open(path: &Path, kind: LockKind, seed: u64) -> Study {
    let lock = LockOptions { kind, grace: Duration::from_secs(1) };
    let beat =
        Heartbeat { interval: Duration::from_millis(100), grace: Duration::from_secs(4), retries: 100 };
    let options = StudyOptions::new(NAME, Space::parse(SPACE).unwrap()).sampler(RandomSampler::new(seed));
    Study::open(Journal::open(path, lock).unwrap(), options.heartbeat(Some(beat))).unwrap()
}

/// Runs trials until `until` says so, of the study and of how many were told here.
pub(crate) fn work(study: &Study, until: impl Fn(&Study, usize) -> bool) {
    let mut told = 0;
    while !until(study, told) {
        match one(study) {
            Ok(()) => told += 1,
            // On a busy machine this worker may have been thought dead: another tries it anew.
            Err(TuneError::NotRunning { .. }) => {}
            Err(error) => panic!("{error}: {:?}", std::error::Error::source(&error)),
        }
    }
}

fn one(study: &Study) -> Result<(), TuneError> {
    let trial = study.ask()?.expect("random values never end");
    let value = |name| trial.float(name).unwrap();
    let (x, rate) = (value("x"), value("rate"));
    for step in 0..3 {
        trial.report(step, x * x + rate / (step + 1) as f64)?;
    }
    trial.set_user_attr("by", "ocelli".into())?;
    let objective = x * x + value("share") + value("width");
    trial.tell(Outcome::Complete(vec![objective])).map(drop)
}

/// Starts this program again as a worker.
pub(crate) fn spawn(path: &Path, kind: LockKind, count: usize, complete: usize) -> Child {
    let orders = format!("{kind:?}\n{count}\n{complete}\n{}", path.display());
    let program = std::env::current_exe().unwrap();
    let arguments = ["--exact", "worker", "--ignored", "--test-threads=1"];
    Command::new(program).args(arguments).env(ORDERS, orders).stdout(Stdio::null()).spawn().unwrap()
}

/// What a started worker does: `count` trials of its own, or until the study has `complete` complete ones.
pub(crate) fn follow_orders() {
    let Ok(orders) = std::env::var(ORDERS) else { return };
    let parts: Vec<&str> = orders.splitn(4, '\n').collect();
    let kind = if parts[0] == "Open" { LockKind::Open } else { LockKind::Symlink };
    let (count, complete): (usize, usize) = (parts[1].parse().unwrap(), parts[2].parse().unwrap());
    let study = open(Path::new(parts[3]), kind, u64::from(std::process::id()));
    work(&study, |study, told| {
        told >= count
            || study.history().unwrap().in_state(ocelli_tune::TrialState::Complete).count() >= complete
    });
}
