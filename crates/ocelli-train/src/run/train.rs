//! Training a prepared run: epochs, validation, checkpoints, the test at the end.

use super::prepare::{Run, RunOptions};
use crate::checkpoint::{Folder, Progress};
use crate::error::TrainError;
use crate::evaluate::evaluate;
use crate::events::{EpochDone, Evaluation, Event, Observer, Outcome, Started};
use crate::trainer::{EpochSums, TrainOptions, Trainer};
use ocelli_data::{Channels, Loader, Source};
use ocelli_model::Classifier;
use ocelli_nn::Weights;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

/// Images that go through the network at once in evaluation.
const EVAL_BATCH: usize = 64;

impl Run {
    /// Trains and leaves in `folder`: `model.safetensors` (the best epoch by validation loss), `last.safetensors` (the last
    /// epoch, with all that [`resume`] needs), `recipe.toml` (every setting resolved) and `metrics.jsonl`.
    ///
    /// # Errors
    /// The folder already holds a run, a file cannot be written, no image can be loaded, or the loss is no longer a number.
    pub fn train(&self, folder: &Path, observer: &mut (dyn Observer + Send)) -> Result<Outcome, TrainError> {
        let folder = Folder::create(folder)?;
        let batches = self.train_loader()?;
        let trainer = match self.start() {
            Some(start) => self.trainer(&start.weights, &batches)?,
            None => self.trainer(&self.network().init(self.recipe().seed), &batches)?,
        };
        // Recipe and metrics are written with the first checkpoint: a run that ends before it leaves its folder free.
        Session { run: self, folder, trainer, best: None, observer }.train(batches)
    }

    fn trainer(&self, weights: &Weights, batches: &Loader) -> Result<Trainer, TrainError> {
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

    fn classifier(&self, weights: Weights) -> Result<Classifier, TrainError> {
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
    Folder::create(folder).map(drop)
}

/// Goes on with a run that was stopped, from the last epoch that it finished. The result is the same, bit for bit, as if
/// it had never stopped.
///
/// # Errors
/// The folder holds no checkpoint, its data is no longer what it was, or as [`Run::train`].
pub fn resume(
    folder: &Path,
    options: RunOptions,
    observer: &mut (dyn Observer + Send),
) -> Result<Outcome, TrainError> {
    let folder = Folder::of(folder);
    let (_, state, progress) = folder.load_last()?;
    // The weights that it began with are in the checkpoint by now: their file need not be there any more.
    let run = Run::open(progress.recipe, options)?;
    if run.data().train as u64 != progress.train_images {
        let found = run.data().train;
        let reason = format!("was trained on {} images, but the data now has {found}", progress.train_images);
        return Err(TrainError::Resume { path: folder.last(), reason });
    }
    let batches = run.train_loader()?;
    let mut trainer = run.trainer(&state.weights, &batches)?;
    run.pool.install(|| trainer.restore(&state))?;
    folder.begin_metrics(trainer.epochs_done())?;
    Session { run: &run, folder, trainer, best: progress.best, observer }.train(batches)
}

/// A run while it trains.
struct Session<'a> {
    run: &'a Run,
    folder: Folder,
    trainer: Trainer,
    best: Option<EpochDone>,
    observer: &'a mut (dyn Observer + Send),
}

impl Session<'_> {
    fn train(mut self, mut batches: Loader) -> Result<Outcome, TrainError> {
        let began = Instant::now();
        let epochs = self.run.recipe().train.epochs;
        let mut val = self.loader(self.run.parts.val.as_ref())?;
        self.observer.event(&Event::Started(&Started {
            epochs_done: self.trainer.epochs_done(),
            epochs,
            batches: batches.batches() as u64,
            images: batches.samples() as u64,
        }));
        while self.trainer.epochs_done() < epochs {
            let done = self.epoch(&mut batches, val.as_mut())?;
            self.observer.event(&Event::Epoch(&done));
        }
        let outcome = self.finish(began)?;
        self.observer.event(&Event::Finished(&outcome));
        Ok(outcome)
    }

    fn loader(&self, source: Option<&Arc<Source>>) -> Result<Option<Loader>, TrainError> {
        source.map(|source| self.run.eval_loader(source, EVAL_BATCH)).transpose()
    }

