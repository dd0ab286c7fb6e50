//! The batch-size finder on a prepared run.

use super::prepare::{Parts, Run};
use super::resize::network_at;
use super::session::EVAL_BATCH;
use crate::batch_size::{
    BatchLimit, BatchMemory, BatchSizes, BatchSpeed, Evaluated, Loaded, MOST, Measuring, Needs, Sets, largest,
};
use crate::error::TrainError;
use crate::events::Event;
use crate::trainer::normalises;
use ocelli_data::{Batch, Loader, LoaderOptions};
use ocelli_nn::Weights;
use ocelli_nn::plan::{InferPlan, PlanOptions};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long a batch size is measured, after a first step.
const MEASURED: Duration = Duration::from_secs(1);
/// Steps that would take longer are not measured.
const LONGEST: Duration = Duration::from_secs(2);

impl Run {
    /// What the run would take with batches of so many images, whatever its recipe says. Allocates none of it.
    ///
    /// # Errors
    /// There is no plan of the network for such batches: one image has no variance that BatchNorm could divide by.
    pub fn memory_at(&self, batch_size: usize) -> Result<BatchMemory, TrainError> {
        let needs = self.needs(&self.train_loader()?)?;
        Ok(self.pool.install(|| needs.at(batch_size))?.0)
    }

    /// Looks for the largest batch with which the run takes at most `budget` bytes, up to the number of training images and 65,536; then
    /// trains a little with each power of two up to it, to see how fast that is. `told` hears which is next.
    ///
    /// What is measured are steps on one batch that is there already, after a first step: waiting for images is the same for all sizes.
    /// The learning rate is 0; nothing is kept, and nothing is written to the disk.
    ///
    /// # Errors
    /// Not even the smallest batch fits (one image, or two where the network has BatchNorm), there are fewer training images than that, or
    /// a batch could not be loaded or trained on.
    pub fn find_batch_size(
        &self,
        budget: u64,
        told: &mut dyn FnMut(Measuring),
    ) -> Result<BatchSizes, TrainError> {
        let loader = self.train_loader()?;
        let samples = loader.samples();
        let needs = self.needs(&loader)?;
        drop(loader);
        let least = if normalises(self.network()) { 2 } else { 1 };
        let most = samples.min(MOST);
        if least > most {
            return Err(TrainError::NoBatches { epoch: 1 });
        }
        let at = |batch_size| self.pool.install(|| needs.at(batch_size));
        let found = largest(least..=most, budget, |batch_size| {
            at(batch_size).map(|(memory, recomputes)| (memory.total(), recomputes))
        })?;
        let Some(found) = found else {
            let needed = at(least)?.0.total();
            return Err(TrainError::NoBatchFits { batch_size: least, needed, budget });
        };
        let limit = match found {
            MOST => BatchLimit::Most,
            found if found == samples => BatchLimit::Images,
            _ => BatchLimit::Memory,
        };
        let powers = (0..usize::BITS).map(|power| 1 << power);
        let sizes = powers.skip_while(|&size| size < least).take_while(|&size| size <= found);
        let memory = sizes.map(|size| Ok(at(size)?.0)).collect::<Result<Vec<_>, TrainError>>()?;
        let measured = self.speeds(memory, told)?;
        Ok(BatchSizes { budget, largest: at(found)?.0, limit, measured })
    }

