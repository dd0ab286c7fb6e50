//! The order of a training step: what every chunk does alone, and where the chunks meet.

use rayon::prelude::*;

use ocelli_kernels::outer::{Groups, outer};
use ocelli_kernels::sweep::Sweep;
use ocelli_kernels::{BLOCK, Strides};

use super::super::chunk::{Chunk, Shared, Task};
use super::super::program::{ConvStep, Part, Program, StepKind};
use super::super::statistics::Batch;
use super::{Pass, SampleKeys, TrainPlan};

/// A stretch of work between meetings.
#[derive(Debug)]
pub(in super::super) enum Phase {
    /// Every chunk runs these tasks, depth first.
    Chunks(Vec<Task>),
    /// A BatchNorm joins the chunks' statistics.
    JoinStatistics(usize),
    /// An instance normalisation's running averages move.
    AverageImages(usize),
    /// A BatchNorm joins the chunks' gradient sums.
    JoinSums(usize),
    /// A large weight's gradient, over all chunks at once.
    WeightGradient(usize),
}

fn push(phases: &mut Vec<Phase>, task: Task) {
    if let Some(Phase::Chunks(tasks)) = phases.last_mut() {
        tasks.push(task);
    } else {
        phases.push(Phase::Chunks(vec![task]));
    }
}

pub(in super::super) fn forward(program: &Program) -> Vec<Phase> {
    let mut phases = Vec::new();
    for (index, step) in program.steps.iter().enumerate() {
        if matches!(&step.kind, StepKind::BatchNorm(norm) if norm.by_batch) {
            push(&mut phases, Task::Statistics(index));
            phases.push(Phase::JoinStatistics(index));
        }
        push(&mut phases, Task::Forward(index));
    }
    // What they are of is kept, so that chunks need not meet earlier.
    let instances = (0..program.steps.len()).filter(|&index| program.instances(index).is_some());
    phases.extend(instances.map(Phase::AverageImages));
    phases
}

/// The backward pass from the last step to the step `first`.
pub(super) fn backward(program: &Program, first: usize) -> Vec<Phase> {
    let mut phases = Vec::new();
    for (index, step) in program.steps.iter().enumerate().skip(first).rev() {
        step.again.iter().for_each(|&producer| push(&mut phases, Task::Forward(producer)));
        push(&mut phases, Task::Backward(index));
        match &step.kind {
            StepKind::BatchNorm(_) if program.slots[step.op.output].grad.is_some() => {
                phases.push(Phase::JoinSums(index));
                push(&mut phases, Task::NormGradient(index));
            }
            StepKind::Conv(conv) if conv.weight_part.is_none() => phases.push(Phase::WeightGradient(index)),
            _ => {}
        }
    }
    phases
}

impl TrainPlan {
    pub(super) fn run_phase(&mut self, pass: Pass, index: usize, keys: Option<&SampleKeys<'_>>) {
        let phase = match pass {
            Pass::Forward => &self.forward[index],
            Pass::Backward => &self.backward[index],
        };
        match *phase {
            Phase::Chunks(_) => self.run_chunks(pass, index, keys),
            Phase::JoinStatistics(step) => self.join_statistics(step),
            Phase::AverageImages(step) => self.average_images(step),
            Phase::JoinSums(step) => self.join_sums(step),
            Phase::WeightGradient(step) => self.weight_gradient(step),
        }
    }

    fn run_chunks(&mut self, pass: Pass, index: usize, keys: Option<&SampleKeys<'_>>) {
        let phases = match pass {
            Pass::Forward => &self.forward,
            Pass::Backward => &self.backward,
        };
        let Phase::Chunks(tasks) = &phases[index] else { return };
        let program = &self.program;
        let shared = Shared {
            isa: self.isa,
            program,
            values: &self.values,
            transposed: &self.transposed,
            transformed: &self.transformed,
            norms: &self.parameters.norms,
            scratch: &self.scratch,
        };
        let memory = (&mut self.memory[..], &mut self.places[..]);
        over_memory(memory, program, self.count, |chunk| {
            tasks.iter().for_each(|&task| chunk.run(&shared, task, keys));
        });
    }

    fn join_statistics(&mut self, step: usize) {
        let step = self.program.norm_step(step);
        let batch = Batch { program: &self.program, memory: &self.memory, count: self.count };
        batch.normalise(step, &mut self.parameters.norms[step.index], &self.values, self.averages_move);
    }

    fn average_images(&mut self, step: usize) {
        if !self.averages_move {
            return;
        }
        let batch = Batch { program: &self.program, memory: &self.memory, count: self.count };
        if let Some(instances) = self.program.instances(step) {
            batch.average_images(&instances, &mut self.parameters.norms[instances.norm]);
        }
    }

    fn join_sums(&mut self, step: usize) {
        let step = self.program.norm_step(step);
        let batch = Batch { program: &self.program, memory: &self.memory, count: self.count };
        batch.sums(step, &mut self.parameters.norms[step.index], &self.values, &mut self.gradients);
    }

