use super::*;
use crate::{
    GridOptions, GridSampler, LockOptions, MedianPruner, Outcome, Params, RandomSampler, Request, Sampler,
    SamplerError, SuccessiveHalving, SuccessiveHalvingOptions, Value,
};
use serde_json::json;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

const SPACE: &str = r#"
    x = { type = "float", low = -5.0, high = 5.0 }
    kind = { type = "categorical", choices = ["a", "b"] }
    of_a = { type = "int", low = 1, high = 8, log = true, when = { kind = "a" } }
"#;

fn options() -> StudyOptions {
    StudyOptions::new("test", Space::parse(SPACE).unwrap()).sampler(RandomSampler::new(3))
}

fn memory(options: StudyOptions) -> Study {
    Study::open(Journal::memory(), options).unwrap()
}

fn open(path: &Path, options: StudyOptions) -> Study {
    let lock = LockOptions { grace: Duration::from_millis(280), ..LockOptions::default() };
    Study::open(Journal::open(path, lock).unwrap(), options).unwrap()
}

fn params(pairs: &[(&str, Value)]) -> Params {
    pairs.iter().map(|(name, value)| (name.to_string(), value.clone())).collect()
}

fn run(study: &Study, count: usize) {
    for _ in 0..count {
        let trial = study.ask().unwrap().unwrap();
        let value = trial.float("x").unwrap().powi(2);
        trial.tell(Outcome::Complete(vec![value])).unwrap();
    }
}

#[test]
fn trials_are_asked_for_and_told_about() {
    let study = memory(options());
    run(&study, 10);
    let failed = study.ask().unwrap().unwrap();
    assert_eq!(failed.number(), 10);
    failed.set_user_attr("note", json!({ "a": 1 })).unwrap();
    let failed = failed.tell(Outcome::Complete(vec![f64::NAN])).unwrap();
    assert_eq!((failed.state, &failed.values), (TrialState::Fail, &None));
    assert_eq!(failed.system_attrs["fail_reason"], json!("objective 0 is NaN"));
    assert_eq!(failed.user_attrs["note"], json!({ "a": 1 }));
    let history = study.history().unwrap();
    assert_eq!(history.finished(), 11);
    for trial in history.all() {
        study.space().check(&trial.params).unwrap();
        assert!(trial.duration().is_some());
    }
    let best = study.best_trial().unwrap().unwrap();
    assert!(history.in_state(TrialState::Complete).all(|trial| trial.value() >= best.value()));
    study.set_user_attr("data set", json!("lesson")).unwrap();
    assert_eq!(study.user_attrs().unwrap()["data set"], json!("lesson"));
}

#[test]
fn what_cannot_be_told_is_an_error() {
    let study = memory(options());
    let trial = study.ask().unwrap().unwrap();
    assert!(matches!(trial.report(-1, 0.0), Err(TuneError::Step { number: 0, step: -1 })));
    let error = trial.tell(Outcome::Complete(vec![1.0, 2.0])).unwrap_err().to_string();
    assert!(error.contains("told 2 objectives, but the study has 1 directions"), "{error}");
    assert!(matches!(study.retry(9), Err(TuneError::NoTrial { number: 9, count: 1 })));
    study.retry(0).unwrap();
    assert!(matches!(study.retry(0), Err(TuneError::NotRunning { number: 0, state: TrialState::Fail })));

    let two = memory(options().directions([Direction::Minimize, Direction::Maximize]));
    let trial = two.ask().unwrap().unwrap();
    assert!(matches!(trial.report(0, 1.0), Err(TuneError::SeveralObjectives { count: 2 })));
    assert!(matches!(trial.should_prune(), Err(TuneError::SeveralObjectives { count: 2 })));
    trial.tell(Outcome::Complete(vec![1.0, 2.0])).unwrap();
    assert_eq!(two.best_trials().unwrap().len(), 1);
}

#[test]
fn an_interrupted_study_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.log");
    run(&open(&path, options()), 5);
    let study = open(&path, options());
    run(&study, 5);
    let whole = memory(options());
    run(&whole, 10);
    let values = |study: &Study| {
        study.history().unwrap().all().iter().map(|trial| trial.params.clone()).collect::<Vec<_>>()
    };
    assert_eq!(values(&study), values(&whole), "the same trials as without the interruption");

    let error = |options| {
        let journal = Journal::open(&path, LockOptions::default()).unwrap();
        Study::open(journal, options).unwrap_err().to_string()
    };
    let other = error(options().directions([Direction::Maximize]));
    assert!(other.contains("[Minimize] in the journal"), "{other}");
    let mut changed = options();
    changed.space = Space::parse("kind = { type = \"categorical\", choices = [\"a\", \"c\"] }").unwrap();
    let changed = error(changed);
    assert!(
        changed.contains("trials whose `kind` is one of a, b, in the space it is one of a, c"),
        "{changed}"
    );
}

