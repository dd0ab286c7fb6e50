//! Plans for training.

mod average;
mod climb;
mod clip;
mod needs;
pub(super) mod phases;
mod stretches;
mod update;

use rayon::prelude::*;

use ocelli_kernels::Isa;

pub use average::Average;
pub use needs::TrainMemory;
pub use update::{MAX_SLOTS, Update, UpdateStep, Whole};

use self::needs::Outline;
use self::phases::Phase;
use self::stretches::{PIECE, Stretches};
use self::update::{Optimizer, Work};
use super::aligned::Aligned;
use super::chunk::Chunk;
use super::graph::{Graph, INPUT, Kind};
use super::ops::ImageOp;
use super::parameters::Parameters;
use super::program::{Program, Purpose, Step};
use super::scratch::ScratchPool;
use super::{PlanError, PlanOptions};
use crate::network::{Network, ParameterSpec};
use crate::weights::Weights;

/// What a batch's random numbers depend on: never the place of a sample in the batch, nor threads.
#[derive(Clone, Copy, Debug)]
pub struct SampleKeys<'a> {
    /// The run's seed.
    pub seed: u64,
    /// The epoch.
    pub epoch: u64,
    /// Each image's number in the data set.
    pub samples: &'a [u64],
}

/// A network compiled for training: forward, backward, and an optimizer's step.
///
/// ```
/// # use ocelli_nn::{Conv2d, Sequential, Shape, plan::{PlanOptions, SampleKeys, TrainPlan}};
/// let network = Sequential::new(Shape::map(1, 8, 8)).conv2d(Conv2d::new(1, 4, 3)).flatten().linear(144, 2).build("two")?;
/// let mut plan = TrainPlan::new(&network, &network.init(1), PlanOptions { batch: 2, ..PlanOptions::default() })?;
/// let logits = plan.forward(&[0.5; 128], &SampleKeys { seed: 1, epoch: 0, samples: &[0, 1] });
/// assert_eq!(logits.len(), 4);
/// plan.backward(&[1.0, -1.0, 0.0, 0.0]);
/// assert_eq!(plan.gradients().len(), 4);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct TrainPlan {
    program: Program,
    parameters: Parameters,
    forward: Vec<Phase>,
    backward: Vec<Phase>,
    /// The first step that has a parameter which learns: where the backward pass ends.
    first: usize,
    isa: Isa,
    batch: usize,
    image: usize,
    /// Images of the batch that went forward last.
    count: usize,
    /// Whether that batch still waits for its backward pass, which uses up what forward has kept.
    waits: bool,
    values: Aligned<f32>,
    gradients: Aligned<f32>,
    /// Sums of gradients for the next step, each times its weight, and of their weights.
    kept: Aligned<f32>,
    kept_weight: Option<f32>,
    /// The weights that a climb began from.
    foot: Aligned<f32>,
    /// Whether forward passes move running averages.
    averages_move: bool,
    transposed: Aligned<f32>,
    /// Whether the transposed weights are those of `values`.
    transposed_current: bool,
    /// Weights on their way from `values` to `transformed` for the input gradient.
    turned: Aligned<f32>,
    transformed: Aligned<f32>,
    /// Which pass the transformed weights are for, if they are those of `values`.
    transformed_for: Option<Pass>,
    optimizer: Optimizer,
    stretches: Stretches,
    memory: Aligned<f32>,
    places: Aligned<u16>,
    scratch: ScratchPool,
    output: Aligned<f32>,
}

impl TrainPlan {
    /// Compiles `network`, starting from `weights`.
    ///
    /// # Errors
    /// If the weights do not fit the network, the batch is empty, a BatchNorm would have one value
    /// for each channel, a pooling window is too large, or there is not enough memory.
    pub fn new(network: &Network, weights: &Weights, options: PlanOptions) -> Result<Self, PlanError> {
        Self::compile(network, weights, options, Purpose::Training)
    }

    /// For training, or for the gradients of the network as it evaluates.
    pub(super) fn compile(
        network: &Network,
        weights: &Weights,
        options: PlanOptions,
        purpose: Purpose,
    ) -> Result<Self, PlanError> {
        weights.check(network).map_err(PlanError::weights)?;
        let Outline { mut parameters, program, chunks, output } = Outline::of(network, options, purpose)?;
        let mut values = Aligned::zeros(parameters.len())?;
        parameters.load(weights, &mut values);
        if purpose != Purpose::Training {
            parameters.normalise_by_running_averages(&values);
        }
        Ok(Self {
            forward: phases::forward(&program),
            backward: phases::backward(&program, 0),
            first: 0,
            isa: options.isa,
            batch: options.batch,
            image: network.input().elements(),
            count: 0,
            waits: false,
            gradients: Aligned::zeros(parameters.len())?,
            kept: Aligned::zeros(0)?,
            kept_weight: None,
            foot: Aligned::zeros(0)?,
            averages_move: true,
            transposed: Aligned::zeros(program.transposed)?,
            transposed_current: false,
            turned: Aligned::zeros(program.turned)?,
            transformed: Aligned::zeros(program.transformed)?,
            transformed_for: None,
            optimizer: Optimizer::new(0, parameters.segments.len(), 0),
            stretches: Stretches::new(&parameters.segments, parameters.len()),
            memory: Aligned::zeros(program.memory * chunks)?,
            places: Aligned::zeros(program.places * chunks)?,
            scratch: ScratchPool::new(program.scratch)?,
            output: Aligned::zeros(output)?,
            values,
            program,
            parameters,
        })
    }

