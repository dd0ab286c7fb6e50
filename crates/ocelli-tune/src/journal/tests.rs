use super::read::Reader;
use super::*;
use crate::{
    CategoricalDistribution, Direction, Distribution, FloatDistribution, IntDistribution, TrialState, Value,
};
use proptest::prelude::*;
use serde_json::json;
use std::fs;
use std::io::Write;
use std::sync::Arc;

fn quick() -> LockOptions {
    LockOptions { grace: Duration::from_millis(300), ..LockOptions::default() }
}

fn write(journal: &mut Journal, operations: Vec<Operation>) {
    journal.transact(|_| Ok::<_, JournalError>(((), operations))).unwrap();
}

fn study(name: &str) -> Operation {
    Operation::CreateStudy { name: name.into(), directions: vec![Direction::Minimize] }
}

fn trial(study: u64) -> Operation {
    Operation::CreateTrial { study, trial: Box::new(Template::empty(TrialState::Running, None)) }
}

fn float() -> Arc<Distribution> {
    Arc::new(Distribution::Float(FloatDistribution::uniform(0.0, 1.0).unwrap()))
}

fn finish(trial: u64, value: f64) -> Operation {
    Operation::TrialState { trial, state: TrialState::Complete, values: Some(vec![value]), time: None }
}

#[test]
fn two_readers_see_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.log");
    let mut one = Journal::open(&path, quick()).unwrap();
    let mut other = Journal::open(&path, quick()).unwrap();
    write(&mut one, vec![study("a"), trial(0)]);
    write(&mut other, vec![study("b"), trial(1), trial(0)]);
    write(
        &mut one,
        vec![finish(2, f64::INFINITY), Operation::TrialIntermediate { trial: 0, step: 3, value: f64::NAN }],
    );
    other.sync().unwrap();
    let mut third = Journal::open(&path, quick()).unwrap();
    for journal in [&mut one, &mut other, &mut third] {
        let studies = journal.studies().unwrap();
        assert_eq!(
            studies.iter().map(|study| (study.name.as_str(), study.trials.len())).collect::<Vec<_>>(),
            [("a", 2), ("b", 1)]
        );
        assert_eq!(studies[0].trials[1].values, Some(vec![f64::INFINITY]));
        assert!(studies[0].trials[0].intermediate_values[&3].is_nan());
        assert_eq!(studies[1].trials[0].id, 1);
    }
    assert!(one.delete_study("a").unwrap());
    assert!(!other.delete_study("a").unwrap());
    assert_eq!(third.studies().unwrap().len(), 1);
    // Ids of trials go on.
    write(&mut third, vec![trial(1)]);
    assert_eq!(third.studies().unwrap()[0].trials[1].id, 3);
}

#[test]
fn a_half_written_line_is_as_if_it_never_were() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.log");
    let mut journal = Journal::open(&path, quick()).unwrap();
    write(&mut journal, vec![study("a"), trial(0)]);
    let whole = fs::read(&path).unwrap();
    // A whole operation, but for the end of its line, is none either.
    for half in [
        "{\"op_code\":4,\"wor",
        "{\"op_code\":4,\"worker_id\":\"x\",\"study_id\":0,\"datetime_start\":null}",
        "\u{e4}",
    ] {
        fs::OpenOptions::new().append(true).open(&path).unwrap().write_all(half.as_bytes()).unwrap();
        assert_eq!(journal.studies().unwrap()[0].trials.len(), 1);
        assert_eq!(Journal::open(&path, quick()).unwrap().studies().unwrap()[0].trials.len(), 1);
    }
    write(&mut journal, vec![finish(0, 2.0)]);
    let after = fs::read(&path).unwrap();
    assert!(after.starts_with(&whole) && after.ends_with(b"\n"));
    assert_eq!(after.iter().filter(|byte| **byte == b'\n').count(), 3);
    assert_eq!(Journal::open(&path, quick()).unwrap().studies().unwrap()[0].trials[0].value(), Some(2.0));
}

#[test]
fn somebody_elses_mistakes_are_read_over() {
    let mut journal = Journal::memory();
    write(&mut journal, vec![study("a"), trial(0)]);
    let replay = &mut journal.replay;
    let param = |distribution: Distribution| Operation::TrialParam {
        trial: 0,
        name: "x".into(),
        internal: 0.0,
        distribution: Arc::new(distribution),
    };
    let choices = |count: i64| {
        Distribution::Categorical(CategoricalDistribution::new((0..count).map(Value::Int)).unwrap())
    };
    use replay::Rejected::*;
    assert_eq!(replay.apply(study("a")), Err(StudyExists));
    assert_eq!(replay.apply(trial(7)), Err(NoStudy));
    assert_eq!(replay.apply(finish(7, 1.0)), Err(NoTrial));
    let run = Operation::TrialState { trial: 0, state: TrialState::Running, values: None, time: None };
    assert_eq!(replay.apply(run), Err(AlreadyRunning));
    assert_eq!(replay.apply(param(choices(2))), Ok(()));
    assert_eq!(replay.apply(param(choices(3))), Err(Incompatible));
    let int = Distribution::Int(IntDistribution::uniform(0, 1).unwrap());
    assert_eq!(replay.apply(param(int)), Err(Incompatible));
    assert_eq!(replay.apply(finish(0, 1.0)), Ok(()));
    assert_eq!(replay.apply(finish(0, 2.0)), Err(Finished(TrialState::Complete)));
    assert_eq!(replay.trial(0).unwrap().value(), Some(1.0));
    assert_eq!(replay.apply(Operation::Discard), Ok(()));
}

