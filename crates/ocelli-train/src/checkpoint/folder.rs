//! The folder of a run: which file is where, and which checkpoints stay.

use super::lock::Lock;
use super::progress::{Checkpoint, Line, Progress, TestDone};
use crate::error::TrainError;
use crate::events::Evaluation;
use crate::recipe::Recipe;
use crate::trainer::TrainerState;
use ocelli_model::{Classifier, ModelError, files};
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
            name if folder.ends_with(CHECKPOINTS) && Name::parse(name).is_some() => folder.parent()?,
            _ => return None,
        };
        Some(if run.as_os_str().is_empty() { Path::new(".") } else { run })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The best epoch's classifier.
    pub(crate) fn model(&self) -> PathBuf {
        Self::model_in(&self.path)
    }

    pub(crate) fn model_in(folder: &Path) -> PathBuf {
        folder.join(MODEL)
    }

    /// The newest checkpoint.
    pub(crate) fn last(&self) -> PathBuf {
        self.path.join(LAST)
    }

    pub(crate) fn recipe(&self) -> PathBuf {
        Self::recipe_in(&self.path)
    }

    pub(crate) fn recipe_in(folder: &Path) -> PathBuf {
        folder.join(RECIPE)
    }

    pub(crate) fn metrics_in(folder: &Path) -> PathBuf {
        folder.join(METRICS)
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
            None => older(folder)?.first().map(|name| folder.join(CHECKPOINTS).join(name.file())),
        })
    }

    /// Saves a checkpoint as the last one: a classifier with the weights, and the rest of the state. `before` is the name of the one that
    /// was.
    pub(crate) fn save(
        &self,
        classifier: &Classifier,
        state: TrainerState,
        progress: &Progress,
        before: Option<Name>,
        keep: Keep,
    ) -> Result<(), TrainError> {
        let next = self.path.join(NEXT);
        let attachment = Checkpoint::attachment(progress, state)
            .map_err(|error| io(&self.last(), "written")(error.into()))?;
        classifier.save_with(&next, &attachment).map_err(|error| match error {
            // Nobody needs to know where it lies before it is in its place.
            ModelError::Io { source, .. } => io(&self.last(), "written")(source),
            other => TrainError::Model(other),
        })?;
        let stays = |name: &Name| keep.newest > 1 || keep.regular && name.regular;
        if let Some(name) = before.filter(|name| name.step != progress.position.step && stays(name)) {
            let older = self.checkpoints();
            fs::create_dir_all(&older).map_err(io(&older, "made a folder"))?;
            let to = older.join(name.file());
            files::rename(&self.last(), &to).map_err(io(&to, "written"))?;
        }
        files::rename(&next, &self.last()).map_err(io(&self.last(), "written"))?;
        self.prune(keep)
    }

    /// Removes the checkpoints that are not to be kept.
    fn prune(&self, keep: Keep) -> Result<(), TrainError> {
        let older = older(&self.path)?;
        let regular = older.iter().position(|name| name.regular).filter(|_| keep.regular);
        let gone = |place: &usize| place + 1 >= keep.newest && Some(*place) != regular;
        (0..older.len()).filter(gone).try_for_each(|place| self.remove_older(older[place]))
    }

    fn remove_older(&self, name: Name) -> Result<(), TrainError> {
        let path = self.checkpoints().join(name.file());
        fs::remove_file(&path).map_err(io(&path, "removed"))
    }

    /// The newest regular checkpoint before the last one.
    pub(crate) fn newest_regular(&self) -> Result<Option<PathBuf>, TrainError> {
        let regular = older(&self.path)?.into_iter().find(|name| name.regular);
        Ok(regular.map(|name| self.checkpoints().join(name.file())))
    }

    /// Makes a checkpoint of the folder the last one: those that came after it go.
    pub(crate) fn go_back_to(&self, path: &Path, step: u64) -> Result<(), TrainError> {
        for later in older(&self.path)?.into_iter().filter(|other| other.step > step) {
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

    /// Makes `metrics.jsonl` have these lines and nothing else.
    pub(crate) fn set_metrics(&self, lines: &[Line]) -> Result<(), TrainError> {
        let path = Self::metrics_in(&self.path);
        if lines.is_empty() && !path.exists() {
            return Ok(());
        }
        let text: Result<String, TrainError> = lines.iter().map(|line| self.text(line)).collect();
        files::replace(&path, text?.as_bytes()).map_err(io(&path, "written"))
    }

    /// Adds the line of the test to `metrics.jsonl`.
    pub(crate) fn add_test(&self, epoch: u64, test: &Evaluation) -> Result<(), TrainError> {
        self.add(&Line::Test(TestDone {
            epoch,
            test_images: test.images,
            test_loss: test.loss,
            test_accuracy: test.accuracy,
        }))
    }

    /// Adds a line to `metrics.jsonl`.
    pub(crate) fn add(&self, line: &impl Serialize) -> Result<(), TrainError> {
        let path = Self::metrics_in(&self.path);
        let line = self.text(line)?;
        let mut file =
            OpenOptions::new().create(true).append(true).open(&path).map_err(io(&path, "written"))?;
        file.write_all(line.as_bytes()).map_err(io(&path, "written"))
    }

    fn text(&self, line: &impl Serialize) -> Result<String, TrainError> {
        let path = Self::metrics_in(&self.path);
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

/// The checkpoints before the last one, the newest first.
fn older(folder: &Path) -> Result<Vec<Name>, TrainError> {
    let path = folder.join(CHECKPOINTS);
    let entries = match fs::read_dir(&path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        other => other.map_err(io(&path, "read"))?,
    };
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry.map_err(io(&path, "read"))?;
        names.extend(entry.file_name().to_str().and_then(Name::parse));
    }
    names.sort_by_key(|name| std::cmp::Reverse((name.step, name.regular)));
    Ok(names)
}

/// Which checkpoints stay.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Keep {
    /// So many of the newest, at least 1.
    pub(crate) newest: usize,
    /// Whether the newest regular one stays in any case.
    pub(crate) regular: bool,
}

/// What the name of a checkpoint that is not regular ends with.
const BETWEEN: &str = "-between";

/// The name of a checkpoint in `checkpoints/`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Name {
    pub(crate) step: u64,
    /// Whether it is at the beginning or end of an epoch, or at a step that the recipe names: those that a run has however often it
    /// was stopped, and however fast it is.
    pub(crate) regular: bool,
}

impl Name {
    fn file(self) -> String {
        format!("step-{:08}{}.safetensors", self.step, if self.regular { "" } else { BETWEEN })
    }

    fn parse(file: &str) -> Option<Self> {
        let name = file.strip_prefix("step-")?.strip_suffix(".safetensors")?;
        let between = name.strip_suffix(BETWEEN);
        Some(Name { step: between.unwrap_or(name).parse().ok()?, regular: between.is_none() })
    }
}

fn io(path: &Path, doing: &'static str) -> impl FnOnce(std::io::Error) -> TrainError {
    let path = path.to_path_buf();
    move |source| TrainError::Io { path, doing, source }
}
