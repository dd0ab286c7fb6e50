//! The files of a run: the best model, the last one with what a resume needs, the recipe and the metrics.

use crate::error::TrainError;
use crate::events::{EpochDone, Evaluation};
use crate::recipe::Recipe;
use crate::trainer::TrainerState;
use ocelli_model::{Attachment, Classifier, files};
use serde::{Deserialize, Serialize};
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

/// The files of a run.
const MODEL: &str = "model.safetensors";
const LAST: &str = "last.safetensors";
const RECIPE: &str = "recipe.toml";
const METRICS: &str = "metrics.jsonl";
/// Written and removed again to see whether the folder takes files.
const PROBE: &str = ".ocelli-probe";

/// What `last.safetensors` notes beside the weights and the optimizer's tensors.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Progress {
    /// Epochs done.
    pub(crate) epoch: u64,
    /// Steps done.
    pub(crate) step: u64,
    /// Images that the run trains on: a resume on other data is refused.
    pub(crate) train_images: u64,
    /// The best epoch so far.
    pub(crate) best: Option<EpochDone>,
    /// The resolved recipe.
    pub(crate) recipe: Recipe,
}

/// The folder of a run.
#[derive(Clone, Debug)]
pub(crate) struct Folder {
    path: PathBuf,
}

impl Folder {
    /// Makes the folder for a new run, or takes one that is there, can be written to and holds none of a run's files.
    pub(crate) fn create(path: &Path) -> Result<Self, TrainError> {
        for file in [MODEL, LAST, RECIPE, METRICS] {
            if path.join(file).exists() {
                return Err(TrainError::FolderTaken { path: path.to_path_buf(), file });
            }
        }
        fs::create_dir_all(path).map_err(io(path, "made a folder"))?;
        // Only writing tells whether files can be written, and it should not take an epoch to find out.
        let probe = path.join(PROBE);
        fs::write(&probe, b"").map_err(io(path, "written to"))?;
        fs::remove_file(&probe).map_err(io(&probe, "removed"))?;
        Ok(Folder { path: path.to_path_buf() })
    }

    /// The folder of a run that was begun before.
    pub(crate) fn of(path: &Path) -> Self {
        Folder { path: path.to_path_buf() }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The best epoch's classifier.
    pub(crate) fn model(&self) -> PathBuf {
        self.path.join(MODEL)
    }

    /// The last epoch's classifier, with what a resume needs.
    pub(crate) fn last(&self) -> PathBuf {
        self.path.join(LAST)
    }

    fn metrics(&self) -> PathBuf {
        self.path.join(METRICS)
    }

    pub(crate) fn save_recipe(&self, recipe: &Recipe) -> Result<(), TrainError> {
        let path = self.path.join(RECIPE);
        files::replace(&path, recipe.to_toml().as_bytes()).map_err(io(&path, "written"))
    }

    /// Saves the last epoch with all that the run needs to go on.
    pub(crate) fn save_last(
        &self,
        classifier: &Classifier,
        state: &TrainerState,
        progress: &Progress,
    ) -> Result<(), TrainError> {
        let note = serde_json::to_value(progress).map_err(|error| self.broken(&error))?;
        let attachment = Attachment { note, tensors: state.optimizer.clone() };
        Ok(classifier.save_with(self.last(), &attachment)?)
    }

    /// Loads what [`Folder::save_last`] saved.
    pub(crate) fn load_last(&self) -> Result<(Classifier, TrainerState, Progress), TrainError> {
        let (classifier, attachment) = Classifier::load_with(self.last())?;
        let attachment =
            attachment.ok_or_else(|| self.broken(&"it holds a model, but no run to go on with"))?;
        let progress: Progress =
            serde_json::from_value(attachment.note).map_err(|error| self.broken(&error))?;
        let state = TrainerState {
            epoch: progress.epoch,
            step: progress.step,
            weights: classifier.weights().clone(),
            optimizer: attachment.tensors,
        };
        Ok((classifier, state, progress))
    }

    fn broken(&self, reason: &dyn std::fmt::Display) -> TrainError {
        TrainError::Resume { path: self.last(), reason: format!("cannot be gone on from: {reason}") }
    }

    /// Begins `metrics.jsonl`, or keeps its lines up to and with `epochs`.
    pub(crate) fn begin_metrics(&self, epochs: u64) -> Result<(), TrainError> {
        let path = self.metrics();
        let old =
            if epochs == 0 { String::new() } else { fs::read_to_string(&path).map_err(io(&path, "read"))? };
        let keep =
            |line: &&str| serde_json::from_str::<EpochDone>(line).is_ok_and(|done| done.epoch <= epochs);
        let lines: String = old.lines().filter(keep).map(|line| format!("{line}\n")).collect();
        files::replace(&path, lines.as_bytes()).map_err(io(&path, "written"))
    }

    /// Adds an epoch's line to `metrics.jsonl`.
    pub(crate) fn add_epoch(&self, done: &EpochDone) -> Result<(), TrainError> {
        self.add_line(done)
    }

    /// Adds the line of the test to `metrics.jsonl`.
    pub(crate) fn add_test(&self, epoch: u64, test: &Evaluation) -> Result<(), TrainError> {
        self.add_line(&TestLine {
            epoch,
            test_images: test.images,
            test_loss: test.loss,
            test_accuracy: test.accuracy,
        })
    }

    fn add_line(&self, line: &impl Serialize) -> Result<(), TrainError> {
        let path = self.metrics();
        let mut text = serde_json::to_string(line).map_err(|error| self.broken(&error))?;
        text.push('\n');
        let mut file =
            OpenOptions::new().create(true).append(true).open(&path).map_err(io(&path, "written"))?;
        file.write_all(text.as_bytes()).map_err(io(&path, "written"))
    }
}

/// The last line of `metrics.jsonl`, where there are test images.
#[derive(Serialize)]
struct TestLine {
    epoch: u64,
    test_images: u64,
    test_loss: f64,
    test_accuracy: f64,
}

fn io(path: &Path, doing: &'static str) -> impl FnOnce(std::io::Error) -> TrainError {
    let path = path.to_path_buf();
    move |source| TrainError::Io { path, doing, source }
}
