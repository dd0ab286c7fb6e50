//! The folder of a run: which file is where, and which checkpoints stay.

use super::lock::Lock;
use super::progress::{Checkpoint, Progress};
use crate::error::TrainError;
use crate::events::{EpochDone, Evaluation};
use crate::recipe::Recipe;
use ocelli_model::{Classifier, ModelError, files};
use ocelli_nn::Weights;
use serde::Serialize;
use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

/// The files of a run.
const MODEL: &str = "model.safetensors";
const LAST: &str = "last.safetensors";
const RECIPE: &str = "recipe.toml";
const METRICS: &str = "metrics.jsonl";
/// The folder of the checkpoints before the last one.
const CHECKPOINTS: &str = "checkpoints";
/// A checkpoint that is whole, but not yet in its place.
const NEXT: &str = ".next.safetensors";
/// Written and removed again to see whether the folder takes files.
const PROBE: &str = ".ocelli-probe";

/// The folder of a run. While it is there, no other process can train in it.
#[derive(Debug)]
pub(crate) struct Folder {
    path: PathBuf,
    _lock: Lock,
}

impl Folder {
    /// Makes the folder for a new run, or takes one that is there, can be written to and holds none of a run's files.
    pub(crate) fn claim(path: &Path) -> Result<(), TrainError> {
        check_free(path)?;
        fs::create_dir_all(path).map_err(io(path, "made a folder"))?;
        // Only writing tells whether files can be written, and it should not take an epoch to find out.
        let probe = path.join(PROBE);
        fs::write(&probe, b"").map_err(io(path, "written to"))?;
        fs::remove_file(&probe).map_err(io(&probe, "removed"))
    }

    /// The folder for a new run.
    pub(crate) fn create(path: &Path) -> Result<Self, TrainError> {
        Self::claim(path)?;
        let folder = Self::open(path)?;
        // Another process may have been quicker.
        check_free(path)?;
        Ok(folder)
    }

    /// The folder of a run that was begun before; what a killed process left half written there is removed.
    pub(crate) fn open(path: &Path) -> Result<Self, TrainError> {
        let folder = Folder { path: path.to_path_buf(), _lock: Lock::take(path)? };
        for name in [MODEL, LAST, RECIPE, METRICS, NEXT] {
            files::remove_temporary(path, name).map_err(io(path, "cleared of unfinished files"))?;
        }
        Ok(folder)
    }

