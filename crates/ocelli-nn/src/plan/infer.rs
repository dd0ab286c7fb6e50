//! Plans for inference.

use rayon::prelude::*;

use ocelli_kernels::Isa;

use super::aligned::Aligned;
use super::awake::awake;
use super::chunk::{Chunk, Shared, Task};
use super::graph::Graph;
use super::parameters::Parameters;
use super::program::{Compiler, Program, Purpose, StepKind};
use super::scratch::{Scratch, ScratchPool};
use super::statistics::Batch;
use super::train::check_norms;
use super::train::phases::{self, Phase, over_memory};
use super::{PlanError, PlanOptions, Recompute, chunk_images, largest_map};
use crate::network::{Network, ParameterSpec};
use crate::weights::Weights;

/// A network compiled to evaluate images: dropout left out, BatchNorm by its running averages, if it has any.
#[derive(Debug)]
pub struct InferPlan {
    program: Program,
    /// Where a BatchNorm without running averages joins the chunks' statistics; else one stretch.
    phases: Vec<Phase>,
    parameters: Parameters,
    isa: Isa,
    batch: usize,
    image: usize,
    values: Aligned<f32>,
    transformed: Aligned<f32>,
    memory: Aligned<f32>,
    scratch: ScratchPool,
    output: Aligned<f32>,
}

impl InferPlan {
    /// Compiles `network` with `weights`, to run on as many threads as the calling pool has.
    ///
    /// # Errors
    /// If the weights do not fit the network, the batch is empty, a pooling window is too large, a BatchNorm without
    /// running averages would have one value for each channel, or there is not enough memory.
    pub fn new(network: &Network, weights: &Weights, options: PlanOptions) -> Result<Self, PlanError> {
        weights.check(network).map_err(PlanError::weights)?;
        let Outline { mut parameters, program, phases, parts, output } = Outline::of(network, options)?;
        let mut values = Aligned::zeros(parameters.len())?;
        parameters.load(weights, &mut values);
        parameters.normalise_by_running_averages(&values);
        let mut transformed = Aligned::zeros(program.transformed)?;
        for step in &program.steps {
            if let StepKind::Conv(conv) = &step.kind
                && let Some(w) = &conv.winograd
            {
                let packed = &values[conv.weight.clone()];
                w.winograd.transform_weights(options.isa, packed, &mut transformed[w.weights.clone()]);
            }
        }
        Ok(Self {
            memory: Aligned::zeros(program.memory * parts)?,
            scratch: ScratchPool::new(program.scratch)?,
            output: Aligned::zeros(output)?,
            image: network.input().elements(),
            batch: options.batch,
            isa: options.isa,
            phases,
            program,
            parameters,
            values,
            transformed,
        })
    }

    /// The network's output for images of N × H × W × C floats, N at most the plan's batch: N ×
    /// classes, or N × H × W × C for a map.
    ///
    /// # Panics
    /// If `images` is not whole images, or more than the batch.
    pub fn run(&mut self, images: &[f32]) -> &[f32] {
        let count = super::count_images(images.len(), self.image, self.batch);
        if self.phases.len() > 1 {
            return self.run_joined(images, count);
        }
        let (program, chunk) = (&self.program, self.program.chunk);
        let shared = Shared {
            isa: self.isa,
            program,
            values: &self.values,
            transposed: &[],
            transformed: &self.transformed,
            norms: &self.parameters.norms,
            scratch: &self.scratch,
        };
        let each = self.output.len() / self.batch;
        // A batch of fewer images than threads is split within its images instead.
        let split = count < rayon::current_num_threads();
        let run = |floats: &mut [f32], images: &[f32], output: &mut [f32]| {
            let count = images.len() / self.image;
            let mut chunk = Chunk { floats, places: &mut [], images: count, first: 0 };
            chunk.load(program, images);
            for (index, step) in program.steps.iter().enumerate() {
                if split {
                    chunk.forward_split(&shared, step);
                } else {
                    chunk.run(&shared, Task::Forward(index), None);
                }
            }
            chunk.store(program, output);
        };
        let output = &mut self.output[..count * each];
        if split {
            let memory = &mut self.memory[..program.memory];
            let all = images.chunks(self.image).zip(output.chunks_mut(each));
            awake(|| all.for_each(|(image, output)| run(memory, image, output)));
            return output;
        }
        // Every thread takes its share of the images, chunk by chunk through the same memory.
        let parts = self.memory.len() / program.memory.max(1);
        let share = count.div_ceil(parts.max(1)).max(1);
        let chunk = share.div_ceil(share.div_ceil(chunk));
        self.memory
            .par_chunks_mut(program.memory.max(1))
            .zip(images.par_chunks(share * self.image))
            .zip(output.par_chunks_mut(share * each))
            .with_max_len(1)
            .for_each(|((floats, images), output)| {
                let chunks = images.chunks(chunk * self.image).zip(output.chunks_mut(chunk * each));
                chunks.for_each(|(images, output)| run(floats, images, output));
            });
        output
    }