    /// What decides how much memory it takes.
    fn needs(&self, loader: &Loader) -> Result<Needs<'_>, TrainError> {
        let train = &self.recipe().train;
        let mut networks = vec![self.network().clone()];
        for entry in &train.resize {
            networks.push(network_at(self.network(), entry.size)?);
        }
        let values = networks.iter().map(|network| network.input().elements()).max().unwrap_or(0);
        // Its numbers, its label and its name; of several labels, how much it has of each class.
        let targets = if self.data().multi_label { self.classes().len() } else { 0 };
        let sample = size_of::<f32>() * (values * loader.views() + targets) + size_of::<(u32, u64)>();
        let at_once = loader.ahead() as u64 + 1;
        let held = |held: bool| u64::from(held);
        let Parts { train: images, val, test } = &self.parts;
        let sources = [Some(images), val.as_ref(), test.as_ref()].into_iter().flatten();
        Ok(Needs {
            networks,
            optimizer: train.optimizer.clone(),
            sets: Sets {
                averages: held(train.ema_decay.is_some())
                    + held(train.swa_start.is_some())
                    + held(train.lookahead.is_some()),
                others: held(train.accumulate > 1) + held(train.sam.is_some()) + held(self.start().is_some()),
                update_bn: train.swa_start.is_some() && normalises(self.network()),
            },
            teacher: self.teacher(),
            threads: self.pool.current_num_threads(),
            loaded: Loaded { sample: sample as u64, samples: loader.samples() as u64, at_once },
            evaluated: self.evaluated(sample as u64)?,
            images: sources.map(|source| source.memory()).sum(),
        })
    }

    /// What evaluation takes, with so many bytes of an image. Validation's batches stay while the test's come.
    fn evaluated(&self, sample: u64) -> Result<Evaluated, TrainError> {
        let parts = [&self.parts.val, &self.parts.test].into_iter().flatten();
        let batches = |images: usize, at_once: usize| images.min(EVAL_BATCH * at_once) as u64 * sample;
        let mut evaluated = Evaluated { plan: 0, batches: 0 };
        for part in parts {
            let loader = self.eval_loader(part, EVAL_BATCH)?;
            let rows = EVAL_BATCH * loader.views();
            let options = PlanOptions { batch: rows, ..PlanOptions::default() };
            let plan = self.pool.install(|| InferPlan::memory_of(self.network(), options));
            evaluated.plan = evaluated.plan.max(plan.map_err(TrainError::Plan)? as u64);
            evaluated.batches += batches(loader.samples().next_multiple_of(EVAL_BATCH), loader.ahead() + 1)
                * loader.views() as u64;
        }
        Ok(evaluated)
    }

    /// How fast training is with each of these sizes, which grow.
    fn speeds(
        &self,
        memory: Vec<BatchMemory>,
        told: &mut dyn FnMut(Measuring),
    ) -> Result<Vec<BatchSpeed>, TrainError> {
        // What weights it begins with does not matter to its speed.
        let weights = self.network().init(self.recipe().seed);
        let (of, mut before) = (memory.len(), None);
        let mut measured = Vec::new();
        for (place, memory) in memory.into_iter().enumerate() {
            let batch_size = memory.batch_size;
            let is_slow = |speed: f64| batch_size as f64 / speed > LONGEST.as_secs_f64();
            let images_per_second = if before.is_some_and(is_slow) {
                None
            } else {
                told(Measuring { place, of, batch_size });
                Some(self.speed(&weights, batch_size)?)
            };
            before = images_per_second.or(before);
            measured.push(BatchSpeed { memory, images_per_second });
        }
        Ok(measured)
    }

    /// Images a second in training with batches of one size.
    fn speed(&self, weights: &Weights, batch_size: usize) -> Result<f64, TrainError> {
        let source = Arc::clone(&self.parts.train);
        let options = LoaderOptions { batch_size, drop_last: true, ..self.loader_options(&source) };
        let mut loader = Loader::new(source, &self.pipeline.train, &options).map_err(TrainError::Data)?;
        // The last whole batch: no thread goes on to make another one while this is measured.
        let last = loader.batches() - 1;
        let batch = loader.epoch_from(0, last).next().transpose().map_err(TrainError::Data);
        let batch = batch.map_err(|error| error.with_problems(loader.take_problems(), &loader))?;
        let batch = batch.ok_or(TrainError::NoBatches { epoch: 1 })?;
        self.pool.install(|| self.speed_on(&batch, weights, &loader))
    }

    fn speed_on(&self, batch: &Batch, weights: &Weights, loader: &Loader) -> Result<f64, TrainError> {
        let mut trainer = self.trainer(weights, loader)?;
        // The same batch again and again: without this its loss might leave all bounds.
        trainer.set_lr_scale(0.0);
        let mut quiet = |_: &Event<'_>| {};
        trainer.batch(batch, &mut quiet)?;
        let before = trainer.position().sums.images;
        if before == 0 {
            return Err(TrainError::NoBatches { epoch: 1 });
        }
        let began = Instant::now();
        while trainer.position().sums.images == before || began.elapsed() < MEASURED {
            trainer.batch(batch, &mut quiet)?;
        }
        let seconds = began.elapsed().as_secs_f64();
        Ok((trainer.position().sums.images - before) as f64 / seconds.max(1e-9))
    }
}