#[test]
fn what_is_no_journal_is_an_error_with_its_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.log");
    let first = "{\"op_code\":0,\"worker_id\":\"w\",\"study_name\":\"a\",\"directions\":[1]}\n";
    for (line, expected) in [
        ("hello", "line 2: not JSON"),
        ("[]", "line 2: not an operation"),
        ("{}", "op_code is missing; a whole number is needed"),
        ("{\"op_code\":11}", "op_code 11 is unknown; 0 to 10 are known"),
        ("{\"op_code\":0,\"study_name\":\"b\",\"directions\":[3]}", "directions is [3]; a list of 1"),
        ("{\"op_code\":0,\"study_name\":\"b\",\"directions\":[]}", "directions is []"),
        ("{\"op_code\":4,\"study_id\":-1}", "study_id is -1; a whole number of 0 or more"),
        ("{\"op_code\":4,\"study_id\":0,\"datetime_start\":\"yesterday\"}", "a time such as"),
        ("{\"op_code\":4,\"study_id\":0,\"params\":{\"x\":1}}", "params: x is no value"),
        ("{\"op_code\":4,\"study_id\":0,\"intermediate_values\":{\"x\":1}}", "intermediate_values"),
        (
            "{\"op_code\":5,\"trial_id\":0,\"param_name\":\"x\",\"param_value_internal\":0,\"distribution\":\"{}\"}",
            "no name",
        ),
        ("{\"op_code\":6,\"trial_id\":0,\"state\":9,\"values\":null}", "state 9 is unknown"),
        (
            "{\"op_code\":6,\"trial_id\":0,\"state\":1,\"values\":[null]}",
            "values is [null]; a list of numbers",
        ),
        ("\u{0}", "not JSON"),
    ] {
        fs::write(&path, format!("{first}{line}\n")).unwrap();
        let error = Journal::open(&path, quick()).unwrap_err().to_string();
        assert!(error.contains(expected) && error.contains("journal.log, line 2"), "{line}: {error}");
    }
    fs::write(&path, b"\xff\xfe\n").unwrap();
    assert!(Journal::open(&path, quick()).unwrap_err().to_string().contains("not UTF-8"));
    let deep = "[".repeat(100_000);
    fs::write(&path, format!("{deep}\n")).unwrap();
    Journal::open(&path, quick()).unwrap_err();
    let error = Journal::open(folder.path(), quick()).unwrap_err().to_string();
    assert!(error.contains("cannot be opened"), "{error}");
}

#[test]
fn a_file_that_was_replaced_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.log");
    let mut journal = Journal::open(&path, quick()).unwrap();
    write(&mut journal, vec![study("a")]);
    fs::write(&path, "").unwrap();
    let error = journal.sync().unwrap_err().to_string();
    assert!(error.contains("somebody replaced it"), "{error}");
}

#[test]
fn many_writers_lose_nothing() {
    for kind in [LockKind::Symlink, LockKind::Open] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal.log");
        write(&mut Journal::open(&path, LockOptions::default()).unwrap(), vec![study("a")]);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    let options = LockOptions { kind, ..LockOptions::default() };
                    let mut journal = Journal::open(&path, options).unwrap();
                    for _ in 0..25 {
                        let id = journal
                            .transact(|replay| Ok::<_, JournalError>((replay.next_trial(), vec![trial(0)])))
                            .unwrap();
                        write(&mut journal, vec![finish(id, id as f64)]);
                    }
                });
            }
        });
        let mut journal = Journal::open(&path, quick()).unwrap();
        let trials = &journal.studies().unwrap()[0].trials;
        assert_eq!(trials.len(), 100);
        assert!(trials.iter().all(|trial| trial.value() == Some(trial.id as f64)));
    }
}

