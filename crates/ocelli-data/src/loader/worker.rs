//! A thread that makes batches.

use std::io;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use super::batch::{Batch, Pool};
use super::queue::{Job, Queue};
use super::sampler::{self, Draw, Sampling};
use super::{LoaderOptions, Source};
use crate::transforms::{Compiled, Key, Workspace};
use crate::{DataError, ErrorKind, Problem};

/// What all workers of a loader share.
pub(super) struct Work {
    pub(super) source: Arc<Source>,
    pub(super) sampling: Sampling,
    /// The transforms that the source has not done.
    pub(super) transforms: Compiled,
    pub(super) queue: Queue,
    pub(super) options: LoaderOptions,
    pub(super) pool: Pool,
    /// How many samples ahead the dataset is told of; 0 where it has no use for it.
    pub(super) ahead: usize,
}

impl Work {
    /// Batches of an epoch.
    pub(super) fn batches(&self) -> usize {
        let samples = self.sampling.len();
        let size = self.options.batch_size;
        if self.options.drop_last { samples / size } else { samples.div_ceil(size) }
    }
}

/// Starts a worker; it ends when the queue stops.
pub(super) fn spawn(work: &Arc<Work>) -> io::Result<JoinHandle<()>> {
    let work = Arc::clone(work);
    thread::Builder::new().name("ocelli-loader".to_owned()).spawn(move || {
        let mut workspace = Workspace::default();
        while let Some(job) = work.queue.claim() {
            let mut failed = Vec::new();
            // A dataset's panic must reach the one who waits for the batch. The workspace is only
            // buffers, overwritten before they are read.
            let made = catch_unwind(AssertUnwindSafe(|| work.make(&job, &mut workspace, &mut failed)))
                .unwrap_or_else(|_| {
                    Err(DataError::about(
                        ErrorKind::Panicked,
                        format!("batch {} of epoch {}", job.number, job.epoch),
                        "loading a sample panicked",
                    ))
                });
            work.queue.finish(&job, made, failed);
        }
    })
}

/// Numbers of a batch of which the first are still in a cache when it is done, and when it is read: 4 MiB.
const STAYS: usize = 1 << 20;

impl Work {
    /// Says to the dataset which samples of an order come next, as far as there are so many.
    pub(super) fn announce(&self, order: &[Draw], places: Range<usize>) {
        if self.ahead > 0 {
            let places = places.start.min(order.len())..places.end.min(order.len());
            self.source.announce(order[places].iter().map(|&draw| sampler::index(draw)));
        }
    }

    /// Makes one batch. Samples that fail are left out and told in `failed`.
    fn make(
        &self,
        job: &Job,
        workspace: &mut Workspace,
        failed: &mut Vec<(usize, Problem)>,
    ) -> Result<Batch, DataError> {
        let shape = self.transforms.shape();
        let views = self.transforms.views();
        let image_len = views * shape.0 * shape.1 * shape.2;
        let size = self.options.batch_size;
        let first = job.number * size;
        let samples = &job.order[first..(first + size).min(job.order.len())];

        self.announce(&job.order, first + self.ahead..first + self.ahead + samples.len());

        let mut buffers = self.pool.take();
        buffers.images.resize(size * image_len, 0.0);
        workspace.streams = buffers.images.len() > STAYS;
        for &draw in samples {
            let index = sampler::index(draw);
            let place = buffers.labels.len() * image_len;
            let out = &mut buffers.images[place..place + image_len];
            match self.sample(draw, job.epoch, workspace, out) {
                Ok(()) => {
                    buffers.labels.push(self.source.dataset().label(index));
                    self.push_targets(index, &mut buffers.targets);
                    buffers.samples.push(draw);
                }
                Err(error) if self.options.strict || error.kind() == ErrorKind::Unavailable => {
                    return Err(error);
                }
                Err(error) => failed.push((index, error.into())),
            }
        }
        if let Some(transform) = &self.options.batch {
            let images = &mut buffers.images[..buffers.labels.len() * image_len];
            let name = (self.options.seed, job.epoch, job.number as u64);
            buffers.mixing = transform.apply(images, &buffers.labels, shape, name);
            if let Some(mixing) = &buffers.mixing {
                mixing.mix_targets(&mut buffers.targets);
            }
        }
        Ok(Batch::new(job.number, buffers, shape, views, self.pool.clone()))
    }

    /// Adds which classes a sample of multi-label data has.
    fn push_targets(&self, index: usize, targets: &mut Vec<f32>) {
        let dataset = self.source.dataset();
        if dataset.is_multi_label() {
            let first = targets.len();
            targets.resize(first + dataset.classes().len(), 0.0);
            dataset.labels(index).iter().for_each(|label| targets[first + *label as usize] = 1.0);
        }
    }

    fn sample(
        &self,
        draw: Draw,
        epoch: u64,
        workspace: &mut Workspace,
        out: &mut [f32],
    ) -> Result<(), DataError> {
        let key = Key { seed: self.options.seed, epoch, sample: draw };
        self.source.run(sampler::index(draw), &self.transforms, key, workspace, out)
    }
}
