//! Training that diverges is noticed at its batch and named by its layer; what was good is kept, or gone back to.

mod common;

use common::{NETWORK, write_data};
use ocelli_model::Classifier;
use ocelli_train::{BackedOff, Cause, Event, Observer, RecipeBuilder, Run, RunOptions, TrainError, resume};
use std::fs;
use std::path::Path;

fn run(folder: &Path, settings: &str) -> Run {
    run_of(folder, NETWORK, settings)
}

fn run_of(folder: &Path, network: &str, settings: &str) -> Run {
    write_data(&folder.join("data"));
    fs::write(folder.join("tiny.toml"), network).unwrap();
    let path = |name: &str| folder.join(name).display().to_string();
    let text = format!(
        "seed = 3\n[data]\npath = '{}'\n[model]\nnetwork = '{}'\n[train]\nepochs = 6\nbatch_size = 16\n\
         {settings}",
        path("data"),
        path("tiny.toml"),
    );
    let recipe = RecipeBuilder::new().text(&text, "test").unwrap().build().unwrap();
    Run::prepare(recipe, RunOptions { threads: 1 }).unwrap()
}

fn lines(folder: &Path) -> Vec<serde_json::Value> {
    let text = fs::read_to_string(folder.join("metrics.jsonl")).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Learning rates that are far too large from the fourth epoch on.
const LATE: &str = "optimizer = 'sgd'\nlr = 0.1\nschedule = { name = 'step', step_size = 3, gamma = 1e37 }";

#[test]
fn the_last_good_checkpoint_stays() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let error = run(folder.path(), LATE).train(&out, &mut |_: &Event<'_>| {}).unwrap_err();
    let said = error.to_string();
    let TrainError::Diverged(divergence) = error else { panic!("{said}") };
    assert_eq!(divergence.epoch, 4, "{said}");
    assert!(matches!(divergence.cause, Cause::Step(_) | Cause::Gradient(_) | Cause::Layer(..)), "{said}");
    assert!(said.contains("training diverged; ") && said.ends_with("; lower train.lr"), "{said}");
    let last = Classifier::load(out.join("last.safetensors")).unwrap();
    assert_eq!(last.metrics()["epoch"], 3.0);
    assert_eq!(lines(&out).len(), 3);
}

/// Notes what went back, and stops after a number of batches.
#[derive(Default)]
struct Watcher {
    back: Vec<BackedOff>,
    batches: usize,
    stop_after: Option<usize>,
}

impl Observer for Watcher {
    fn event(&mut self, event: &Event<'_>) {
        match event {
            Event::BackedOff(back) => self.back.push((*back).clone()),
            Event::Batch(_) => self.batches += 1,
            _ => {}
        }
    }

    fn wants_stop(&mut self) -> bool {
        self.stop_after.is_some_and(|after| self.batches >= after)
    }
}

#[test]
fn backing_off_is_bounded_and_recorded() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let mut watcher = Watcher::default();
    let settings = format!("{LATE}\non_divergence = 'back-off'\ncheckpoint_steps = 3\nkeep_checkpoints = 1");
    let error = run(folder.path(), &settings).train(&out, &mut watcher).unwrap_err();
    assert!(matches!(error, TrainError::Diverged(_)), "{error}");
    let numbers: Vec<u64> = watcher.back.iter().map(|back| back.back_off).collect();
    assert_eq!(numbers, [1, 2, 3, 4, 5]);
    assert_eq!(watcher.back[4].lr_scale, 1.0 / 32.0);
    assert!(watcher.back.iter().all(|back| back.back_to_step <= 12 && back.epoch == 4), "{:?}", watcher.back);
    let lines = lines(&out);
    assert_eq!(lines.iter().filter(|line| line["back_off"].is_u64()).count(), 5);
    assert!(lines[3]["reason"].as_str().unwrap().contains("training diverged"), "{}", lines[3]);
}

/// Without a normalisation, whose output has one scale whatever its weights.
const LINEAR: &str = r#"
name = "linear"
[[layers]]
type = "Flatten"
[[layers]]
type = "Linear"
out_features = "classes"
"#;

/// The weights grow 49-fold with every step, beyond all numbers in the last epoch; with a quarter or an eighth of the learning
/// rate there, they stay within.
const GROWING: &str = "optimizer = { name = 'sgd', weight_decay = 100.0 }\nlr = 0.5\nschedule = 'constant'\non_divergence = 'back-off'";

#[test]
fn a_run_that_went_back_ends_the_same_wherever_it_was_stopped() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let mut watcher = Watcher::default();
    let run = run_of(folder.path(), LINEAR, GROWING);
    run.train(&out, &mut watcher).unwrap();
    assert!((2..=4).contains(&watcher.back.len()), "{:?}", watcher.back);
    assert!(watcher.back.iter().all(|back| back.epoch == 6 && back.back_to_step == 20), "{:?}", watcher.back);
    let stopped = folder.path().join("stopped");
    let mut seen = Vec::new();
    let mut first = true;
    loop {
        let mut next = Watcher { stop_after: Some(2), ..Watcher::default() };
        let result = match std::mem::take(&mut first) {
            true => run.train(&stopped, &mut next),
            false => resume(&stopped, RunOptions { threads: 2 }, &mut next),
        };
        seen.append(&mut next.back);
        match result {
            Ok(_) => break,
            Err(error) => assert!(matches!(error, TrainError::Stopped { .. }), "{error}"),
        }
    }
    assert_eq!(seen, watcher.back);
    let model = |folder: &Path| fs::read(folder.join("model.safetensors")).unwrap();
    assert!(model(&out) == model(&stopped), "the same bits");
}

#[test]
fn patience_ends_a_run_early() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let mut early = None;
    let mut observer = |event: &Event<'_>| {
        if let Event::OutOfPatience(last) = event {
            early = Some(last.epoch);
        }
    };
    // No accuracy gains ten.
    let run = run(
        folder.path(),
        "optimizer = 'sgd'\nlr = 0.1\npatience = 2\nmin_delta = 10.0\nmonitor = 'val_accuracy'",
    );
    run.train(&out, &mut observer).unwrap();
    assert_eq!(early, Some(3));
    assert_eq!(lines(&out).len(), 4, "three epochs and the test");
    let error = resume(&out, RunOptions { threads: 1 }, &mut |_: &Event<'_>| {}).unwrap_err();
    assert!(matches!(error, TrainError::Finished { epochs: 3, .. }), "{error}");
}