#[test]
fn times_of_older_journals_are_local() {
    let line = |time: &str| {
        format!("{{\"op_code\":4,\"worker_id\":\"w\",\"study_id\":0,\"datetime_start\":\"{time}\"}}")
    };
    let read = |time: &str| match Reader::default().read(&line(time)).unwrap() {
        Operation::CreateTrial { trial, .. } => trial.start.unwrap(),
        other => panic!("{other:?}"),
    };
    assert_eq!(read("2026-01-31T12:30:00.123456+02:00").to_rfc3339(), "2026-01-31T10:30:00.123456+00:00");
    let local = read("2026-01-31T12:30:00.123456").with_timezone(&chrono::Local).naive_local();
    assert_eq!(local.to_string(), "2026-01-31 12:30:00.123456");
}

fn numbers() -> impl Strategy<Value = f64> {
    prop_oneof![any::<f64>(), Just(f64::NAN), Just(f64::INFINITY), -1e3..1e3]
}

fn operations() -> impl Strategy<Value = Operation> {
    let attrs = || {
        prop::collection::btree_map(
            ".{0,5}",
            prop_oneof![Just(json!(null)), any::<i64>().prop_map(|n| json!({"n": [n]}))],
            0..3,
        )
    };
    let states = || {
        prop::sample::select(vec![
            TrialState::Running,
            TrialState::Complete,
            TrialState::Pruned,
            TrialState::Fail,
            TrialState::Waiting,
        ])
    };
    let times = || {
        prop::option::of(
            (0..4_000_000_000_000_000_i64)
                .prop_map(|micros| chrono::DateTime::from_timestamp_micros(micros).unwrap()),
        )
    };
    let values = || prop::option::of(prop::collection::vec(numbers(), 1..3));
    let ids = || 0..3_u64;
    let template = (
        states(),
        values(),
        attrs(),
        prop::collection::btree_map(0..50_i64, numbers(), 0..3),
        times(),
        prop::option::of(0.0..1.0_f64),
    );
    let template = template.prop_map(|(state, values, attrs, intermediate_values, start, x)| {
        let mut template = Template {
            values,
            user_attrs: attrs,
            intermediate_values,
            complete: start,
            ..Template::empty(state, start)
        };
        if let Some(x) = x {
            template.params.insert("x".into(), Value::Float(x));
            template.distributions.insert("x".into(), float());
        }
        template
    });
    prop_oneof![
        (".{0,5}", any::<bool>()).prop_map(|(name, up)| Operation::CreateStudy {
            name,
            directions: vec![if up { Direction::Maximize } else { Direction::Minimize }],
        }),
        ids().prop_map(|study| Operation::DeleteStudy { study }),
        (ids(), attrs()).prop_map(|(study, attrs)| Operation::StudyUserAttr { study, attrs }),
        (ids(), attrs()).prop_map(|(study, attrs)| Operation::StudySystemAttr { study, attrs }),
        (ids(), template).prop_map(|(study, trial)| Operation::CreateTrial { study, trial: Box::new(trial) }),
        (ids(), ".{0,5}", 0.0..1.0_f64).prop_map(|(trial, name, internal)| Operation::TrialParam {
            trial,
            name,
            internal,
            distribution: float()
        }),
        (ids(), states(), values(), times()).prop_map(|(trial, state, values, time)| Operation::TrialState {
            trial,
            state,
            values,
            time
        }),
        (ids(), any::<i64>(), numbers()).prop_map(|(trial, step, value)| Operation::TrialIntermediate {
            trial,
            step,
            value
        }),
        (ids(), attrs()).prop_map(|(trial, attrs)| Operation::TrialUserAttr { trial, attrs }),
        (ids(), attrs()).prop_map(|(trial, attrs)| Operation::TrialSystemAttr { trial, attrs }),
        Just(Operation::Discard),
    ]
}

proptest! {
    #[test]
    fn any_operation_reads_back(operation in operations()) {
        let line = operation.line("worker");
        let back = Reader::default().read(&line).unwrap();
        // As text, for NaN is not NaN.
        prop_assert_eq!(format!("{:?}", back), format!("{:?}", operation), "{}", line);
    }

    #[test]
    fn any_line_is_read_or_refused(operation in operations(), cut in 0..400_usize, put in ".{0,3}", place in 0..400_usize) {
        let mut line = operation.line("worker");
        let near = |line: &str, at: usize| (0..=at.min(line.len())).rev().find(|at| line.is_char_boundary(*at)).unwrap();
        line.insert_str(near(&line, place), &put);
        line.truncate(near(&line, cut));
        let _ = Reader::default().read(&line);
    }

    #[test]
    fn any_order_of_operations_is_borne(operations in prop::collection::vec(operations(), 0..40)) {
        let mut replay = Replay::default();
        let _ = replay.apply(study("first"));
        let _ = replay.apply(trial(0));
        for operation in operations {
            let _ = replay.apply(operation);
        }
        for (_, study) in replay.studies() {
            for (number, trial) in study.trials.iter().enumerate() {
                prop_assert_eq!(trial.number, number as u64);
                prop_assert!(Arc::ptr_eq(replay.trial(trial.id).unwrap(), trial));
            }
        }
    }
}
