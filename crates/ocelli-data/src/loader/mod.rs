//! Batches of images, made in the background.
//!
//! A [`Source`] is a dataset behind the transforms that do the same every time; what it has decoded it keeps, as far
//! as its memory goes. A [`Loader`] draws the rest of the transforms, and puts samples together in an order that
//! depends on the seed and the epoch, never on the threads that do the work.

mod batch;
mod queue;
mod sampler;
mod source;
mod worker;

use std::sync::Arc;
use std::thread::JoinHandle;

use crate::transforms::Compiled;
use crate::{BatchTransform, DataError, Dataset, Problem, Transform};

pub use batch::Batch;
pub use sampler::{Oversample, Sampler};
pub use source::{CacheUse, Source, SourceOptions};

use batch::Pool;
use queue::Queue;
use sampler::Sampling;
use worker::Work;

/// How a [`Loader`] makes batches.
#[derive(Clone, PartialEq, Debug)]
pub struct LoaderOptions {
    /// Samples of a batch. Default: 64.
    pub batch_size: usize,
    /// The seed of the order and of all random transforms. Default: 0.
    pub seed: u64,
    /// Whether each epoch has its own random order; if not, samples come in the dataset's. Default: true.
    pub shuffle: bool,
    /// Which samples an epoch has; all but [`Sampler::Uniform`] need `shuffle`. Default: every sample once.
    pub sampler: Sampler,
    /// Where a dataset reads [stretches](crate::dataset::Stretch): how many bytes of them are shuffled with each other, at
    /// least. Default: 128 MiB.
    pub shuffle_bytes: u64,
    /// Whether a last batch of fewer samples is left out. Default: false.
    pub drop_last: bool,
    /// Threads that make batches; 0 takes one if all images lie in memory, else as many as the machine has.
    /// Batches do not depend on it. Default: 0.
    pub workers: usize,
    /// How many batches are made ahead at most. Default: 4.
    pub ahead: usize,
    /// Whether a sample that cannot be loaded ends the epoch with an error, instead of being left out. Default: false.
    pub strict: bool,
    /// What happens to whole batches, as MixUp. Default: nothing.
    pub batch: Option<BatchTransform>,
}

impl Default for LoaderOptions {
    fn default() -> Self {
        Self {
            batch_size: 64,
            seed: 0,
            shuffle: true,
            sampler: Sampler::Uniform,
            shuffle_bytes: 128 << 20,
            drop_last: false,
            workers: 0,
            ahead: 4,
            strict: false,
            batch: None,
        }
    }
}

impl LoaderOptions {
    /// The options of evaluation: every sample once, in the dataset's order.
    pub fn in_order(batch_size: usize) -> Self {
        Self { batch_size, shuffle: false, ..Self::default() }
    }
}

/// Makes a dataset's batches, epoch after epoch.
///
/// The threads end when it is dropped.
pub struct Loader {
    work: Arc<Work>,
    threads: Vec<JoinHandle<()>>,
}

impl Loader {
    /// A loader of `source` through `transforms`, which begin with those that the source was made with.
    ///
    /// # Errors
    /// If the transforms are wrong or do not begin as the source's, images would not all get one size, `batch_size`
    /// or `ahead` is 0, the dataset is empty, the sampler cannot draw from it, or a thread cannot be started.
    pub fn new(
        source: Arc<Source>,
        transforms: &[Transform],
        options: &LoaderOptions,
    ) -> Result<Self, DataError> {
        if options.batch_size == 0 || options.ahead == 0 {
            return Err(DataError::invalid("loader", "batch_size and ahead must be at least 1"));
        }
        if source.dataset().is_empty() {
            return Err(DataError::invalid("loader", "the dataset has no samples"));
        }
        options.batch.as_ref().map_or(Ok(()), BatchTransform::check)?;
        source.check_prefix(transforms)?;
        let shape = output_shape(&source, transforms)?;
        let compiled = Compiled::skipping(transforms, shape, source.prefix().len())?;
        let workers = match options.workers {
            0 if source.is_in_memory() => 1,
            asked => crate::threads(asked),
        };
        let sampling = Sampling::new(&**source.dataset(), options)?;
        let work = Arc::new(Work {
            ahead: if sampling.is_local() { ahead(&**source.dataset(), options.shuffle_bytes) } else { 0 },
            source,
            sampling,
            transforms: compiled,
            queue: Queue::new(options.ahead.max(workers)),
            options: options.clone(),
            pool: Pool::default(),
        });
        let threads = (0..workers).map(|_| worker::spawn(&work)).collect::<Result<Vec<_>, _>>();
        match threads {
            Ok(threads) => Ok(Self { work, threads }),
            Err(error) => {
                work.queue.stop();
                Err(DataError::invalid("loader", format!("cannot start a thread: {error}")))
            }
        }
    }

