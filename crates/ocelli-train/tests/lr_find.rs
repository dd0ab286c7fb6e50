//! The learning-rate finder leaves everything as it was.

mod common;

use common::{NETWORK, write_data};
use ocelli_train::{
    Ending, Event, LrFindOptions, Observer, Recipe, RecipeBuilder, Run, RunOptions, Suggestion,
};
use std::fs;
use std::path::Path;

fn recipe(folder: &Path, settings: &str) -> Recipe {
    write_data(&folder.join("data"));
    fs::write(folder.join("tiny.toml"), NETWORK).unwrap();
    let path = |name: &str| folder.join(name).display().to_string();
    let text = format!(
        "seed = 3\n[data]\npath = '{}'\n[model]\nnetwork = '{}'\n[train]\nepochs = 2\nbatch_size = 16\n{settings}",
        path("data"),
        path("tiny.toml"),
    );
    RecipeBuilder::new().text(&text, "test").unwrap().build().unwrap()
}

fn run(folder: &Path, settings: &str, threads: usize) -> Run {
    Run::prepare(recipe(folder, settings), RunOptions { threads }).unwrap()
}

/// Counts steps; asks for an end after some.
struct Steps {
    done: usize,
    most: usize,
}

impl Observer for Steps {
    fn event(&mut self, event: &Event<'_>) {
        self.done += usize::from(matches!(event, Event::Batch(_)));
    }

    fn wants_stop(&mut self) -> bool {
        self.done >= self.most
    }
}

#[test]
fn a_run_is_the_same_after_a_sweep() {
    let folder = tempfile::tempdir().unwrap();
    let run = run(folder.path(), "optimizer = { name = 'sgd', momentum = 0.9 }\nwarmup = { length = 1 }", 2);
    let train = |out: &str| {
        let out = folder.path().join(out);
        run.train(&out, &mut |_: &Event<'_>| {}).unwrap();
        fs::read(out.join("model.safetensors")).unwrap()
    };
    let before = train("before");
    let files = || fs::read_dir(folder.path()).unwrap().count();
    let there = files();
    let mut steps = Steps { done: 0, most: usize::MAX };
    // More steps than an epoch's four.
    let options = LrFindOptions { start: 1e-4, end: 1.0, steps: 30, ..LrFindOptions::default() };
    let curve = run.find_lr(&options, &mut steps).unwrap();
    assert_eq!((steps.done, files()), (curve.lrs.len(), there), "nothing is written");
    assert!((curve.lrs[0] - 1e-4).abs() < 1e-12 && curve.lrs.len() == 30, "{curve:?}");
    for suggestion in Suggestion::ALL {
        let rate = curve.suggest(suggestion).unwrap();
        assert!((1e-5..1.0).contains(&rate), "{} is {rate}", suggestion.name());
    }
    assert!(train("after") == before, "weights");
    let again = run.find_lr(&options, &mut Steps { done: 0, most: usize::MAX }).unwrap();
    assert_eq!(again, curve);
}

#[test]
fn a_step_of_several_batches_is_one_point() {
    let folder = tempfile::tempdir().unwrap();
    // Of an epoch's four batches the last step has one.
    let run = run(folder.path(), "accumulate = 3", 1);
    let mut steps = Steps { done: 0, most: usize::MAX };
    let options = LrFindOptions { steps: 10, end: 0.1, ..LrFindOptions::default() };
    let curve = run.find_lr(&options, &mut steps).unwrap();
    assert_eq!((curve.lrs.len(), steps.done), (10, 20));
    assert!(curve.lrs.is_sorted_by(|a, b| a < b), "{:?}", curve.lrs);
}

#[test]
fn threads_change_no_bit() {
    let folder = tempfile::tempdir().unwrap();
    let found = [1, 3].map(|threads| {
        let options = LrFindOptions { steps: 20, ..LrFindOptions::default() };
        run(folder.path(), "", threads).find_lr(&options, &mut |_: &Event<'_>| {}).unwrap()
    });
    assert_eq!(found[0], found[1]);
}

#[test]
fn a_sweep_ends_where_the_loss_rises_is_no_number_or_it_is_asked_to() {
    let folder = tempfile::tempdir().unwrap();
    let run = run(folder.path(), "optimizer = 'sgd'", 1);
    let mut quiet = |_: &Event<'_>| {};
    let rose = LrFindOptions { start: 1e-2, end: 1e6, beta: 0.5, ..LrFindOptions::default() };
    let curve = run.find_lr(&rose, &mut quiet).unwrap();
    assert!(
        curve.ending == Ending::Rose && curve.lrs.len() < 100,
        "{:?} after {}",
        curve.ending,
        curve.lrs.len()
    );
    let never = LrFindOptions { stop: f64::INFINITY, end: 1e80, ..rose };
    let curve = run.find_lr(&never, &mut quiet).unwrap();
    assert_eq!(curve.ending, Ending::NoNumber);
    assert!(
        curve.losses.iter().chain(&curve.smoothed).all(|loss| loss.is_finite()) && !curve.losses.is_empty()
    );
    let curve = run.find_lr(&LrFindOptions::default(), &mut Steps { done: 0, most: 7 }).unwrap();
    assert_eq!((curve.ending, curve.lrs.len()), (Ending::Asked, 7));
    assert_eq!(curve.suggest(Suggestion::Valley), None);
}

#[test]
fn settings_out_of_their_range_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let run = run(folder.path(), "", 1);
    let usual = LrFindOptions::default();
    for (options, said) in [
        (LrFindOptions { start: 0.0, ..usual }, "the sweep's start is 0"),
        (
            LrFindOptions { end: 1e-8, ..usual },
            "the sweep's end is 0.00000001, but must be more than the start",
        ),
        (LrFindOptions { steps: 9, ..usual }, "the sweep's steps are 9"),
        (LrFindOptions { beta: 1.0, ..usual }, "the sweep's beta is 1"),
        (LrFindOptions { stop: 1.0, ..usual }, "the sweep's stop is 1"),
        (LrFindOptions { stop: f64::NAN, ..usual }, "the sweep's stop is NaN"),
    ] {
        let error = run.find_lr(&options, &mut |_: &Event<'_>| {}).unwrap_err();
        assert!(error.is_request() && error.to_string().starts_with(said), "{error}");
    }
}