    fn weight_gradient(&mut self, step: usize) {
        let step = &self.program.steps[step];
        let StepKind::Conv(conv) = &step.kind else { unreachable!("the phase is a convolution's") };
        let slots = &self.program.slots;
        let g = match &step.temporary {
            Some(g) => g,
            None => slots[step.op.output].grad.as_ref().expect("the gradient is wanted"),
        };
        let x = &slots[step.op.input()].data;
        let (memory, chunk, count) = (self.program.memory, self.program.chunk, self.count);
        // Grouped convolutions, of several sweeps, have shares.
        let sweep = conv.forward[0].sweep;
        let block = sweep.taps.block_len();
        let weights = &mut self.gradients[conv.weight.clone()];
        let floats = &self.memory;
        weights.par_chunks_mut(BLOCKS_OF_A_TASK * block).enumerate().with_max_len(1).for_each(
            |(task, dw)| {
                let strides = g.layout.strides();
                let y = Strides { start: strides.start + task * BLOCKS_OF_A_TASK * BLOCK, ..strides };
                let s = Sweep { images: chunk, blocks: dw.len() / block, y, ..sweep };
                let groups = Groups { count: count / chunk, x: memory, g: memory };
                outer(self.isa, &s, groups, &floats[x.range.start..], &floats[g.range.start..], dw, false);
                let rest = Sweep { images: count % chunk, ..s };
                let start = count / chunk * memory;
                if rest.images > 0 {
                    let (x, g) = (start + x.range.start, start + g.range.start);
                    outer(self.isa, &rest, Groups::ONE, &floats[x..], &floats[g..], dw, true);
                }
            },
        );
    }

    /// Adds up the chunks' shares of the small gradients, in the chunks' order.
    pub(super) fn sum_parts(&mut self) {
        let (memory, program) = (&self.memory, &self.program);
        let chunks = self.count.div_ceil(program.chunk);
        let gradients = &mut self.gradients;
        for step in &program.steps[self.first..] {
            for Part { whole, part } in &step.parts {
                gradients[whole.clone()].par_chunks_mut(SUMMED_AT_ONCE).enumerate().for_each(|(i, sum)| {
                    sum.fill(0.0);
                    for chunk in 0..chunks {
                        let start = chunk * program.memory + part.start + i * SUMMED_AT_ONCE;
                        let part = &memory[start..start + sum.len()];
                        sum.iter_mut().zip(part).for_each(|(s, p)| *s += p);
                    }
                });
            }
        }
    }

    /// Brings the weights of Winograd's method for the forward pass up to date.
    pub(super) fn refresh_transformed(&mut self) {
        if self.transformed_for == Some(Pass::Forward) {
            return;
        }
        for step in &self.program.steps {
            let StepKind::Conv(conv) = &step.kind else { continue };
            let Some(w) = &conv.winograd else { continue };
            let packed = &self.values[conv.weight.clone()];
            w.winograd.transform_weights(self.isa, packed, &mut self.transformed[w.weights.clone()]);
        }
        self.transformed_for = Some(Pass::Forward);
    }

    /// Brings the weights of the input gradients up to date: transposed, and for Winograd's method
    /// transformed.
    pub(super) fn refresh_transposed(&mut self) {
        for step in &self.program.steps[self.first..] {
            let StepKind::Conv(conv) = &step.kind else { continue };
            let packed = &self.values[conv.weight.clone()];
            if let Some(w) = &conv.inward {
                if self.transformed_for != Some(Pass::Backward) {
                    let turned = &mut self.turned[conv.transposed.clone()];
                    transpose(conv, packed, turned);
                    let transformed = &mut self.transformed[w.weights.clone()];
                    w.winograd.transform_weights(self.isa, turned, transformed);
                }
            } else if !self.transposed_current {
                transpose(conv, packed, &mut self.transposed[conv.transposed.clone()]);
            }
        }
        self.transformed_for = Some(Pass::Backward);
        self.transposed_current = true;
    }
}

/// Transposes the weights of a convolution for its input gradient, if it has one.
fn transpose(conv: &ConvStep, packed: &[f32], transposed: &mut [f32]) {
    if let (Some(sparse), false) = (&conv.sparse, transposed.is_empty()) {
        sparse.transpose(packed, transposed);
    }
    for phase in &conv.phases {
        let block = phase.conv.sweep.taps.block_len();
        let part = &mut transposed[phase.conv.weights..][..phase.conv.sweep.blocks * block];
        let transpose = |(i, to): (usize, &mut [f32])| conv.conv.transpose(phase, i, packed, to);
        if part.len() < SUMMED_AT_ONCE {
            part.chunks_mut(block).enumerate().for_each(transpose);
        } else {
            part.par_chunks_mut(block).enumerate().for_each(transpose);
        }
    }
}

/// Blocks of output channels whose weight gradients one task sums.
const BLOCKS_OF_A_TASK: usize = 2;

/// Values that are worth another thread.
const SUMMED_AT_ONCE: usize = 32 * 1024;

/// Runs `run` on each chunk of a batch of `count` images, in parallel, with its part of the memory
/// of all.
pub(in super::super) fn over_memory(
    (floats, places): (&mut [f32], &mut [u16]),
    program: &Program,
    count: usize,
    run: impl Fn(&mut Chunk<'_>) + Sync,
) {
    let chunks = count.div_ceil(program.chunk);
    let floats = floats.par_chunks_mut(program.memory.max(1));
    // Without pooling there are none.
    let places = places.par_chunks_mut(program.places.max(1)).map(Some);
    let places = places.chain(rayon::iter::repeat_n((), chunks).map(|()| None)).take(chunks);
    let places = places.map(Option::unwrap_or_default);
    floats.zip(places).enumerate().with_max_len(1).for_each(|(number, (floats, places))| {
        let first = number * program.chunk;
        run(&mut Chunk { floats, places, images: program.chunk.min(count - first), first });
    });
}
