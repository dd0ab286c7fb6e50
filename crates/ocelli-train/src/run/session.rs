//! A run while it trains: epochs, validation, checkpoints, the test at the end.

use super::patience;
use super::prepare::Run;
use crate::checkpoint::{Checkpoint, DataMark, Folder, Keep, Line, Name, Progress};
use crate::divergence::{Cause, Divergence};
use crate::error::TrainError;
use crate::evaluate::evaluate;
use crate::events::{EpochDone, Evaluation, Event, Observer, Outcome, Started, Thawed};
use crate::trainer::{EpochSums, Position, Trainer};
use ocelli_data::{Loader, Source};
use ocelli_model::Classifier;
use ocelli_nn::Weights;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

/// Images that go through the network at once in evaluation.
pub(super) const EVAL_BATCH: usize = 64;

/// A run while it trains.
pub(super) struct Session<'a> {
    pub(super) run: &'a Run,
    pub(super) folder: &'a Folder,
    pub(super) trainer: Trainer,
    data: DataMark,
    /// Height and width of the training images.
    pub(super) size: [usize; 2],
    /// Batches of an epoch.
    batches: u64,
    /// The epochs that are done, and where training went back.
    pub(super) lines: Vec<Line>,
    /// Seconds that the epoch under way had taken when this process took it up.
    seconds_before: f64,
    epoch_began: Instant,
    /// The newest checkpoint, if there is one, and when it was written.
    pub(super) saved: Option<Name>,
    saved_at: Instant,
    pub(super) observer: &'a mut (dyn Observer + Send),
}

impl<'a> Session<'a> {
    /// A run from its beginning.
    pub(super) fn new(
        run: &'a Run,
        folder: &'a Folder,
        trainer: Trainer,
        batches: &Loader,
        observer: &'a mut (dyn Observer + Send),
    ) -> Self {
        let data = run.data_mark().clone();
        let now = Instant::now();
        Session {
            run,
            folder,
            trainer,
            data,
            size: run.full_size(),
            batches: batches.batches() as u64,
            lines: Vec::new(),
            seconds_before: 0.0,
            epoch_began: now,
            saved: None,
            saved_at: now,
            observer,
        }
    }

    /// The same from a checkpoint on.
    pub(super) fn at(mut self, checkpoint: &Checkpoint) -> Result<Self, TrainError> {
        self.take_up(checkpoint)?;
        self.trainer.set_lr_scale(self.lr_scale());
        self.folder.set_metrics(&self.lines)?;
        Ok(self)
    }

    /// Goes to where a checkpoint is, which is the last one.
    pub(super) fn take_up(&mut self, checkpoint: &Checkpoint) -> Result<(), TrainError> {
        let trainer = &mut self.trainer;
        self.run.pool.install(|| trainer.restore(&checkpoint.state))?;
        self.lines.clone_from(&checkpoint.progress.lines);
        self.seconds_before = checkpoint.progress.epoch_seconds;
        self.saved = Some(self.name(&checkpoint.state.position));
        Ok(())
    }

    /// Trains to the end and tests. A run that fails before its first checkpoint leaves its folder free.
    pub(super) fn train(mut self, batches: Loader) -> Result<Outcome, TrainError> {
        let done = self.run_epochs(batches);
        if done.is_err() && self.saved.is_none() {
            self.folder.give_up();
        }
        done
    }

