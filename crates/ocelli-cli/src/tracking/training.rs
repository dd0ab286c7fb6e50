//! A training run, as it is tracked.

use super::{Tracking, artifacts};
use crate::progress::Progress;
use ocelli::nn::Summary;
use ocelli::track::{Dataset, DatasetInput, RunStatus};
use ocelli::train::{BatchDone, EpochDone, Event, Observer, Outcome, Record, Run, TrainError};
use serde_json::json;
use std::path::Path;

/// Tracks a training run's events.
pub(crate) struct Watching<'a> {
    tracking: &'a mut Tracking,
    folder: &'a Path,
    /// Steps in an epoch.
    batches: u64,
}

impl<'a> Watching<'a> {
    /// Of the run in this folder.
    pub(crate) fn new(tracking: &'a mut Tracking, folder: &'a Path) -> Self {
        Self { tracking, folder, batches: 0 }
    }

    pub(crate) fn event(&mut self, event: &Event<'_>) {
        match event {
            Event::Started(started) => {
                self.batches = started.batches;
                // Not before: until now the folder could be refused.
                self.tracking.keep(self.folder);
                artifacts::recipe(self.tracking, self.folder);
            }
            Event::Batch(done) => self.tracking.step(done, self.batches),
            Event::Epoch(done) => self.tracking.epoch(done),
            _ => {}
        }
    }
}

/// Shows a run's events and tracks them.
pub(crate) struct Watched<'a> {
    pub(crate) progress: &'a mut Progress,
    pub(crate) watching: Watching<'a>,
}

impl Observer for Watched<'_> {
    fn event(&mut self, event: &Event<'_>) {
        self.progress.event(event);
        self.watching.event(event);
    }

    fn wants_stop(&mut self) -> bool {
        self.progress.wants_stop()
    }
}

impl Tracking {
    /// Says what is trained on what: every setting, the network's size, and the data.
    pub(crate) fn describe(&mut self, run: &Run) {
        if self.is_none() {
            return;
        }
        let total = Summary::new(run.network()).total;
        let network =
            [("network.parameters", total.parameters), ("network.multiply_adds", total.multiply_adds)];
        let network = network.map(|(key, value)| (key.to_owned(), value.to_string()));
        self.params(run.recipe().settings().into_iter().chain(network));
        self.data(run);
    }

    /// The data's parts as inputs.
    fn data(&mut self, run: &Run) {
        for (part, mark) in run.data_parts() {
            let context = match part {
                "train" => "training",
                "val" => "validation",
                other => other,
            };
            let input = input(&run.data().path, (mark.images, &mark.fingerprint), context);
            self.tell(|run| run.log_dataset(&input));
        }
    }

    /// One step's figures, apart from those of epochs.
    fn step(&mut self, done: &BatchDone, batches: u64) {
        let norm = done.grad_norm.map(|norm| ("step/grad_norm", norm));
        let values = [("step/loss", done.loss), ("step/lr", done.lr)];
        self.metrics((done.epoch - 1) * batches + done.batch, values.into_iter().chain(norm));
    }

    /// One epoch's figures, by the names that `metrics.jsonl` has; its number is the step.
    fn epoch(&mut self, done: &EpochDone) {
        let always = [
            ("lr", done.lr),
            ("train_loss", done.train_loss),
            ("train_accuracy", done.train_accuracy),
            ("images_per_second", done.images_per_second),
            ("waited_seconds", done.waited_seconds),
            ("seconds", done.seconds),
        ];
        let validated = [("val_loss", done.val_loss), ("val_accuracy", done.val_accuracy)];
        let validated = validated.into_iter().filter_map(|(key, value)| Some((key, value?)));
        self.metrics(done.epoch, always.into_iter().chain(validated));
    }

    /// Ends a training run: with what it came to and its files, or as stopped or failed.
    pub(crate) fn trained(mut self, run: &Run, outcome: &Result<Outcome, TrainError>) {
        match outcome {
            Ok(outcome) => {
                self.metrics(outcome.best.epoch, [("total_seconds", outcome.seconds)]);
                if let Some(test) = &outcome.test {
                    artifacts::confusion(&mut self, &test.confusion, run.classes());
                }
                self.complete(&outcome.folder, &outcome.best);
            }
            Err(TrainError::Stopped { .. }) => drop(self.end(RunStatus::Killed)),
            Err(_) => drop(self.end(RunStatus::Failed)),
        }
    }

    /// Ends a training run that has come to its end, with what its folder has: that of one that was killed just then, too.
    pub(crate) fn complete(mut self, folder: &Path, best: &EpochDone) {
        self.metrics(best.epoch, [("best_epoch", best.epoch as f64)]);
        if let Ok(record) = Record::open(folder) {
            let test = record
                .test
                .iter()
                .flat_map(|test| [("test_loss", test.test_loss), ("test_accuracy", test.test_accuracy)]);
            self.metrics(best.epoch, test);
            artifacts::of_folder(&mut self, folder, &record, best.step);
        }
        let kept = self.kept(true);
        // What is not there whole is completed by a later command.
        if let (Some(kept), true) = (kept, self.end(RunStatus::Finished)) {
            kept.leave(folder);
        }
    }
}

/// A part of the data as MLflow shows it: called after its folder or file.
pub(super) fn input(path: &Path, (images, digest): (usize, &str), context: &str) -> DatasetInput {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
    let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
    DatasetInput {
        dataset: Dataset {
            name,
            digest: digest.to_owned(),
            source_type: "local".to_owned(),
            source: json!({ "uri": path.to_string_lossy() }).to_string(),
            schema: None,
            profile: Some(json!({ "num_rows": images }).to_string()),
        },
        context: Some(context.to_owned()),
    }
}