    /// The same for a network that normalises by the batch: the chunks meet where their statistics are joined.
    fn run_joined(&mut self, images: &[f32], count: usize) -> &[f32] {
        let (program, chunk) = (&self.program, self.program.chunk);
        let image = self.image;
        over_memory((&mut self.memory, &mut []), program, count, |part| {
            part.load(program, &images[part.first * image..(part.first + part.images) * image]);
        });
        for phase in &self.phases {
            match phase {
                Phase::Chunks(tasks) => {
                    let shared = Shared {
                        isa: self.isa,
                        program,
                        values: &self.values,
                        transposed: &[],
                        transformed: &self.transformed,
                        norms: &self.parameters.norms,
                        scratch: &self.scratch,
                    };
                    over_memory((&mut self.memory, &mut []), program, count, |part| {
                        tasks.iter().for_each(|&task| part.run(&shared, task, None));
                    });
                }
                Phase::JoinStatistics(index) => {
                    let step = program.norm_step(*index);
                    let batch = Batch { program, memory: &self.memory, count };
                    batch.normalise(step, &mut self.parameters.norms[step.index], &self.values, false);
                }
                _ => unreachable!("inference goes forward, and has no running averages to move"),
            }
        }
        let each = self.output.len() / self.batch;
        let output = &mut self.output[..count * each];
        let parts = output.chunks_mut(chunk * each).zip(self.memory.chunks_mut(program.memory.max(1)));
        for (index, (output, floats)) in parts.enumerate() {
            let images = output.len() / each;
            Chunk { floats, places: &mut [], images, first: index * chunk }.store(program, output);
        }
        output
    }

    /// Bytes of the plan's weights and activations, and of one thread's working memory.
    #[must_use]
    pub fn memory(&self) -> usize {
        (self.values.len() + self.transformed.len() + self.memory.len() + self.output.len())
            * size_of::<f32>()
            + self.scratch.memory()
    }

    /// Bytes that such a plan takes on the threads of the calling pool, with the working memory of all of them; nothing is
    /// allocated for it.
    ///
    /// # Errors
    /// As [`InferPlan::new`], but for weights and missing memory.
    pub fn memory_of(network: &Network, options: PlanOptions) -> Result<usize, PlanError> {
        let Outline { parameters, program, parts, output, .. } = Outline::of(network, options)?;
        let once = parameters.len() + program.transformed + program.memory * parts + output;
        Ok(once * size_of::<f32>() + Scratch::bytes(program.scratch) * rayon::current_num_threads())
    }
}

/// All of a plan but its memory.
struct Outline {
    parameters: Parameters,
    program: Program,
    phases: Vec<Phase>,
    /// Chunks that have memory at a time: one for each thread, or, where chunks meet, all of a whole batch.
    parts: usize,
    /// Floats of a whole batch's output.
    output: usize,
}

impl Outline {
    /// For the threads of the calling pool.
    fn of(network: &Network, options: PlanOptions) -> Result<Self, PlanError> {
        if options.batch == 0 {
            return Err(PlanError::batch());
        }
        let mut graph = Graph::lower(network, false)?;
        check_norms(network, &graph, options.batch, false)?;
        options.passes.apply(&mut graph, false);
        let mut parameters = Parameters::new(network);
        let chunk = chunk_images(options.batch, &graph, rayon::current_num_threads())
            .min(images_for_weights(network, largest_map(&graph)));
        let program = Compiler::compile(
            &graph,
            &mut parameters,
            Purpose::Inference,
            (options.batch, chunk),
            Recompute::Never,
        );
        let phases = phases::forward(&program);
        let chunks = options.batch.div_ceil(chunk);
        let parts = if phases.len() > 1 { chunks } else { chunks.min(rayon::current_num_threads()) };
        let output = options.batch * graph.values[graph.output].elements();
        Ok(Self { parameters, program, phases, parts, output })
    }
}

/// Floats of a chunk's largest map that the caches hold beside all else.
const CACHED_MAP: usize = 1 << 20;

/// The most images of a chunk for which reading the weights once for all of them saves more than is lost by
/// maps that leave the caches: few where the network's weights are few.
fn images_for_weights(network: &Network, largest: usize) -> usize {
    let weights: usize = network.parameters().iter().map(ParameterSpec::elements).sum();
    (CACHED_MAP / largest).max(weights / (2 * largest)).max(1)
}