    fn run_epochs(&mut self, mut batches: Loader) -> Result<Outcome, TrainError> {
        let began = Instant::now();
        let epochs = self.run.recipe().train.epochs;
        let mut val = self.loader(self.run.parts.val.as_ref())?;
        let Position { epoch, sums, .. } = self.trainer.position();
        self.observer.event(&Event::Started(&Started {
            epochs_done: *epoch,
            images_done: sums.images,
            epochs,
            batches: self.batches,
            images: batches.samples() as u64,
        }));
        self.saved_at = Instant::now();
        if self.backs_off() && self.saved.is_none() {
            // Something to go back to.
            self.save(*self.trainer.position(), false)?;
        }
        while self.trainer.position().epoch < epochs && !self.is_out_of_patience() {
            match self.epoch(&mut batches, val.as_mut()) {
                Ok(done) => self.observer.event(&Event::Epoch(&done)),
                Err(error) => self.back_off(error)?,
            }
            self.stop_if_asked()?;
        }
        let early = self.epochs().next_back().filter(|last| last.epoch < epochs).cloned();
        if let Some(last) = early {
            self.observer.event(&Event::OutOfPatience(&last));
        }
        let outcome = self.finish(began, &mut batches, val.as_mut())?;
        self.observer.event(&Event::Finished(&outcome));
        Ok(outcome)
    }

    fn loader(&self, source: Option<&Arc<Source>>) -> Result<Option<Loader>, TrainError> {
        source.map(|source| self.run.eval_loader(source, EVAL_BATCH)).transpose()
    }

    /// One epoch, or what is left of it: trained, validated, its checkpoint written.
    fn epoch(&mut self, batches: &mut Loader, val: Option<&mut Loader>) -> Result<EpochDone, TrainError> {
        self.epoch_began = Instant::now();
        self.resize(batches)?;
        self.tell_thaw();
        let run = self.run;
        let trained = run.pool.install(|| self.batches(batches));
        self.tell_problems(batches, trained)?;
        let seconds = self.seconds();
        let position = *self.trainer.position();
        if position.sums.batches == 0 {
            return Err(TrainError::NoBatches { epoch: position.epoch + 1 });
        }
        self.trainer.check(&self.trainer.state())?;
        let weights = self.trainer.model_weights();
        let validation = match val.map(|val| self.evaluate(&weights, val)).transpose()? {
            Some(None) => return Err(self.stop(position)?),
            found => found.flatten(),
        };
        if validation.as_ref().is_some_and(|found| !found.loss.is_finite()) {
            return Err(Divergence::after(&position, "the validation loss is not finite", Cause::Loss).into());
        }
        // Only now: an epoch whose validation is stopped is not over.
        let sums = self.trainer.end_epoch()?;
        let mut done = self.figures(&sums, validation.as_ref());
        let (loss, accuracy) = (done.val_loss, done.val_accuracy);
        self.trainer.after_epoch(loss.unwrap_or(done.train_loss), accuracy.unwrap_or(done.train_accuracy));
        done.images_per_second = sums.images as f64 / seconds.max(1e-9);
        self.save_epoch(weights, &mut done)?;
        Ok(done)
    }

    /// Tells what begins to learn with the epoch, if anything does.
    fn tell_thaw(&mut self) {
        let Position { epoch, batch, .. } = *self.trainer.position();
        let thawing = if batch == 0 { self.run.thawing(epoch) } else { Vec::new() };
        if thawing.is_empty() {
            return;
        }
        let values = thawing.iter().map(|parameter| parameter.elements() as u64).sum();
        let parameters = thawing.into_iter().map(|parameter| parameter.name).collect();
        self.observer.event(&Event::Thawed(&Thawed { epoch: epoch + 1, parameters, values }));
    }

    /// Trains on the batches that the epoch has left.
    fn batches(&mut self, loader: &mut Loader) -> Result<(), TrainError> {
        let Position { epoch, batch, .. } = *self.trainer.position();
        let mut batches = loader.epoch_from(epoch, batch as usize);
        while let Some(batch) = self.trainer.next_batch(&mut batches)? {
            self.trainer.batch(&batch, self.observer)?;
            if !self.trainer.is_between_steps() {
                continue;
            }
            self.stop_if_asked()?;
            if self.trainer.position().batch < self.batches && self.is_checkpoint_due() {
                self.save_between()?;
            }
        }
        self.trainer.end_steps()
    }