#[test]
fn the_queue_comes_first() {
    let study = memory(options());
    let given = params(&[("x", 2.into()), ("kind", "a".into())]);
    assert_eq!(study.enqueue(given.clone(), true).unwrap(), Some(0));
    assert_eq!(study.enqueue(given.clone(), true).unwrap(), None, "known already");
    assert_eq!(study.enqueue(given, false).unwrap(), Some(1));
    for (name, value, expected) in
        [("y", 1.into(), "not in the space"), ("x", Value::from(6.0), "`x`: cannot be 6.0; it may be")]
    {
        let error = study.enqueue(params(&[(name, value)]), false).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
    let trial = study.ask().unwrap().unwrap();
    assert_eq!(trial.number(), 0);
    assert_eq!(trial.get("x"), Some(&Value::Float(2.0)), "a float where the space has floats");
    assert!(trial.get("of_a").is_some(), "what was not given is drawn");
    trial.tell(Outcome::Complete(vec![1.0])).unwrap();
    assert_eq!(study.ask().unwrap().unwrap().number(), 1);
    assert_eq!(study.ask().unwrap().unwrap().number(), 2);
}

#[test]
fn a_grid_is_tried_once_and_then_ends() {
    let space = Space::parse(
        "a = { type = \"int\", low = 1, high = 6 }\nb = { type = \"categorical\", choices = [true, false] }",
    )
    .unwrap();
    let grid = || GridSampler::new(&space, GridOptions::default()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.log");
    let options = || StudyOptions::new("grid", space.clone()).sampler(grid());
    let total = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let study = open(&path, options());
                while let Some(trial) = study.ask().unwrap() {
                    trial.tell(Outcome::Complete(vec![0.0])).unwrap();
                    total.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
    });
    assert_eq!(total.into_inner(), 12);
    let study = open(&path, options());
    let mut seen: Vec<String> =
        study.history().unwrap().all().iter().map(|trial| format!("{:?}", trial.params)).collect();
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 12);
    assert!(study.ask().unwrap().is_none());
    // What was tried in another order counts: the grid of another seed has nothing left either.
    let other = GridSampler::new(&space, GridOptions { seed: 9, ..GridOptions::default() }).unwrap();
    assert!(open(&path, options().sampler(other)).ask().unwrap().is_none());
}

#[test]
fn workers_do_not_draw_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.log");
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| run(&open(&path, options()), 10));
        }
    });
    let study = open(&path, options());
    let history = study.history().unwrap();
    let mut xs: Vec<u64> =
        history.all().iter().map(|trial| trial.params["x"].as_f64().unwrap().to_bits()).collect();
    xs.sort_unstable();
    xs.dedup();
    assert_eq!((history.finished(), xs.len()), (40, 40));
    // And they are what one worker alone would have drawn.
    let alone = memory(options());
    run(&alone, 40);
    for (one, other) in history.all().iter().zip(alone.history().unwrap().all()) {
        assert_eq!(one.params, other.params);
    }
}

#[test]
fn a_dead_workers_trial_is_tried_anew() {
    let beat =
        Heartbeat { interval: Duration::from_millis(40), grace: Duration::from_millis(400), retries: 1 };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.log");
    let options = || options().heartbeat(Some(beat));
    let worker = open(&path, options());
    let alive = worker.ask().unwrap().unwrap();
    // A worker that is gone without a word: its thread stops, its trial stays.
    let dead = worker.ask().unwrap().unwrap();
    let (number, values) = (dead.number(), dead.params().clone());
    dead.set_user_attr("kept", json!(true)).unwrap();
    drop(dead);

    let observer = open(&path, options());
    let again = |after: u64| {
        let begun = Instant::now();
        loop {
            let trial = observer.ask().unwrap().unwrap();
            if trial.params() == &values {
                assert!(begun.elapsed() >= beat.grace);
                return trial;
            }
            trial.tell(Outcome::Fail("no retry yet".into())).unwrap();
            assert!(begun.elapsed() < Duration::from_secs(60), "trial {after} was never tried anew");
            std::thread::sleep(Duration::from_millis(20));
        }
    };
    let second = again(number);
    let history = observer.history().unwrap();
    let first = &history.all()[number as usize];
    assert_eq!(first.state, TrialState::Fail);
    assert_eq!(first.system_attrs["fail_reason"], json!("its worker gave no sign of life"));
    let trial = &history.all()[second.number() as usize];
    assert_eq!(
        (&trial.system_attrs["failed_trial"], &trial.system_attrs["retry_history"]),
        (&json!(number), &json!([number]))
    );
    assert_eq!(trial.user_attrs["kept"], json!(true));
    assert_eq!(history.all()[alive.number() as usize].state, TrialState::Running, "who beats is left alone");
    alive.tell(Outcome::Complete(vec![0.0])).unwrap();

    // Once only: the second time it stays failed.
    let number = second.number();
    drop(second);
    let begun = Instant::now();
    while observer.history().unwrap().all()[number as usize].state != TrialState::Fail {
        observer.ask().unwrap().unwrap().tell(Outcome::Fail("waiting".into())).unwrap();
        assert!(begun.elapsed() < Duration::from_secs(60), "trial {number} was never given up");
        std::thread::sleep(Duration::from_millis(20));
    }
    let history = observer.history().unwrap();
    assert!(history.in_state(TrialState::Waiting).next().is_none());
    assert!(history.all().iter().skip(number as usize + 1).all(|trial| trial.params != values));
}

