//! The compiled network: steps with geometry and memory. [`compiler`] makes them of the graph.

mod compiler;
mod convolution;

use std::ops::Range;

use ocelli_kernels::batch_norm::Maps;
use ocelli_kernels::conv::{Conv, ConvSweep, Phase};
use ocelli_kernels::epilogue::Epilogue;
use ocelli_kernels::sparse::SparseConv;
use ocelli_kernels::winograd::Winograd;
use ocelli_kernels::{BLOCK, MapLayout};

use super::graph::{Op, Post, ValueId};
use super::ops::Operation;
use super::statistics::Instances;
pub(super) use compiler::Compiler;

/// A map of every image of a chunk: its memory layout and its place in the chunk's memory.
#[derive(Clone, Debug)]
pub(super) struct Map {
    pub(super) layout: MapLayout,
    pub(super) range: Range<usize>,
}

impl Map {
    /// Gives so many images of a chunk's memory without halo and padding.
    pub(super) fn unpad(&self, images: usize, memory: &[f32], to: &mut [f32]) {
        let Self { layout, range } = self;
        let from = &memory[range.clone()];
        let mut pixels = to.chunks_exact_mut(layout.channels);
        for (n, y) in (0..images).flat_map(|n| (0..layout.height).map(move |y| (n, y))) {
            for source in from[layout.row_values(n, y)].chunks_exact(layout.pixel) {
                let target = pixels.next().expect("there is room for every pixel");
                target.copy_from_slice(&source[..layout.channels]);
            }
        }
    }
}

/// What a program is compiled for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// A forward pass, of the network as it evaluates.
    Inference,
    /// Both passes, of the network as it trains.
    Training,
    /// Both passes, of the network as it evaluates, and the gradient of the input.
    Gradients,
}

/// What training keeps of a value beside its data.
#[derive(Clone, Debug)]
pub(super) struct Slot {
    pub(super) data: Map,
    /// The gradient, if anything before the value has parameters.
    pub(super) grad: Option<Map>,
}

/// Where a step's gradient for one of its inputs goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Target {
    /// Nowhere: nothing before has parameters.
    None,
    /// It is the first: it is written.
    Write,
    /// It is added to what later steps have written.
    Add,
}

/// A step: an operation with geometry and memory.
#[derive(Debug)]
pub(super) struct Step {
    pub(super) op: Op,
    pub(super) kind: StepKind,
    /// Where the gradients of its inputs go.
    pub(super) dx: Vec<Target>,
    pub(super) dadd: Target,
    /// The dropout mask, kept for the backward pass.
    pub(super) mask: Option<Map>,
    /// The places of maxima, in the chunk's memory of places.
    pub(super) places: Option<Range<usize>>,
    /// The gradient before the epilogue, of a convolution that pools.
    pub(super) temporary: Option<Map>,
    /// The parameters whose gradients each chunk has a share of.
    pub(super) parts: Vec<Part>,
    /// Steps whose outputs were not kept, and have to be made again for this one's backward pass.
    pub(super) again: Vec<usize>,
}

#[derive(Debug)]
pub(super) enum StepKind {
    Conv(Box<ConvStep>),
    BatchNorm(NormStep),
    Identity,
    Image(Box<dyn Operation>),
}

/// A chunk's share of a parameter's gradient, which is summed over the chunks.
#[derive(Clone, Debug)]
pub(super) struct Part {
    /// Where the gradient lies among the packed ones.
    pub(super) whole: Range<usize>,
    /// Where the share lies in the chunk's memory.
    pub(super) part: Range<usize>,
}

#[derive(Debug)]
pub(super) struct ConvStep {
    pub(super) conv: Conv,
    pub(super) forward: Vec<ConvSweep>,
    /// Where weight and bias lie among the packed parameters.
    pub(super) weight: Range<usize>,
    pub(super) bias: Option<Range<usize>>,
    /// A part of the output before pooling.
    pub(super) band: Option<Band>,
    /// What makes the input, band by band; `forward` reads such a band.
    pub(super) expansion: Option<Box<ExpansionStep>>,
    /// The input gradient.
    pub(super) phases: Vec<Phase>,
    /// Where the transposed weights lie among all, or among those to be transformed for `inward`.
    pub(super) transposed: Range<usize>,
    /// Winograd's method for the forward pass and for the input gradient.
    pub(super) winograd: Option<WinogradStep>,
    pub(super) inward: Option<WinogradStep>,
    /// The backward pass through pooling by lists of winners.
    pub(super) sparse: Option<SparseConv>,
    /// The chunk's share of the gradients of weight and bias; without one for the weight, it is
    /// summed over all chunks at once.
    pub(super) weight_part: Option<Range<usize>>,
    pub(super) bias_part: Option<Range<usize>>,
}