    /// Writes a checkpoint within an epoch.
    fn save_between(&mut self) -> Result<(), TrainError> {
        let position = *self.trainer.position();
        match self.save(position, false) {
            // The next batch finds it, whether or not the clock asked for a checkpoint here: so it is found at the same place always.
            Err(TrainError::Diverged(_)) if !self.name(&position).regular => Ok(()),
            done => done,
        }
    }

    /// The name of a checkpoint at a position.
    fn name(&self, position: &Position) -> Name {
        let named = |steps: u64| position.step.is_multiple_of(steps);
        let by_steps =
            self.run.recipe().train.checkpoint_steps.is_some_and(named) && position.batch < self.batches;
        Name { step: position.step, regular: position.batch == 0 || by_steps }
    }

    /// The epochs that are done.
    pub(super) fn epochs(&self) -> impl DoubleEndedIterator<Item = &EpochDone> {
        self.lines.iter().filter_map(Line::epoch)
    }

    fn is_out_of_patience(&self) -> bool {
        patience::is_used_up(&self.run.recipe().train, self.epochs())
    }

    /// Whether a checkpoint within the epoch is due: at every so many steps, or when the last one is too long ago.
    fn is_checkpoint_due(&self) -> bool {
        let train = &self.run.recipe().train;
        let step = self.trainer.position().step;
        if self.saved.is_some_and(|saved| saved.step == step) {
            return false;
        }
        let minutes = self.saved_at.elapsed().as_secs_f64() / 60.0;
        self.name(self.trainer.position()).regular
            || (train.checkpoint_minutes > 0.0 && minutes >= train.checkpoint_minutes)
    }

    fn stop_if_asked(&mut self) -> Result<(), TrainError> {
        match self.observer.wants_stop() {
            false => Ok(()),
            true => Err(self.stop(*self.trainer.position())?),
        }
    }

    /// Keeps what there is, at `position`, to stop.
    pub(super) fn stop(&mut self, position: Position) -> Result<TrainError, TrainError> {
        if self.saved.is_none_or(|saved| saved.step != position.step) || position.batch > 0 {
            match self.save(position, false) {
                // There is an older one that is good.
                Err(TrainError::Diverged(_)) if self.saved.is_some() => {}
                done => done?,
            }
        }
        let folder = self.folder.path().to_path_buf();
        Ok(TrainError::Stopped { folder, epoch: position.epoch + 1, batch: position.sums.batches })
    }

    /// Seconds that the epoch under way has taken, in this process and before.
    fn seconds(&self) -> f64 {
        self.seconds_before + self.epoch_began.elapsed().as_secs_f64()
    }

