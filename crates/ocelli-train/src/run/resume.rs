//! Going on with a run that was stopped.

use super::patience;
use super::prepare::{Run, RunOptions};
use super::session::Session;
use super::shared::SharedData;
use crate::checkpoint::{Checkpoint, Folder, Line, Progress};
use crate::error::TrainError;
use crate::events::{EpochDone, Observer, Outcome};
use crate::recipe::{Difference, OnDivergence, Recipe, differences};
use crate::schedule::{Clock, Pace};
use crate::trainer::Position;
use std::path::{Path, PathBuf};

/// Settings that do not decide what comes out. Where the data is may change; what it is is compared apart from that.
const FREE: [&str; 6] = [
    "data.path",
    "data.cache",
    "data.cache_bytes",
    "data.strict",
    "train.checkpoint_minutes",
    "train.keep_checkpoints",
];

/// A recipe without what does not decide what comes out: two runs that come to the same have the same, wherever their data lies.
pub(super) fn deciding(recipe: &Recipe) -> Recipe {
    let usual = Recipe::default();
    let mut recipe = recipe.clone();
    recipe.data.path = usual.data.path;
    recipe.data.cache = usual.data.cache;
    recipe.data.cache_bytes = usual.data.cache_bytes;
    recipe.data.strict = usual.data.strict;
    recipe.train.checkpoint_minutes = usual.train.checkpoint_minutes;
    recipe.train.keep_checkpoints = usual.train.keep_checkpoints;
    recipe
}

/// A run that was stopped or killed, ready to go on. It ends with the same weights and figures, bit for bit, as if it had never
/// stopped.
///
/// ```no_run
/// use ocelli_train::{Event, Resume, RunOptions};
/// # fn main() -> Result<(), ocelli_train::TrainError> {
/// let resume = Resume::open("runs/photos".as_ref(), None, RunOptions::default())?;
/// resume.train(&mut |_: &Event<'_>| {})?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Resume {
    run: Run,
    folder: Folder,
    checkpoint: Option<Checkpoint>,
}

impl Resume {
    /// The folder of the run that `path` names: the folder itself, or a checkpoint in it.
    ///
    /// # Errors
    /// It is neither.
    pub fn folder_of(path: &Path) -> Result<PathBuf, TrainError> {
        let found =
            if path.is_dir() { Some(path) } else { Folder::of_checkpoint(path).filter(|_| path.is_file()) };
        let reason = || "is neither the folder of a run nor a checkpoint in one (last.safetensors, checkpoints/step-*.safetensors)";
        found
            .map(Path::to_path_buf)
            .ok_or_else(|| TrainError::Resume { path: path.to_path_buf(), reason: reason().into() })
    }

    /// Opens the run in the folder `path`, where its newest checkpoint left off, or at the checkpoint `path`: those that came
    /// after it are given up when training begins. A run that was killed before its first checkpoint begins again.
    ///
    /// The recipe is `recipe`, or the one in the folder. It may differ from the one that the run began with in what does not
    /// decide results: where the data and its cache lie, when checkpoints are written and how many are kept, and the number of
    /// epochs, if the schedule would have been the same so far.
    ///
    /// # Errors
    /// There is no run, another process trains in the folder, the recipe or the data differs from that of the run, or as
    /// [`Run::prepare`].
    pub fn open(path: &Path, recipe: Option<Recipe>, options: RunOptions) -> Result<Self, TrainError> {
        let folder = Folder::open(&Self::folder_of(path)?)?;
        let found = if path.is_dir() { Folder::newest(folder.path())? } else { Some(path.to_path_buf()) };
        let checkpoint = found.map(|path| Checkpoint::load(&path)).transpose()?;
        let recipe = match (recipe, &checkpoint) {
            (Some(recipe), _) => recipe,
            (None, _) if folder.recipe().is_file() => Recipe::load(&folder.recipe())?,
            (None, Some(checkpoint)) => checkpoint.progress.recipe.clone(),
            (None, None) => {
                let reason = "holds no run: there is neither a checkpoint nor a recipe.toml".into();
                return Err(TrainError::Resume { path: path.to_path_buf(), reason });
            }
        };
        let Some(checkpoint) = checkpoint else {
            return Ok(Resume { run: Run::prepare(recipe, options)?, folder, checkpoint: None });
        };
        // The weights that it began with are in the checkpoint by now: their file need not be there any more.
        let run = Run::open(recipe, options, &SharedData::default())?;
        check(&run, &checkpoint)?;
        Ok(Resume { run, folder, checkpoint: Some(checkpoint) })
    }

    /// The run.
    pub fn run(&self) -> &Run {
        &self.run
    }

    /// The run's folder.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Where it goes on.
    pub fn position(&self) -> Position {
        self.checkpoint.as_ref().map_or_else(Position::default, |checkpoint| checkpoint.state.position)
    }

    /// The best epoch of a run that is over, test included: there is nothing left to do.
    pub fn finished(&self) -> Option<&EpochDone> {
        let progress = &self.checkpoint.as_ref()?.progress;
        let epochs = || progress.lines.iter().filter_map(Line::epoch);
        let train = &self.run.recipe().train;
        let is_over = progress.position.epoch >= train.epochs || patience::is_used_up(train, epochs());
        epochs().rfind(|done| done.best).filter(|_| progress.finished && is_over)
    }

