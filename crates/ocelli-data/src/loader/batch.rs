//! A batch and where its buffers go when it is done.

use std::sync::{Arc, Mutex, PoisonError};

use crate::Mixing;

/// Images with their labels, ready for a network.
///
/// Its buffers go back to the loader when it is dropped, for a later batch.
#[derive(Debug)]
pub struct Batch {
    number: usize,
    buffers: Buffers,
    shape: (usize, usize, usize),
    views: usize,
    pool: Pool,
}

/// What a batch holds.
#[derive(Debug, Default)]
pub(super) struct Buffers {
    pub(super) images: Vec<f32>,
    pub(super) labels: Vec<u32>,
    /// Of multi-label data: how much of each class each image has.
    pub(super) targets: Vec<f32>,
    pub(super) samples: Vec<u64>,
    pub(super) mixing: Option<Mixing>,
}

/// Buffers that wait for the next batch.
#[derive(Clone, Debug, Default)]
pub(super) struct Pool(Arc<Mutex<Vec<Buffers>>>);

impl Pool {
    /// Buffers, with the allocations of an earlier batch if one is back.
    pub(super) fn take(&self) -> Buffers {
        let mut pool = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        pool.pop().unwrap_or_default()
    }

    fn give(&self, mut buffers: Buffers) {
        buffers.labels.clear();
        buffers.targets.clear();
        buffers.samples.clear();
        buffers.mixing = None;
        let mut pool = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        pool.push(buffers);
    }
}

impl Batch {
    pub(super) fn new(
        number: usize,
        buffers: Buffers,
        shape: (usize, usize, usize),
        views: usize,
        pool: Pool,
    ) -> Self {
        Self { number, buffers, shape, views, pool }
    }

    /// Its place in the epoch, from 0. Batches of which not one sample could be loaded are counted, but not given.
    pub fn number(&self) -> usize {
        self.number
    }

    /// How many samples it has: the loader's batch size, or fewer at the end of an epoch or where samples could not be loaded.
    pub fn len(&self) -> usize {
        self.buffers.labels.len()
    }

    /// Whether it has no samples; a loader gives no such batch.
    pub fn is_empty(&self) -> bool {
        self.buffers.labels.is_empty()
    }

    /// Height, width and channels of each image.
    pub fn shape(&self) -> (usize, usize, usize) {
        self.shape
    }

    /// How many views of each sample it has: one, but where the transforms say otherwise.
    pub fn views(&self) -> usize {
        self.views
    }

    /// The images: len × views × height × width × channels numbers, channels last.
    pub fn images(&self) -> &[f32] {
        let (height, width, channels) = self.shape;
        &self.buffers.images[..self.len() * self.views * height * width * channels]
    }

    /// The label of each image; of multi-label data the first of each.
    pub fn labels(&self) -> &[u32] {
        &self.buffers.labels
    }

    /// Of multi-label data, how much of each class each image has, len × classes: 0 or 1, or between where images were mixed.
    pub fn targets(&self) -> Option<&[f32]> {
        (!self.buffers.targets.is_empty()).then_some(&self.buffers.targets)
    }

    /// How the images were mixed, if they were: then labels are only a part of the truth.
    pub fn mixing(&self) -> Option<&Mixing> {
        self.buffers.mixing.as_ref()
    }

    /// What names each image's random numbers: its index in the dataset, and in the upper 32 bits how often the epoch had it
    /// before, which is 0 unless a sampler repeats samples.
    pub fn samples(&self) -> &[u64] {
        &self.buffers.samples
    }
}

impl Batch {
    /// The index of each image in its dataset.
    pub fn indices(&self) -> impl Iterator<Item = usize> {
        self.buffers.samples.iter().map(|&draw| super::sampler::index(draw))
    }
}

impl Drop for Batch {
    fn drop(&mut self) {
        self.pool.give(std::mem::take(&mut self.buffers));
    }
}