    /// One epoch: trained, validated, its checkpoint written.
    fn epoch(&mut self, batches: &mut Loader, val: Option<&mut Loader>) -> Result<EpochDone, TrainError> {
        let began = Instant::now();
        let number = self.trainer.epochs_done();
        let (trainer, observer) = (&mut self.trainer, &mut *self.observer);
        let sums = self.run.pool.install(|| trainer.epoch(batches.epoch(number), observer));
        let seconds = began.elapsed().as_secs_f64();
        let sums = self.tell_problems(batches, sums)?;
        let weights = self.trainer.weights();
        let validation = val.map(|val| self.evaluate(&weights, val)).transpose()?;
        let mut done = self.figures(&sums, validation.as_ref());
        done.images_per_second = sums.images as f64 / seconds.max(1e-9);
        self.save(weights, &mut done, began)?;
        Ok(done)
    }

    fn figures(&self, sums: &EpochSums, validation: Option<&Evaluation>) -> EpochDone {
        let mut done = EpochDone {
            epoch: self.trainer.epochs_done(),
            step: self.trainer.steps_done(),
            lr: sums.lr,
            train_loss: sums.mean_loss(),
            train_accuracy: sums.accuracy(),
            val_loss: validation.map(|found| found.loss),
            val_accuracy: validation.map(|found| found.accuracy),
            best: false,
            images_per_second: 0.0,
            waited_seconds: sums.waited,
            seconds: 0.0,
        };
        done.best = self.best.as_ref().is_none_or(|best| is_better(&done, best));
        done
    }

    /// Writes the checkpoints and the line of the metrics.
    fn save(&mut self, weights: Weights, done: &mut EpochDone, began: Instant) -> Result<(), TrainError> {
        let classifier = self.run.classifier(weights)?.with_metrics(metrics(done));
        if done.epoch == 1 {
            self.folder.save_recipe(self.run.recipe())?;
            self.folder.begin_metrics(0)?;
        }
        if done.best {
            classifier.save(self.folder.model())?;
        }
        done.seconds = began.elapsed().as_secs_f64();
        if done.best {
            self.best = Some(done.clone());
        }
        let progress = Progress {
            epoch: self.trainer.epochs_done(),
            step: self.trainer.steps_done(),
            train_images: self.run.data().train as u64,
            best: self.best.clone(),
            recipe: self.run.recipe().clone(),
        };
        self.folder.save_last(&classifier, &self.trainer.state(), &progress)?;
        self.folder.add_epoch(done)
    }

    /// The best weights on the test images.
    fn finish(&mut self, began: Instant) -> Result<Outcome, TrainError> {
        let best = self.best.clone().ok_or(TrainError::NoBatches { epoch: 1 })?;
        let mut test = None;
        if let Some(mut loader) = self.loader(self.run.parts.test.as_ref())? {
            let classifier = Classifier::load(self.folder.model())?;
            let found = self.evaluate(classifier.weights(), &mut loader)?;
            let mut metrics = metrics(&best);
            metrics.insert("test_loss".into(), found.loss);
            metrics.insert("test_accuracy".into(), found.accuracy);
            classifier.with_metrics(metrics).save(self.folder.model())?;
            self.folder.add_test(best.epoch, &found)?;
            test = Some(found);
        }
        let (folder, model) = (self.folder.path().to_path_buf(), self.folder.model());
        Ok(Outcome { folder, model, best, test, seconds: began.elapsed().as_secs_f64() })
    }

    fn evaluate(&mut self, weights: &Weights, loader: &mut Loader) -> Result<Evaluation, TrainError> {
        let network = self.run.network();
        let rows = EVAL_BATCH * loader.views();
        let found = self.run.pool.install(|| evaluate(network, weights, rows, loader.epoch(0)));
        self.tell_problems(loader, found)
    }

    /// Tells which images could not be loaded, whether or not the rest sufficed.
    fn tell_problems<T>(&mut self, loader: &Loader, done: Result<T, TrainError>) -> Result<T, TrainError> {
        let problems = loader.take_problems();
        for problem in &problems {
            self.observer.event(&Event::Problem(problem));
        }
        done.map_err(|error| error.with_problems(problems, loader))
    }
}

/// Whether an epoch beats the best so far: by validation loss, which is far less noisy over a few hundred images than
/// accuracy; without validation the later one does.
fn is_better(done: &EpochDone, best: &EpochDone) -> bool {
    match (done.val_loss, best.val_loss) {
        (Some(new), Some(old)) => new < old,
        _ => true,
    }
}

/// What the model's file tells of its training. Nothing in it depends on the clock: the same run gives the same file.
fn metrics(done: &EpochDone) -> BTreeMap<String, f64> {
    let figures = [
        ("epoch", Some(done.epoch as f64)),
        ("train_loss", Some(done.train_loss)),
        ("train_accuracy", Some(done.train_accuracy)),
        ("val_loss", done.val_loss),
        ("val_accuracy", done.val_accuracy),
    ];
    figures.into_iter().filter_map(|(name, value)| Some((name.to_string(), value?))).collect()
}