    /// The output for images of N × H × W × C floats, N at most the plan's batch: N × classes, or
    /// N × H × W × C for a map. Running averages move; dropout is drawn from `keys`.
    ///
    /// # Panics
    /// If `images` is not whole images, more than the batch, or has not one key for each.
    pub fn forward(&mut self, images: &[f32], keys: &SampleKeys<'_>) -> &[f32] {
        self.run_forward(images, keys);
        self.outputs()
    }

    fn run_forward(&mut self, images: &[f32], keys: &SampleKeys<'_>) {
        self.count = super::count_images(images.len(), self.image, self.batch);
        assert_eq!(keys.samples.len(), self.count, "one key for each image");
        self.refresh_transformed();
        let (image, chunk) = (self.image, self.program.chunk);
        self.over_chunks(|chunk_memory, program| {
            let first = chunk_memory.first;
            chunk_memory.load(program, &images[first * image..(first + chunk_memory.images) * image]);
        });
        for index in 0..self.forward.len() {
            self.run_phase(Pass::Forward, index, Some(keys));
        }
        self.waits = true;
        let each = self.output.len() / self.batch;
        let program = &self.program;
        let chunks = self.memory.par_chunks_mut(program.memory.max(1)).enumerate();
        let output = &mut self.output[..self.count * each];
        output.par_chunks_mut(chunk * each).zip(chunks).for_each(|(output, (index, floats))| {
            let images = output.len() / each;
            let first = index * chunk;
            Chunk { floats, places: &mut [], images, first }.store(program, output);
        });
    }

    /// What the last forward pass put out.
    fn outputs(&self) -> &[f32] {
        &self.output[..self.output.len() / self.batch * self.count]
    }

    /// What is made of the weights is no longer theirs.
    fn forget_transposed(&mut self) {
        self.transposed_current = false;
        self.transformed_for = None;
    }

    /// The gradient of the images of the last [`backward`](TrainPlan::backward), N × H × W × C, if the plan makes it.
    pub(super) fn input_gradient(&self, to: &mut [f32]) {
        let Some(map) = &self.program.slots[INPUT].grad else { return to.fill(0.0) };
        let chunks = self.memory.chunks(self.program.memory.max(1));
        for (to, from) in to.chunks_mut(self.program.chunk * self.image).zip(chunks) {
            map.unpad(to.len() / self.image, from, to);
        }
    }

    /// The gradients of all parameters for the gradient of the output of the last
    /// [`forward`](TrainPlan::forward).
    ///
    /// # Panics
    /// If `gradient` has not the output's length, or no forward pass came between this one and the last:
    /// what a forward pass keeps serves once.
    pub fn backward(&mut self, gradient: &[f32]) {
        assert!(std::mem::take(&mut self.waits), "a backward pass needs a forward pass before it");
        let each = self.output.len() / self.batch;
        assert_eq!(gradient.len(), self.count * each, "the output's gradient has the output's length");
        self.refresh_transposed();
        self.over_chunks(|chunk, program| {
            let first = chunk.first;
            chunk.load_gradient(program, &gradient[first * each..(first + chunk.images) * each]);
        });
        for index in 0..self.backward.len() {
            self.run_phase(Pass::Backward, index, None);
        }
        self.sum_parts();
    }

    /// Says which parameters learn from here on; at first all do. The backward pass ends with the first layer, in the order of the
    /// network, that has one which learns: all gradients before it are zeros.
    pub fn learn(&mut self, learns: impl Fn(&ParameterSpec) -> bool) {
        let segments = &self.parameters.segments;
        let has_one = |step: &Step| {
            segments.iter().any(|segment| segment.spec.node == step.op.node && learns(&segment.spec))
        };
        let steps = &self.program.steps;
        let first = steps.iter().position(has_one).unwrap_or(steps.len());
        if first != self.first {
            self.first = first;
            self.backward = phases::backward(&self.program, first);
            self.gradients.fill(0.0);
            self.forget_transposed();
        }
    }

    /// Keeps the gradients of the last [`backward`](TrainPlan::backward) until
    /// [`use_kept_gradients`](TrainPlan::use_kept_gradients) takes the mean of all that were kept, each counting `weight`: what the
    /// loss of its batch was divided by.
    ///
    /// # Errors
    /// If there is no memory for them, which the first call takes.
    pub fn keep_gradients(&mut self, weight: f32) -> Result<(), PlanError> {
        if self.kept.len() != self.gradients.len() {
            self.kept = Aligned::zeros(self.gradients.len())?;
        }
        let pieces = self.kept.par_chunks_mut(PIECE).zip(self.gradients.par_chunks(PIECE));
        pieces.for_each(|(kept, new)| kept.iter_mut().zip(new).for_each(|(kept, new)| *kept += weight * new));
        self.kept_weight = Some(self.kept_weight.unwrap_or(0.0) + weight);
        Ok(())
    }

