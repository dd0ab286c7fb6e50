//! Training a prepared run from its beginning.

use super::prepare::{Parts, Run};
use super::session::Session;
use crate::checkpoint::{DataMark, Folder};
use crate::error::TrainError;
use crate::events::{Observer, Outcome};
use crate::trainer::{TrainOptions, Trainer};
use ocelli_data::{Channels, Loader, Source};
use ocelli_model::Classifier;
use ocelli_nn::Weights;
use std::path::Path;
use std::sync::Arc;

impl Run {
    /// Trains and leaves in `folder`: `model.safetensors` (the best epoch by validation loss), `last.safetensors` (the newest
    /// checkpoint, with all that [`Resume`](super::Resume) needs), `checkpoints/` (those before it), `recipe.toml` (every setting
    /// resolved) and `metrics.jsonl`.
    ///
    /// # Errors
    /// The folder already holds a run, a file cannot be written, no image can be loaded, the loss is no longer a number, or
    /// the observer asked to stop.
    pub fn train(&self, folder: &Path, observer: &mut (dyn Observer + Send)) -> Result<Outcome, TrainError> {
        self.train_in(&Folder::create(folder)?, observer)
    }

    /// Trains in a folder that has no checkpoint yet.
    pub(super) fn train_in(
        &self,
        folder: &Folder,
        observer: &mut (dyn Observer + Send),
    ) -> Result<Outcome, TrainError> {
        let batches = self.train_loader()?;
        let trainer = match self.start() {
            Some(start) => self.trainer(&start.weights, &batches)?,
            None => self.trainer(&self.network().init(self.recipe().seed), &batches)?,
        };
        // A run that is killed before its first checkpoint can be begun again from its recipe.
        folder.save_recipe(self.recipe())?;
        Session::new(self, folder, trainer, observer).train(batches)
    }

    pub(super) fn trainer(&self, weights: &Weights, batches: &Loader) -> Result<Trainer, TrainError> {
        let recipe = self.recipe();
        let options = TrainOptions {
            epochs: recipe.train.epochs,
            steps_per_epoch: batches.batches() as u64,
            batch_size: recipe.train.batch_size.min(batches.samples()),
            lr: recipe.train.lr.unwrap_or_else(|| recipe.train.optimizer.usual_lr()),
            optimizer: recipe.train.optimizer.clone(),
            schedule: recipe.train.schedule.clone(),
            freeze: recipe.train.freeze.clone(),
            groups: recipe.train.groups.clone(),
            class_weights: self.class_weights.clone(),
            seed: recipe.seed,
        };
        self.pool.install(|| Trainer::new(self.network(), weights, options))
    }

    /// The data, so that it can be known again.
    pub(super) fn data_mark(&self) -> DataMark {
        let Parts { train, val, test } = &self.parts;
        let of = |part: &Option<Arc<Source>>| part.as_ref().map(|part| Arc::clone(part.dataset()));
        let (val, test) = (of(val), of(test));
        DataMark::of(train.dataset().as_ref(), val.as_deref(), test.as_deref())
    }

    pub(super) fn classifier(&self, weights: Weights) -> Result<Classifier, TrainError> {
        let transforms = self.pipeline.eval.clone();
        let classifier =
            Classifier::new(self.network().clone(), weights, transforms, self.classes().to_vec())?;
        let channels = Channels::from_count(self.parts.train.dataset().extent().channels);
        let channels = channels.map_err(TrainError::Data)?;
        Ok(classifier.with_division(self.division).with_image_channels(channels))
    }
}

/// Makes the folder for a run and checks that it can be written to and holds no run. [`Run::train`] does so too, but only
/// when all the data has been read.
///
/// # Errors
/// The folder holds a file that a run would overwrite, or cannot be made or written to.
pub fn claim(folder: &Path) -> Result<(), TrainError> {
    Folder::claim(folder)
}

/// Whether a folder holds a run that [`Resume`](super::Resume) can go on with: a checkpoint.
pub fn has_checkpoint(folder: &Path) -> bool {
    Folder::newest(folder).is_ok_and(|found| found.is_some())
}