/// A parameter with one value for each channel, or for all.
#[derive(Clone, Debug)]
pub(super) struct Vector {
    /// Where it lies among the packed parameters, padded with zeros.
    pub(super) whole: Range<usize>,
    /// Where the chunk's share of its gradient lies, in training.
    pub(super) part: Option<Range<usize>>,
    /// How many values mean something: one may be for all channels.
    pub(super) values: usize,
}

impl Vector {
    /// Takes over the chunk's share of its gradient, given for each channel of a pixel.
    pub(super) fn take_share(&self, memory: &mut [f32], sums: &[f32]) {
        let Some(part) = self.part.clone() else { return };
        let share = &mut memory[part];
        if self.values == 1 {
            share.fill(0.0);
            share[0] = sums.iter().sum();
        } else {
            share.copy_from_slice(sums);
        }
    }

    /// What has to be summed over the chunks.
    pub(super) fn part(&self) -> Option<Part> {
        self.part.clone().map(|part| Part { whole: self.whole.clone(), part })
    }
}

/// A convolution whose output another alone reads, a band of rows at a time.
#[derive(Debug)]
pub(super) struct ExpansionStep {
    pub(super) conv: ConvStep,
    pub(super) post: Post,
    /// The rows that a band of the other's outputs reads, padding above and below among them.
    pub(super) band: MapLayout,
    /// The outputs of the other, in rows, that are computed from a band.
    pub(super) rows: usize,
}

/// Rows of an image, or several images, of a convolution's output before pooling.
#[derive(Clone, Debug)]
pub(super) struct Band {
    /// More than one only if they are whole.
    pub(super) images: usize,
    pub(super) rows: usize,
    pub(super) layout: MapLayout,
}

/// A convolution by Winograd's method.
#[derive(Clone, Debug)]
pub(super) struct WinogradStep {
    pub(super) winograd: Winograd,
    /// Where the transformed weights lie among all.
    pub(super) weights: Range<usize>,
}

#[derive(Debug)]
pub(super) struct NormStep {
    pub(super) maps: Maps,
    /// Which of the plan's norms it is.
    pub(super) index: usize,
    /// Whether it normalises by the batch, rather than by running averages.
    pub(super) by_batch: bool,
    pub(super) moments: Range<usize>,
    pub(super) sums: Range<usize>,
}

/// The compiled network.
#[derive(Debug)]
pub(super) struct Program {
    pub(super) steps: Vec<Step>,
    pub(super) slots: Vec<Slot>,
    pub(super) output: ValueId,
    /// Images of a chunk.
    pub(super) chunk: usize,
    /// Floats of a chunk's memory.
    pub(super) memory: usize,
    /// Places of maxima in a chunk.
    pub(super) places: usize,
    /// Floats and entries of a thread's working memory.
    pub(super) scratch: (usize, usize),
    /// Floats of all transposed weights.
    pub(super) transposed: usize,
    /// Floats of the largest weights that are transposed only to be transformed.
    pub(super) turned: usize,
    /// Floats of all weights transformed for Winograd's method, for the pass that has more of them.
    pub(super) transformed: usize,
    /// Whether some maps are made again for the backward pass.
    pub(super) recomputes: bool,
}

impl Program {
    /// The step at an index, which is a BatchNorm's.
    pub(super) fn norm_step(&self, index: usize) -> &NormStep {
        let StepKind::BatchNorm(norm) = &self.steps[index].kind else {
            unreachable!("the step is a BatchNorm's")
        };
        norm
    }

    /// What the step at an index keeps for running averages over its images, if it has any.
    pub(super) fn instances(&self, index: usize) -> Option<Instances> {
        match &self.steps[index].kind {
            StepKind::Image(operation) => operation.instances(),
            _ => None,
        }
    }
}

impl Step {
    /// The epilogue's shape for `images` images between two maps.
    pub(super) fn epilogue(&self, images: usize, x: MapLayout, y: MapLayout) -> Epilogue {
        Epilogue {
            images,
            blocks: y.pixel / BLOCK,
            input: (x.height, x.width),
            output: (y.height, y.width),
            first_row: 0,
            x: x.strides(),
            y: y.strides(),
            pool: self.op.post.pool,
            relu: self.op.post.relu,
        }
    }
}