    /// Makes the gradients the mean of those that were kept, if any were.
    pub fn use_kept_gradients(&mut self) {
        let Some(weight) = self.kept_weight.take() else { return };
        // Batches whose losses weigh nothing have gradients of zero.
        let weight = if weight > 0.0 { weight } else { 1.0 };
        let pieces = self.gradients.par_chunks_mut(PIECE).zip(self.kept.par_chunks_mut(PIECE));
        pieces.for_each(|(gradients, kept)| {
            gradients.iter_mut().zip(kept.iter()).for_each(|(gradient, sum)| *gradient = sum / weight);
            kept.fill(0.0);
        });
    }

    /// Applies an optimizer's update to all parameters. Its state lives here; an update that keeps
    /// another number of buffers than the one before starts anew.
    pub fn step(&mut self, update: &dyn Update) {
        let work = Work {
            isa: self.isa,
            segments: &self.parameters.segments,
            stretches: &mut self.stretches,
            values: &mut self.values,
            gradients: &self.gradients,
        };
        self.optimizer.step(update, work);
        self.forget_transposed();
    }

    /// The weights, buffers included.
    #[must_use]
    pub fn weights(&self) -> Weights {
        self.parameters.unload(&self.values, true)
    }

    /// Takes over weights. Gradients that were kept for the next step are gone.
    ///
    /// # Errors
    /// If they do not fit the plan's network; then nothing changes.
    pub fn load_weights(&mut self, weights: &Weights) -> Result<(), PlanError> {
        weights.check_parameters(&self.parameters.specs).map_err(PlanError::weights)?;
        self.parameters.load(weights, &mut self.values);
        self.kept_weight = None;
        self.kept.fill(0.0);
        self.forget_transposed();
        Ok(())
    }

    /// The gradients of the last [`backward`](TrainPlan::backward), under the parameters' names.
    #[must_use]
    pub fn gradients(&self) -> Weights {
        self.parameters.unload(&self.gradients, false)
    }

    /// The optimizer's buffers: `0.<parameter>`, `1.<parameter>`, and `step`, the steps that each parameter took, with what else it
    /// carries along.
    #[must_use]
    pub fn optimizer_state(&self) -> Weights {
        self.optimizer.state(&self.parameters.segments)
    }

    /// Takes over what [`optimizer_state`](TrainPlan::optimizer_state) gave.
    ///
    /// # Errors
    /// If a buffer is missing or has the wrong shape; then nothing changes.
    pub fn load_optimizer_state(&mut self, state: &Weights) -> Result<(), PlanError> {
        self.optimizer = Optimizer::load(state, &self.parameters.segments, self.parameters.len())?;
        Ok(())
    }

    /// Bytes of parameters, gradients, optimizer state and activations, and of one thread's working
    /// memory, as they are now: [`TrainMemory`] knows what comes with the first steps.
    #[must_use]
    pub fn memory(&self) -> usize {
        let floats = self.values.len()
            + self.gradients.len()
            + self.kept.len()
            + self.foot.len()
            + self.transposed.len()
            + self.turned.len()
            + self.transformed.len()
            + self.memory.len();
        (floats + self.output.len() + self.optimizer.len()) * size_of::<f32>()
            + self.places.len() * size_of::<u16>()
            + self.scratch.memory()
    }

    /// Runs `work` on every chunk of the batch, in parallel.
    fn over_chunks(&mut self, work: impl Fn(&mut Chunk<'_>, &Program) + Sync) {
        let program = &self.program;
        let memory = (&mut self.memory[..], &mut self.places[..]);
        phases::over_memory(memory, program, self.count, |chunk| work(chunk, program));
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pass {
    Forward,
    Backward,
}

/// Refuses normalisations by the batch that would have one value to normalise.
pub(super) fn check_norms(
    network: &Network,
    graph: &Graph,
    batch: usize,
    training: bool,
) -> Result<(), PlanError> {
    for op in &graph.ops {
        let value = graph.values[op.input()];
        let values = match &op.kind {
            Kind::BatchNorm(norm) if training || !norm.running => batch * value.height * value.width,
            // PyTorch's error of instance normalisation counts no images.
            Kind::Image(ImageOp::GroupNorm(_, Some(_))) => value.height * value.width,
            // As in PyTorch, where a batch of more images goes through, whatever comes of it.
            Kind::Image(ImageOp::GroupNorm(norm, None)) => {
                batch * value.height * value.width * (norm.num_channels / norm.num_groups)
            }
            _ => continue,
        };
        if values == 1 {
            return Err(PlanError::one_value(&network.nodes()[op.node].name));
        }
    }
    Ok(())
}