    /// Height, width and channels of the images in its batches.
    pub fn shape(&self) -> (usize, usize, usize) {
        self.work.transforms.shape()
    }

    /// How many views of each sample its batches have.
    pub fn views(&self) -> usize {
        self.work.transforms.views()
    }

    /// How many samples an epoch has: as many as the dataset, unless the sampler repeats some.
    pub fn samples(&self) -> usize {
        self.work.sampling.len()
    }

    /// How many batches an epoch has, if every sample can be loaded.
    pub fn batches(&self) -> usize {
        self.work.batches()
    }

    /// How many batches are made ahead at most: as the options say, or one for each worker where these are more.
    pub fn ahead(&self) -> usize {
        self.work.queue.ahead()
    }

    /// The options that it was made with.
    pub fn options(&self) -> &LoaderOptions {
        &self.work.options
    }

    /// The batches of `epoch`.
    pub fn epoch(&mut self, epoch: u64) -> Epoch<'_> {
        self.epoch_from(epoch, 0)
    }

    /// The batches of `epoch` from number `batch` on: what an interrupted epoch has left.
    pub fn epoch_from(&mut self, epoch: u64, batch: usize) -> Epoch<'_> {
        let order = self.work.sampling.epoch(self.work.options.seed, epoch);
        let batches = self.batches();
        let first = batch.min(batches) * self.work.options.batch_size;
        self.work.announce(&order, first..first + self.work.ahead);
        self.work.queue.begin(epoch, order, batch.min(batches)..batches);
        // Of what came before the interruption, something could be loaded: the rest need not have any.
        Epoch { loader: self, remaining: batches.saturating_sub(batch), gave: batch > 0 }
    }

    /// The samples that could not be loaded since this was last asked, each told once in the loader's life.
    pub fn take_problems(&self) -> Vec<Problem> {
        let mut problems = self.work.queue.take_problems();
        problems.extend(self.work.source.take_cache_problem());
        problems
    }
}

impl Drop for Loader {
    fn drop(&mut self) {
        self.work.queue.stop();
        for thread in self.threads.drain(..) {
            // A worker catches the panics of datasets; nothing is left to report here.
            let _ = thread.join();
        }
    }
}

/// How many samples a dataset is told of ahead: about so many as are shuffled with each other, so that the next ones arrive
/// while these are used. 0 where samples do not lie in stretches.
fn ahead(dataset: &dyn Dataset, shuffle_bytes: u64) -> usize {
    let bytes: u64 = dataset.stretches().iter().map(|stretch| stretch.bytes).sum();
    let samples = dataset.len() as u128 * u128::from(shuffle_bytes) / u128::from(bytes.max(1));
    if dataset.stretches().is_empty() { 0 } else { samples.clamp(1, dataset.len() as u128) as usize }
}

/// Height, width and channels that every image gets.
fn output_shape(source: &Source, transforms: &[Transform]) -> Result<(usize, usize, usize), DataError> {
    let extent = source.dataset().extent();
    let start = extent.uniform.then_some((extent.height, extent.width));
    let size = transforms.iter().fold(start, |size, t| t.output_size(size));
    let (height, width) = size.ok_or_else(|| {
        DataError::invalid(
            "transforms",
            "images of several sizes do not become one size: add Resize with [height, width], CenterCrop or RandomCrop",
        )
    })?;
    Ok((height, width, transforms.iter().fold(extent.channels, |channels, t| t.output_channels(channels))))
}

/// The batches of one epoch, in order. Dropping it ends the epoch.
pub struct Epoch<'a> {
    loader: &'a mut Loader,
    remaining: usize,
    gave: bool,
}

impl Iterator for Epoch<'_> {
    type Item = Result<Batch, DataError>;

    fn next(&mut self) -> Option<Self::Item> {
        while self.remaining > 0 {
            self.remaining -= 1;
            match self.loader.work.queue.take() {
                Ok(batch) if batch.is_empty() => {
                    if self.remaining == 0 && !self.gave {
                        return Some(Err(DataError::invalid(
                            "loader",
                            "not one sample of the epoch could be loaded",
                        )));
                    }
                }
                Ok(batch) => {
                    self.gave = true;
                    return Some(Ok(batch));
                }
                Err(error) => {
                    self.remaining = 0;
                    return Some(Err(error));
                }
            }
        }
        None
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (0, Some(self.remaining))
    }
}

impl Drop for Epoch<'_> {
    fn drop(&mut self) {
        self.loader.work.queue.end();
    }
}
