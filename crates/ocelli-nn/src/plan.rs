//! Plans: a network compiled for training or inference, for one batch size and input shape.
//!
//! A plan rewrites the network by [`Passes`] (folding BatchNorm, fusing what follows a convolution),
//! decides ahead where every buffer lies, and then runs steps that call kernels. Running one
//! allocates nothing.
//!
//! The batch is cut into chunks of a few images, each with memory of its own; between layers that
//! couple the batch (BatchNorm in training) a thread takes a chunk through all layers while it is in
//! its cache. What is summed over the batch is summed in an order that the batch alone decides, so
//! that results do not depend on the number of threads. Threads are the calling [`rayon`] pool's: run a loop over batches
//! inside its `install`, since work handed in from outside wakes the pool's threads each time.

mod aligned;
mod awake;
mod chunk;
mod error;
mod gradient;
mod graph;
mod infer;
mod memory;
mod ops;
mod parameters;
mod passes;
mod program;
mod scratch;
mod statistics;
mod train;

use ocelli_kernels::Isa;

pub use error::PlanError;
pub use gradient::GradientPlan;
pub use infer::InferPlan;
pub use passes::Passes;
pub use train::{Average, MAX_SLOTS, SampleKeys, TrainMemory, TrainPlan, Update, UpdateStep, Whole};

/// How a plan is compiled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlanOptions {
    /// The most images of a batch; default 1.
    pub batch: usize,
    /// Which passes are applied; default all.
    pub passes: Passes,
    /// The instruction set; default the best one, or what the environment names (see
    /// [`ocelli_kernels::ISA_VARIABLE`]).
    pub isa: Isa,
    /// Whether training makes values again rather than keep them; default by the plan's size.
    pub recompute: Recompute,
}

/// Whether a training plan keeps what BatchNorm puts out for the backward pass, or makes it again from
/// BatchNorm's input, which it has to keep anyway. It changes memory and time, and no bit of the results.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Recompute {
    /// Makes it again if the maps of a batch would take more than 512 MB.
    #[default]
    Auto,
    /// Keeps it.
    Never,
    /// Makes it again.
    Always,
}

impl Default for PlanOptions {
    fn default() -> Self {
        let isa = Isa::detect().unwrap_or_else(|_| Isa::available()[0]);
        Self { batch: 1, passes: Passes::all(), isa, recompute: Recompute::Auto }
    }
}

/// The most images of a chunk: enough that a linear layer's weights, once read, serve several.
const MAX_CHUNK: usize = 8;

/// Floats that the largest map of a chunk may take: more would leave the last-level cache.
const MAX_MAP: usize = 4 << 20;

/// Images of a chunk of a batch for so many threads: `TRAINING_THREADS` in training, where the order of
/// sums must not depend on the threads that there are.
fn chunk_images(batch: usize, graph: &graph::Graph, threads: usize) -> usize {
    let most = batch.div_ceil(threads).min(MAX_CHUNK).min((MAX_MAP / largest_map(graph)).max(1));
    // Every chunk has memory for as many images as the largest.
    batch.div_ceil(batch.div_ceil(most))
}

/// Values of the largest map of an image, at least 1.
fn largest_map(graph: &graph::Graph) -> usize {
    let live = (0..graph.values.len()).filter(|&value| graph.is_live(value));
    live.map(|value| graph.values[value].elements()).max().unwrap_or(1).max(1)
}

/// Even a small batch is cut for so many threads.
const TRAINING_THREADS: usize = 2;

/// How many whole images `len` floats are.
fn count_images(len: usize, image: usize, batch: usize) -> usize {
    let count = len / image;
    assert!(
        len == count * image && count <= batch,
        "got {len} floats, needs up to {batch} images of {image}"
    );
    count
}