#[test]
fn who_was_thought_dead_is_told() {
    let study = memory(options());
    let trial = study.ask().unwrap().unwrap();
    study.retry(trial.number()).unwrap();
    assert!(matches!(
        trial.report(0, 1.0),
        Err(TuneError::NotRunning { number: 0, state: TrialState::Fail })
    ));
    let error = trial.tell(Outcome::Complete(vec![1.0])).unwrap_err();
    assert!(matches!(error, TuneError::NotRunning { number: 0, state: TrialState::Fail }));
    let again = study.ask().unwrap().unwrap();
    assert_eq!(again.number(), 1);
    assert_eq!(again.params(), &study.history().unwrap().all()[0].params);
}

#[test]
fn bad_trials_are_pruned() {
    let median = MedianPruner { startup_trials: 2, ..MedianPruner::default() };
    let study = memory(options().pruner(median));
    for value in [1.0, 2.0, 3.0] {
        let trial = study.ask().unwrap().unwrap();
        trial.report(0, value).unwrap();
        let pruned = trial.should_prune().unwrap();
        assert_eq!(pruned, value == 3.0);
        let trial =
            trial.tell(if pruned { Outcome::Pruned } else { Outcome::Complete(vec![value]) }).unwrap();
        assert_eq!(trial.value(), Some(value), "a pruned trial has its last report");
    }
    let trial = study.ask().unwrap().unwrap();
    trial.report(0, 0.5).unwrap();
    trial.report(0, 9.0).unwrap();
    assert!(!trial.should_prune().unwrap(), "the first report of a step counts");
}

#[test]
fn rungs_are_noted_as_optuna_notes_them() {
    let halving = SuccessiveHalving::new(SuccessiveHalvingOptions {
        min_resource: Some(1),
        reduction_factor: 2,
        ..SuccessiveHalvingOptions::default()
    });
    let study = memory(options().pruner(halving.unwrap()));
    let trial = study.ask().unwrap().unwrap();
    for step in 1..=4 {
        trial.report(step, 1.0 / step as f64).unwrap();
        assert!(!trial.should_prune().unwrap());
    }
    let history = study.history().unwrap();
    let attrs = &history.all()[0].system_attrs;
    let rungs: Vec<_> = (0..4).map(|rung| attrs.get(&format!("completed_rung_{rung}"))).collect();
    assert_eq!(rungs, [Some(&json!(1.0)), Some(&json!(0.5)), Some(&json!(0.25)), None]);
}

#[derive(Debug)]
struct Broken;

impl Sampler for Broken {
    fn sample(&self, _: &Request<'_>) -> Result<Params, SamplerError> {
        Err(SamplerError::Unsupported { sampler: "Broken", problem: "it is broken".into() })
    }
}

#[test]
fn a_sampler_without_an_answer_fails_its_trial() {
    let study = memory(options().sampler(Broken));
    assert_eq!(study.ask().unwrap_err().to_string(), "Broken: it is broken");
    let history = study.history().unwrap();
    assert_eq!(history.all()[0].state, TrialState::Fail);
    assert_eq!(history.all()[0].system_attrs["fail_reason"], json!("Broken: it is broken"));
}

#[test]
fn objectives_are_named_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.log");
    let study = open(&path, options().directions([Direction::Minimize, Direction::Maximize]));
    assert_eq!(study.metric_names().unwrap(), None);
    assert!(study.set_metric_names(&["loss"]).unwrap_err().to_string().contains("2 directions"));
    let written = || std::fs::metadata(&path).unwrap().len();
    study.set_metric_names(&["loss", "accuracy"]).unwrap();
    let length = written();
    study.set_metric_names(&["loss", "accuracy"]).unwrap();
    assert_eq!(written(), length, "the same names are no news");
    let mut journal = Journal::open(&path, LockOptions::default()).unwrap();
    let names = journal.studies().unwrap()[0].metric_names();
    assert_eq!(names, Some(vec!["loss".to_owned(), "accuracy".to_owned()]));
    // What is no list of as many names counts as none.
    for odd in [json!(["one"]), json!([1, 2]), json!("loss")] {
        let attrs = Attrs::from([(METRIC_NAMES.to_string(), odd)]);
        let study = study.inner.id;
        journal
            .transact(|_| -> Result<_, TuneError> {
                Ok(((), vec![Operation::StudySystemAttr { study, attrs }]))
            })
            .unwrap();
        assert_eq!(journal.studies().unwrap()[0].metric_names(), None);
    }
}