    /// Trains what is left, as [`Run::train`] does.
    ///
    /// # Errors
    /// The run is over, or as [`Run::train`].
    pub fn train(&self, observer: &mut (dyn Observer + Send)) -> Result<Outcome, TrainError> {
        if self.finished().is_some() {
            let epochs = self.position().epoch;
            return Err(TrainError::Finished { folder: self.folder().to_path_buf(), epochs });
        }
        let Resume { run, folder, checkpoint } = self;
        let Some(checkpoint) = checkpoint else { return run.train_in(folder, observer) };
        let batches = run.train_loader()?;
        let trainer = run.trainer(&checkpoint.state.weights, &batches)?;
        folder.go_back_to(&checkpoint.path, checkpoint.state.position.step)?;
        folder.save_recipe(run.recipe())?;
        Session::new(run, folder, trainer, &batches, observer).at(checkpoint)?.train(batches)
    }
}

/// Goes on with the run in a folder: [`Resume::open`] and [`Resume::train`].
///
/// # Errors
/// As these.
pub fn resume(
    path: &Path,
    options: RunOptions,
    observer: &mut (dyn Observer + Send),
) -> Result<Outcome, TrainError> {
    Resume::open(path, None, options)?.train(observer)
}

/// Checks that what goes on is what was begun.
fn check(run: &Run, checkpoint: &Checkpoint) -> Result<(), TrainError> {
    let Checkpoint { path, classifier, progress, .. } = checkpoint;
    let refuse = |reason: String| {
        let reason = format!("cannot be gone on from: {reason}");
        Err(TrainError::Resume { path: path.clone(), reason })
    };
    // Other data brings other transforms, and another seed other data: what is the reason of others is named first.
    let found = differences(&progress.recipe, run.recipe());
    let (of_transforms, others): (Vec<_>, Vec<_>) =
        found.into_iter().partition(|difference| difference.key.starts_with("transforms."));
    for difference in others {
        if let Some(reason) = why_not(run, progress, &difference)? {
            return refuse(reason);
        }
    }
    if let Some(difference) = progress.data.difference(run.data_mark()) {
        return refuse(format!("{difference}; give the data back, or begin a new run"));
    }
    if progress.teacher != run.teacher_mark() {
        let path = run.recipe().distill.teacher.as_deref().unwrap_or_default();
        return refuse(format!(
            "the teacher {path} is another one than that which the run began with: its network, weights, classes or normalisation \
             differ; give the old one back, or begin a new run"
        ));
    }
    if let Some(difference) = of_transforms.first() {
        return refuse(decides(difference));
    }
    if classifier.network() != run.network() {
        let name = &run.recipe().model.network;
        return refuse(format!(
            "{name} is another network by now; give the old one back, or begin a new run"
        ));
    }
    Ok(())
}

/// Why a setting cannot differ, if it cannot.
fn why_not(run: &Run, progress: &Progress, difference: &Difference) -> Result<Option<String>, TrainError> {
    let (was, is) = (&progress.recipe, run.recipe());
    let taught = [was, is].map(|recipe| recipe.distill.teacher.is_some());
    let harmless = match difference.key.as_str() {
        // Of large images, a cache keeps all of each, where without one they may be decoded reduced.
        "data.cache" => was.data.cache.is_some() == is.data.cache.is_some() || !is.data.reduced_jpeg,
        // Where the teacher lies may change; who it is is compared apart from that.
        "distill.teacher" => taught == [true, true],
        // It is for the teacher to tell that only one of the two has one.
        "distill.temperature" | "distill.alpha" => taught != [true, true],
        "train.epochs" => return epochs_differ(run, &progress.position, was, is),
        // Where training goes back, it goes back to these.
        "train.checkpoint_steps" => is.train.on_divergence == OnDivergence::Stop,
        key => FREE.contains(&key),
    };
    Ok((!harmless).then(|| decides(difference)))
}

/// What is said of a setting that decides results.
fn decides(difference: &Difference) -> String {
    let said = |value: &Option<String>| value.clone().unwrap_or_else(|| "left out".into());
    let Difference { key, first, second } = difference;
    format!(
        "{key} is {}, but the run began with {}, and it decides results; leave it as it was, or begin a new run from these \
         weights (--weights)",
        said(second),
        said(first)
    )
}

/// Why a run cannot have another number of epochs from `position` on, if it cannot.
fn epochs_differ(
    run: &Run,
    position: &Position,
    was: &Recipe,
    is: &Recipe,
) -> Result<Option<String>, TrainError> {
    let (before, now) = (was.train.epochs, is.train.epochs);
    let begun = position.epoch + u64::from(position.batch > 0);
    if now < begun {
        return Ok(Some(format!("train.epochs is {now}, but epoch {begun} has begun")));
    }
    let lr = is.train.lr.unwrap_or_else(|| is.train.optimizer.usual_lr());
    let steps_per_epoch = run.steps_per_epoch(&run.train_loader()?);
    let pace = Pace::new(lr, is.train.schedule.clone(), is.train.warmup);
    let rates = |step, epochs| pace.at(Clock::new(step, steps_per_epoch, epochs));
    let differs = (0..position.step).find(|step| rates(*step, before) != rates(*step, now));
    Ok(differs.map(|step| {
        let (then, now_lr) = (rates(step, before).lr, rates(step, now).lr);
        format!(
            "train.epochs is {now}, but the run began with {before}, and its schedule goes by the length of \
             the run: step {} had the learning rate {then}, in {now} epochs it would have had {now_lr}; leave the epochs as \
             they were, or begin a new run from these weights (--weights)",
            step + 1
        )
    }))
}
