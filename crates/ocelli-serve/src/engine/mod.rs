//! From pictures to probabilities.

mod batcher;
mod failure;
mod model;
mod picture;
mod registry;

pub(crate) use failure::Failure;
pub(crate) use model::{Answer, Model, Timing};
pub(crate) use picture::{Picture, Values};
pub(crate) use registry::{Registry, Slot, Unknown};

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;

use crate::ServeOptions;
use crate::metrics::Metrics;

/// What all models share.
#[derive(Clone)]
pub(crate) struct Shared {
    /// Runs networks.
    pool: Arc<rayon::ThreadPool>,
    /// As many pictures are decoded at a time as it has places.
    decoders: Arc<Semaphore>,
    metrics: Arc<Metrics>,
    bounds: Bounds,
}

/// How much at once.
#[derive(Clone, Copy)]
struct Bounds {
    max_batch: usize,
    max_delay: Duration,
    queue: usize,
    limits: ocelli_data::Limits,
}

impl Shared {
    pub(crate) fn new(
        options: &ServeOptions,
        metrics: Arc<Metrics>,
    ) -> Result<Self, rayon::ThreadPoolBuildError> {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(options.threads)
            .thread_name(|index| format!("infer-{index}"))
            .build()?;
        let limits =
            ocelli_data::Limits { max_pixels: options.max_pixels, max_file_bytes: options.max_body as u64 };
        let bounds = Bounds {
            max_batch: options.max_batch,
            max_delay: options.max_delay,
            queue: options.queue,
            limits,
        };
        Ok(Self {
            pool: Arc::new(pool),
            decoders: Arc::new(Semaphore::new(options.threads)),
            metrics,
            bounds,
        })
    }
}
