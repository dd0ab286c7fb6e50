//! One image's forward pass in inference, each step's rows shared among the threads of the pool:
//! for batches too small to give every thread a chunk.

use ocelli_kernels::activation;
use ocelli_kernels::epilogue;
use ocelli_kernels::sweep::{Addend, Finish, Sweep, sweep};
use ocelli_kernels::winograd::TILE_ROWS;
use ocelli_kernels::{BLOCK, Strides};
use rayon::prelude::*;

use super::super::memory::disjoint;
use super::super::ops::Site;
use super::super::program::{ConvStep, NormStep, Step, StepKind};
use super::bands::Bands;
use super::convolve::convolve_and_activate;
use super::{Chunk, Shared, operands};

/// Multiply-adds, or values of a map, that are worth another thread.
const WORTH_A_THREAD: usize = 100_000;

impl Chunk<'_> {
    /// As [`Chunk::forward`], for one image.
    pub(in super::super) fn forward_split(&mut self, shared: &Shared<'_>, step: &Step) {
        let slots = &shared.program.slots;
        let y = &slots[step.op.output].data;
        let tasks = rayon::current_num_threads();
        let rows = y.layout.height.div_ceil(tasks).next_multiple_of(rows_together(step));
        let work = match &step.kind {
            StepKind::Conv(conv) => conv.weight.len() * conv.conv.y.height * conv.conv.y.width,
            StepKind::BatchNorm(_) | StepKind::Identity => y.layout.image(),
            StepKind::Image(_) => {
                step.op.inputs.iter().map(|&x| slots[x].data.layout.image()).max().unwrap_or(0)
            }
        };
        if self.images != 1 || tasks < 2 || work < WORTH_A_THREAD {
            self.forward(shared, step, None);
            return;
        }
        y.layout.clear_halo(1, &mut self.floats[y.range.clone()]);
        match &step.kind {
            StepKind::Conv(conv) if conv.band.is_some() => self.split_bands(shared, step, conv, rows),
            StepKind::Conv(conv) if y.layout.height == 1 => self.split_channels(shared, step, conv, tasks),
            StepKind::Conv(conv) => self.split_conv(shared, step, conv, rows),
            StepKind::BatchNorm(norm) => self.split_epilogue(shared, step, Some(norm), rows),
            StepKind::Image(operation) => {
                operation.forward(&mut Site { chunk: self, shared, step, keys: None, split: true });
            }
            StepKind::Identity => self.split_epilogue(shared, step, None, rows),
        }
    }

    fn split_conv(&mut self, shared: &Shared<'_>, step: &Step, conv: &ConvStep, rows: usize) {
        let slots = &shared.program.slots;
        let (x, y) = (&slots[step.op.input()].data, &slots[step.op.output].data);
        let add = step.op.post.add.map(|value| &slots[value].data);
        let reads = [x.range.clone(), add.unwrap_or(x).range.clone()];
        let (out, [input, added]) = disjoint(self.floats, y.range.clone(), reads);
        let bias = conv.bias.as_ref().map(|range| &shared.values[range.clone()]);
        let start = y.layout.halo_x * y.layout.pixel;
        rows_of(out, &y.layout, rows).for_each(|(first, count, out)| {
            let addend = add.map_or(Addend::None, |map| {
                let strides = map.layout.strides();
                Addend::Map(added, Strides { start: strides.at(0, first, 0), ..strides })
            });
            let finish = Finish { bias, addend, relu: step.op.post.relu };
            let y = Strides { start, ..y.layout.strides() };
            let (part, activation) = ((0..1, first..first + count), step.op.post.activation);
            let layout = &slots[step.op.output].data.layout;
            shared.scratch.with(|scratch| {
                let (scratch, out) = (&mut scratch.floats, (out, y));
                convolve_and_activate(shared, conv, activation, part, input, finish, scratch, out, layout);
            });
        });
    }

    /// A convolution with one row of outputs, such as a linear layer: by blocks of channels, so that
    /// each thread reads its share of the weights.
    fn split_channels(&mut self, shared: &Shared<'_>, step: &Step, conv: &ConvStep, tasks: usize) {
        let slots = &shared.program.slots;
        let (x, y) = (&slots[step.op.input()].data, &slots[step.op.output].data);
        let whole = conv.forward[0].sweep;
        // Channels past the last must stay zeros, and parts do not know which these are.
        let zeros = y.layout.channels == y.layout.pixel
            || step.op.post.activation.is_none_or(|activation| activation.keeps_zero());
        let plain = conv.forward.len() == 1 && conv.forward[0].is_plain();
        if !plain || !zeros || y.layout.width != 1 || y.layout.halo_x != 0 || step.op.post.add.is_some() {
            self.forward(shared, step, None);
            return;
        }
        let (out, [input]) = disjoint(self.floats, y.range.clone(), [x.range.clone()]);
        let out = &mut out[y.layout.at(0, 0)..][..y.layout.pixel];
        let blocks = whole.blocks.div_ceil(tasks);
        out.par_chunks_mut(blocks * BLOCK).enumerate().with_max_len(1).for_each(|(task, out)| {
            let channel = task * blocks * BLOCK;
            let bias = conv.bias.as_ref().map(|range| &shared.values[range.clone()][channel..]);
            let weights = &shared.values[conv.weight.clone()];
            let weights = &weights[task * blocks * whole.taps.block_len()..];
            let y = Strides { start: 0, ..whole.y };
            let s = Sweep { blocks: out.len() / BLOCK, y, ..whole };
            let finish = Finish { bias, addend: Addend::None, relu: step.op.post.relu };
            sweep(shared.isa, &s, input, weights, finish, out);
            if let Some(activation) = step.op.post.activation {
                activation::in_place(shared.isa, activation, out);
            }
        });
    }

    fn split_bands(&mut self, shared: &Shared<'_>, step: &Step, conv: &ConvStep, rows: usize) {
        let Some(bands) = Bands::new(shared, step, conv) else { return };
        let slots = &shared.program.slots;
        let (x, y) = (&slots[step.op.input()].data, &slots[step.op.output].data);
        let (out, [input]) = disjoint(self.floats, y.range.clone(), [x.range.clone()]);
        let start = y.layout.halo_x * y.layout.pixel;
        rows_of(out, &y.layout, rows).for_each(|(first, count, out)| {
            let outputs = (0..1, first..first + count);
            shared.scratch.with(|scratch| {
                bands.run(outputs, (input, &[]), &mut scratch.floats, (out, start), None);
            });
        });
    }

    fn split_epilogue(&mut self, shared: &Shared<'_>, step: &Step, norm: Option<&NormStep>, rows: usize) {
        let slots = &shared.program.slots;
        let (x, y) = (&slots[step.op.input()].data, &slots[step.op.output].data);
        let add = step.op.post.add.map(|value| &slots[value].data);
        let reads = [x.range.clone(), add.unwrap_or(x).range.clone()];
        let (out, [input, added]) = disjoint(self.floats, y.range.clone(), reads);
        let operands = operands(shared, step, norm, (added, &[]));
        rows_of(out, &y.layout, rows).for_each(|(first, count, out)| {
            let mut e = step.epilogue(1, x.layout, y.layout);
            e.output.0 = count;
            e.first_row = first;
            e.y.start = y.layout.halo_x * y.layout.pixel;
            epilogue::forward(shared.isa, &e, input, operands, out, None);
        });
    }
}

/// Rows of a step's output that one part must take, so that Winograd's tiles begin where parts do.
fn rows_together(step: &Step) -> usize {
    let StepKind::Conv(conv) = &step.kind else { return 1 };
    let stride = step.op.post.pool.map_or(1, |pool| pool.stride.0);
    let begins_a_tile = |rows: &usize| conv.winograd.is_none() || (rows * stride).is_multiple_of(TILE_ROWS);
    (1..=TILE_ROWS).find(begins_a_tile).unwrap_or(TILE_ROWS)
}

/// Parts of one image of `rows` rows each: the first row, how many, and memory from the left halo of
/// the first on.
fn rows_of<'m>(
    map: &'m mut [f32],
    layout: &ocelli_kernels::MapLayout,
    rows: usize,
) -> impl IndexedParallelIterator<Item = (usize, usize, &'m mut [f32])> {
    let (start, row) = (layout.halo_y * layout.row(), layout.row());
    let map = &mut map[start..start + layout.height * row];
    let parts = map.par_chunks_mut(rows * row).enumerate().with_max_len(1);
    parts.map(move |(part, memory)| (part * rows, memory.len() / row, memory))
}