    /// The run's folder, of a checkpoint in it.
    pub(crate) fn of_checkpoint(file: &Path) -> Option<&Path> {
        let folder = file.parent()?;
        let run = match file.file_name()?.to_str()? {
            LAST => folder,
            name if folder.ends_with(CHECKPOINTS) && step_of(name).is_some() => folder.parent()?,
            _ => return None,
        };
        Some(if run.as_os_str().is_empty() { Path::new(".") } else { run })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The best epoch's classifier.
    pub(crate) fn model(&self) -> PathBuf {
        self.path.join(MODEL)
    }

    /// The newest checkpoint.
    fn last(&self) -> PathBuf {
        self.path.join(LAST)
    }

    pub(crate) fn recipe(&self) -> PathBuf {
        self.path.join(RECIPE)
    }

    fn checkpoints(&self) -> PathBuf {
        self.path.join(CHECKPOINTS)
    }

    pub(crate) fn save_recipe(&self, recipe: &Recipe) -> Result<(), TrainError> {
        files::replace(&self.recipe(), recipe.to_toml().as_bytes()).map_err(io(&self.recipe(), "written"))
    }

    /// Takes the recipe back: a run that ends before its first checkpoint leaves its folder free.
    pub(crate) fn give_up(&self) {
        // The failure that ended the run is the one to tell.
        let _ = fs::remove_file(self.recipe());
    }

    /// The newest checkpoint that is whole: the last one, or, where a process was killed just as a new one took its place, that one
    /// or the one before it.
    pub(crate) fn newest(folder: &Path) -> Result<Option<PathBuf>, TrainError> {
        let found = [folder.join(LAST), folder.join(NEXT)].into_iter().find(|path| path.is_file());
        Ok(match found {
            Some(found) => Some(found),
            None => older(folder)?.first().map(|step| folder.join(CHECKPOINTS).join(name(*step))),
        })
    }

    /// Saves a checkpoint as the last one. `before` is the step of the one that was; of all, the newest `keep` stay.
    pub(crate) fn save(
        &self,
        classifier: &Classifier,
        optimizer: &Weights,
        progress: &Progress,
        before: Option<u64>,
        keep: usize,
    ) -> Result<(), TrainError> {
        let next = self.path.join(NEXT);
        let attachment = Checkpoint::attachment(progress, optimizer)
            .map_err(|error| io(&self.last(), "written")(error.into()))?;
        classifier.save_with(&next, &attachment).map_err(|error| match error {
            // Nobody needs to know where it lies before it is in its place.
            ModelError::Io { source, .. } => io(&self.last(), "written")(source),
            other => TrainError::Model(other),
        })?;
        if let Some(step) = before.filter(|step| *step != progress.position.step && keep > 1) {
            let older = self.checkpoints();
            fs::create_dir_all(&older).map_err(io(&older, "made a folder"))?;
            let to = older.join(name(step));
            files::rename(&self.last(), &to).map_err(io(&to, "written"))?;
        }
        files::rename(&next, &self.last()).map_err(io(&self.last(), "written"))?;
        for step in older(&self.path)?.into_iter().skip(keep - 1) {
            self.remove_older(step)?;
        }
        Ok(())
    }

    fn remove_older(&self, step: u64) -> Result<(), TrainError> {
        let path = self.checkpoints().join(name(step));
        fs::remove_file(&path).map_err(io(&path, "removed"))
    }

    /// Makes a checkpoint of the folder the last one: those that came after it go.
    pub(crate) fn go_back_to(&self, path: &Path, step: u64) -> Result<(), TrainError> {
        for later in older(&self.path)?.into_iter().filter(|other| *other > step) {
            self.remove_older(later)?;
        }
        if path != self.last() {
            files::rename(path, &self.last()).map_err(io(&self.last(), "written"))?;
        }
        match fs::remove_file(self.path.join(NEXT)) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                Err(io(&self.path.join(NEXT), "removed")(error))
            }
            _ => Ok(()),
        }
    }

    /// Makes `metrics.jsonl` have these epochs and nothing else.
    pub(crate) fn set_metrics(&self, epochs: &[EpochDone]) -> Result<(), TrainError> {
        let lines: Result<String, TrainError> = epochs.iter().map(|done| self.line(done)).collect();
        let path = self.path.join(METRICS);
        if epochs.is_empty() && !path.exists() {
            return Ok(());
        }
        files::replace(&path, lines?.as_bytes()).map_err(io(&path, "written"))
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
        let path = self.path.join(METRICS);
        let line = self.line(line)?;
        let mut file =
            OpenOptions::new().create(true).append(true).open(&path).map_err(io(&path, "written"))?;
        file.write_all(line.as_bytes()).map_err(io(&path, "written"))
    }

    fn line(&self, line: &impl Serialize) -> Result<String, TrainError> {
        let path = self.path.join(METRICS);
        let text = serde_json::to_string(line).map_err(|error| io(&path, "written")(error.into()))?;
        Ok(text + "\n")
    }
}

/// # Errors
/// A folder holds a file that a run would overwrite.
fn check_free(path: &Path) -> Result<(), TrainError> {
    match [MODEL, LAST, RECIPE, METRICS, CHECKPOINTS].into_iter().find(|file| path.join(file).exists()) {
        None => Ok(()),
        Some(file) => Err(TrainError::FolderTaken { path: path.to_path_buf(), file }),
    }
}

/// The steps of the checkpoints before the last one, the newest first.
fn older(folder: &Path) -> Result<Vec<u64>, TrainError> {
    let path = folder.join(CHECKPOINTS);
    let entries = match fs::read_dir(&path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        other => other.map_err(io(&path, "read"))?,
    };
    let mut steps = Vec::new();
    for entry in entries {
        let entry = entry.map_err(io(&path, "read"))?;
        steps.extend(entry.file_name().to_str().and_then(step_of));
    }
    steps.sort_by_key(|step| std::cmp::Reverse(*step));
    Ok(steps)
}

/// The name of a step's checkpoint in `checkpoints/`.
fn name(step: u64) -> String {
    format!("step-{step:08}.safetensors")
}

fn step_of(name: &str) -> Option<u64> {
    name.strip_prefix("step-")?.strip_suffix(".safetensors")?.parse().ok()
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
