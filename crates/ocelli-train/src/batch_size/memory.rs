//! What training takes at a batch size.

use crate::distill::Teacher;
use crate::error::TrainError;
use crate::optimizer::Optimizer;
use ocelli_nn::Network;
use ocelli_nn::plan::{PlanOptions, TrainMemory};
use serde::Serialize;

/// What the program takes beside what is counted: its code, the stacks of its threads, what reading the data needs, and what the allocator
/// holds beyond what it was asked for (mimalloc, of the command), which grows with that. In runs that were counted at 80 to 1,650 MiB that
/// was 48 to 103 MiB; the count with this was 1.01 to 1.29 times the most memory that the process had resident.
const PROGRAM: u64 = 80 << 20;
/// That part of what is counted is held beside it.
const HELD: u64 = 20;

/// Bytes that a run takes at most while it trains with batches of one size, by what they are for.
///
/// Counted is what the run asks for, whether or not it uses all of it at the same time. Not counted are the list of the data's files, what
/// decoders work in, and random transforms' copies of an image or two, but for the sum that stands for the program. Images are
/// counted as if all that may be kept were kept already.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct BatchMemory {
    /// Images of a batch.
    pub batch_size: usize,
    /// Weights, gradients, the optimizer's buffers and every other set of the weights: averages, gradients that wait for a step of
    /// several batches, the weights that sharpness-aware minimisation climbs from, those that came from a file.
    pub parameters: u64,
    /// The batch's maps and their gradients, and weights transformed for the kernels.
    pub maps: u64,
    /// What the threads work in.
    pub threads: u64,
    /// The teacher: its weights, and its maps of a batch.
    pub teacher: u64,
    /// Batches that are made ahead, in training and in evaluation, and the one in use.
    pub batches: u64,
    /// Images that lie in memory: those of the data, and what is kept of decoded ones.
    pub images: u64,
    /// What comes and goes between epochs: evaluation, a checkpoint, or new running averages for averaged weights, whichever takes
    /// most.
    pub between: u64,
    /// The program itself, and what the allocator holds beyond what it was asked for.
    pub program: u64,
}

impl BatchMemory {
    /// All of it.
    pub fn total(&self) -> u64 {
        let BatchMemory {
            batch_size: _,
            parameters,
            maps,
            threads,
            teacher,
            batches,
            images,
            between,
            program,
        } = *self;
        parameters + maps + threads + teacher + batches + images + between + program
    }
}

/// What decides how much a run takes, but for the batch size.
pub(crate) struct Needs<'a> {
    /// The network over each size that training images have in the run.
    pub(crate) networks: Vec<Network>,
    pub(crate) optimizer: Optimizer,
    pub(crate) sets: Sets,
    pub(crate) teacher: Option<&'a Teacher>,
    pub(crate) threads: usize,
    pub(crate) loaded: Loaded,
    pub(crate) evaluated: Evaluated,
    /// Bytes of images in memory.
    pub(crate) images: u64,
}

/// Sets of the weights.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sets {
    /// Those that checkpoints hold beside the weights and the optimizer's buffers: averages.
    pub(crate) averages: u64,
    /// Those that are only held while training, beside weights and gradients.
    pub(crate) others: u64,
    /// Whether running averages are made anew for averaged weights.
    pub(crate) update_bn: bool,
}

/// How training images come.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Loaded {
    /// Bytes of a sample in a batch, in the largest size that it has in the run.
    pub(crate) sample: u64,
    /// Samples of an epoch.
    pub(crate) samples: u64,
    /// Batches at once.
    pub(crate) at_once: u64,
}

impl Loaded {
    /// Bytes of batches of so many images. Of an epoch's last batch, too, there is room for all.
    fn bytes(&self, batch: u64) -> u64 {
        self.sample * (self.at_once * batch).min(self.samples + batch - 1)
    }
}

/// What evaluation takes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Evaluated {
    /// Bytes of its plan.
    pub(crate) plan: u64,
    /// Bytes of batches.
    pub(crate) batches: u64,
}

impl Needs<'_> {
    /// What it takes with batches of so many images; and whether maps are made again rather than kept. Counts for the threads of
    /// the `rayon` pool that it is called in.
    ///
    /// # Errors
    /// There is no plan of the network for such batches.
    pub(crate) fn at(&self, batch_size: usize) -> Result<(BatchMemory, bool), TrainError> {
        let mut largest: Option<(BatchMemory, bool)> = None;
        for network in &self.networks {
            let found = self.over(network, batch_size)?;
            if largest.is_none_or(|(before, _)| found.0.total() > before.total()) {
                largest = Some(found);
            }
        }
        Ok(largest.expect("a run has a network"))
    }

    fn over(&self, network: &Network, batch_size: usize) -> Result<(BatchMemory, bool), TrainError> {
        let options = PlanOptions { batch: batch_size, ..PlanOptions::default() };
        let optimizer = self.optimizer.for_network(network);
        let plan = TrainMemory::of(network, options, optimizer.as_update()).map_err(TrainError::Plan)?;
        let Sets { averages, others, update_bn } = self.sets;
        let (set, of_optimizer) = (plan.parameters as u64, plan.optimizer as u64);
        let teacher = self.teacher.map(|teacher| teacher.memory(batch_size)).transpose();
        let threads = plan.thread as u64 * self.threads as u64;
        // The loss's gradient has a number for each of the output's.
        let gradient = (batch_size * network.output().elements() * size_of::<f32>()) as u64;
        let maps = plan.maps as u64 + gradient;
        // The state, the bytes of its file, and those of a tensor on its way there.
        let tensors = network.parameters().into_iter().map(|spec| spec.shape.iter().product::<usize>());
        let tensor = tensors.max().unwrap_or(0) * size_of::<f32>();
        let checkpoint = 2 * (set + of_optimizer + averages * set) + tensor as u64;
        // The weights in evaluation, and what they come from.
        let evaluation = self.evaluated.plan + 2 * set;
        let running = if update_bn { 4 * set + maps + threads } else { 0 };
        let mut memory = BatchMemory {
            batch_size,
            parameters: (2 + averages + others) * set + of_optimizer,
            maps,
            threads,
            teacher: teacher.map_err(TrainError::Plan)?.unwrap_or(0),
            batches: self.loaded.bytes(batch_size as u64) + self.evaluated.batches,
            images: self.images,
            between: checkpoint.max(evaluation).max(running),
            program: 0,
        };
        memory.program = PROGRAM + memory.total() / HELD;
        Ok((memory, plan.recomputes))
    }
}