    fn figures(&self, sums: &EpochSums, validation: Option<&Evaluation>) -> EpochDone {
        let mut done = EpochDone {
            epoch: self.trainer.position().epoch,
            step: self.trainer.position().step,
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
        let monitor = self.run.recipe().train.monitor;
        done.best = self.best().is_none_or(|best| patience::is_better(monitor, &done, best));
        done
    }

    /// The best epoch so far.
    fn best(&self) -> Option<&EpochDone> {
        self.epochs().rfind(|done| done.best)
    }

    /// Writes the model, if it is the best, the checkpoint, and the line of the metrics.
    fn save_epoch(&mut self, weights: Weights, done: &mut EpochDone) -> Result<(), TrainError> {
        if done.best {
            self.run.classifier(weights)?.with_metrics(metrics(done)).save(self.folder.model())?;
        } else {
            // A checkpoint is when a run takes most memory.
            drop(weights);
        }
        done.seconds = self.seconds();
        self.lines.push(Line::Epoch(done.clone()));
        self.seconds_before = 0.0;
        self.epoch_began = Instant::now();
        self.save(*self.trainer.position(), false)?;
        self.folder.add(done)
    }

    /// Writes a checkpoint, unless the weights are no longer good for one.
    pub(super) fn save(&mut self, position: Position, finished: bool) -> Result<(), TrainError> {
        let mut state = self.trainer.state();
        self.trainer.check(&state)?;
        let at_end = self.epochs().next_back().filter(|_| position.batch == 0);
        let figures = at_end.map(metrics).unwrap_or_default();
        let classifier = self.run.classifier(std::mem::take(&mut state.weights))?.with_metrics(figures);
        let recipe = self.run.recipe();
        let progress = Progress {
            position,
            epoch_seconds: if position.batch == 0 { 0.0 } else { self.seconds() },
            finished,
            data: self.data.clone(),
            teacher: self.run.teacher_mark(),
            lines: self.lines.clone(),
            plateau: state.plateau,
            recipe: recipe.clone(),
        };
        let name = self.name(&position);
        let regular = self.backs_off() && !name.regular;
        let keep = Keep { newest: recipe.train.keep_checkpoints, regular };
        self.folder.save(&classifier, state, &progress, self.saved, keep)?;
        self.saved = Some(name);
        self.saved_at = Instant::now();
        Ok(())
    }

    /// The model, which is the best epoch's or the mean of several, on the test images.
    fn finish(
        &mut self,
        began: Instant,
        batches: &mut Loader,
        val: Option<&mut Loader>,
    ) -> Result<Outcome, TrainError> {
        let best = self.best().cloned().ok_or(TrainError::NoBatches { epoch: 1 })?;
        let best = self.save_swa(batches, val)?.unwrap_or(best);
        let mut test = None;
        if let Some(mut loader) = self.loader(self.run.parts.test.as_ref())? {
            let classifier = Classifier::load(self.folder.model())?;
            let Some(found) = self.evaluate(classifier.weights(), &mut loader)? else {
                return Err(self.stop(*self.trainer.position())?);
            };
            let mut metrics = metrics(&best);
            metrics.insert("test_loss".into(), found.loss);
            metrics.insert("test_accuracy".into(), found.accuracy);
            classifier.with_metrics(metrics).save(self.folder.model())?;
            self.folder.add_test(best.epoch, &found)?;
            test = Some(found);
        }
        self.save(*self.trainer.position(), true)?;
        let (folder, model) = (self.folder.path().to_path_buf(), self.folder.model());
        Ok(Outcome { folder, model, best, test, seconds: began.elapsed().as_secs_f64() })
    }

    /// Evaluates; `None` if the observer asked to stop meanwhile.
    pub(super) fn evaluate(
        &mut self,
        weights: &Weights,
        loader: &mut Loader,
    ) -> Result<Option<Evaluation>, TrainError> {
        let network = self.run.network();
        let rows = EVAL_BATCH * loader.views();
        let mut stopped = false;
        let observer = &mut *self.observer;
        let batches = loader.epoch(0).take_while(|_| {
            stopped = observer.wants_stop();
            !stopped
        });
        let found = self.run.pool.install(|| evaluate(network, weights, rows, batches));
        let found = self.tell_problems(loader, found)?;
        Ok((!stopped).then_some(found))
    }

    /// Tells which images could not be loaded, whether or not the rest sufficed.
    pub(super) fn tell_problems<T>(
        &mut self,
        loader: &Loader,
        done: Result<T, TrainError>,
    ) -> Result<T, TrainError> {
        let problems = loader.take_problems();
        for problem in &problems {
            self.observer.event(&Event::Problem(problem));
        }
        done.map_err(|error| error.with_problems(problems, loader))
    }
}

/// What the model's file tells of its training. Nothing in it depends on the clock: the same run gives the same file.
pub(super) fn metrics(done: &EpochDone) -> BTreeMap<String, f64> {
    let figures = [
        ("epoch", Some(done.epoch as f64)),
        ("train_loss", Some(done.train_loss)),
        ("train_accuracy", Some(done.train_accuracy)),
        ("val_loss", done.val_loss),
        ("val_accuracy", done.val_accuracy),
    ];
    figures.into_iter().filter_map(|(name, value)| Some((name.to_string(), value?))).collect()
}
