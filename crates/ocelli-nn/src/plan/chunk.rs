//! Running steps on one chunk of images.

mod backward;
mod bands;
mod convolve;
mod expanded;
mod forward;
mod split;

use ocelli_kernels::epilogue::Operands;
use ocelli_kernels::random::Stream;
use ocelli_kernels::{Isa, Strides, dropout};

use super::SampleKeys;
use super::graph::{DropoutOp, Extent, INPUT};
use super::parameters::Norm;
use super::program::{Map, NormStep, Program, Step};
use super::scratch::ScratchPool;

/// What all chunks read.
#[derive(Clone, Copy)]
pub(super) struct Shared<'a> {
    pub(super) isa: Isa,
    pub(super) program: &'a Program,
    /// Packed parameters.
    pub(super) values: &'a [f32],
    /// Transposed weights, for input gradients.
    pub(super) transposed: &'a [f32],
    /// Weights transformed for Winograd's method.
    pub(super) transformed: &'a [f32],
    pub(super) norms: &'a [Norm],
    /// What threads work in.
    pub(super) scratch: &'a ScratchPool,
}

/// One chunk: its memory and its images.
pub(super) struct Chunk<'a> {
    pub(super) floats: &'a mut [f32],
    pub(super) places: &'a mut [u16],
    /// Images of this chunk.
    pub(super) images: usize,
    /// The number of its first image in the batch.
    pub(super) first: usize,
}

/// A part of a step that runs on a chunk. BatchNorm couples the batch, so its passes are in two
/// parts, with the statistics of all chunks joined between.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Task {
    /// The forward pass; of a BatchNorm in training, after its statistics.
    Forward(usize),
    /// A BatchNorm's statistics.
    Statistics(usize),
    /// The backward pass; of a BatchNorm, up to its sums.
    Backward(usize),
    /// A BatchNorm's input gradient, after its sums.
    NormGradient(usize),
}

impl Chunk<'_> {
    pub(super) fn run(&mut self, shared: &Shared<'_>, task: Task, keys: Option<&SampleKeys<'_>>) {
        match task {
            Task::Forward(step) => self.forward(shared, &shared.program.steps[step], keys),
            Task::Statistics(step) => self.statistics(shared, &shared.program.steps[step]),
            Task::Backward(step) => self.backward(shared, &shared.program.steps[step]),
            Task::NormGradient(step) => self.norm_gradient(shared, &shared.program.steps[step]),
        }
    }

    /// Takes over this chunk's images, N × H × W × C without padding.
    pub(super) fn load(&mut self, program: &Program, images: &[f32]) {
        let Map { layout, range } = &program.slots[INPUT].data;
        let input = &mut self.floats[range.clone()];
        layout.clear_halo(self.images, input);
        copy_rows(layout, self.images, |n, y, row| {
            let from = (n * layout.height + y) * layout.width * layout.channels;
            let source = &images[from..from + layout.width * layout.channels];
            let target = &mut input[row];
            if layout.pixel == layout.channels {
                target.copy_from_slice(source);
                return;
            }
            target.fill(0.0);
            for (t, s) in target.chunks_exact_mut(layout.pixel).zip(source.chunks_exact(layout.channels)) {
                t[..layout.channels].copy_from_slice(s);
            }
        });
    }

    /// Gives the output without padding.
    pub(super) fn store(&self, program: &Program, output: &mut [f32]) {
        program.slots[program.output].data.unpad(self.images, self.floats, output);
    }

    /// Takes over the output's gradient, N × H × W × C without padding.
    pub(super) fn load_gradient(&mut self, program: &Program, gradient: &[f32]) {
        let Some(Map { layout, range }) = &program.slots[program.output].grad else { return };
        let target = &mut self.floats[range.clone()];
        layout.clear_halo(self.images, target);
        let mut pixels = gradient.chunks_exact(layout.channels);
        copy_rows(layout, self.images, |_, _, row| {
            for target in target[row].chunks_exact_mut(layout.pixel) {
                let source = pixels.next().expect("the gradient holds every pixel");
                target.fill(0.0);
                target[..layout.channels].copy_from_slice(source);
            }
        });
    }

    /// Draws a step's dropout mask, a function of the seed, the epoch, the layer and each sample; one for the whole
    /// batch, of the batch's first.
    fn draw_mask(&mut self, step: &Step, keys: Option<&SampleKeys<'_>>) {
        let (Some(DropoutOp { p, extent, purpose }), Some(map)) = (step.op.post.dropout, &step.mask) else {
            return;
        };
        let keys = keys.expect("dropout runs in training, with keys");
        let layout = &map.layout;
        let mask = &mut self.floats[map.range.clone()];
        for n in 0..self.images {
            let drawn_by = if extent == Extent::Batch { 0 } else { self.first + n };
            let sample = keys.samples[drawn_by];
            let mut stream = Stream::new(keys.seed, purpose, keys.epoch, sample);
            let image = &mut mask[n * layout.image()..][..layout.image()];
            for pixel in image.chunks_exact_mut(layout.pixel) {
                let (factors, padding) = pixel.split_at_mut(layout.channels);
                match extent {
                    Extent::Value | Extent::Channel => dropout::fill_mask(&mut stream, p, factors),
                    Extent::Image | Extent::Batch => {
                        dropout::fill_mask(&mut stream, p, &mut factors[..1]);
                        factors.fill(factors[0]);
                    }
                }
                padding.fill(0.0);
            }
        }
    }
}

fn copy_rows(
    layout: &ocelli_kernels::MapLayout,
    images: usize,
    mut row: impl FnMut(usize, usize, std::ops::Range<usize>),
) {
    for n in 0..images {
        for y in 0..layout.height {
            row(n, y, layout.row_values(n, y));
        }
    }
}

/// The factors of a step's dropout in `values`, if it has one, and the steps through them: one by
/// channel or image stays where it is from pixel to pixel.
fn mask_of<'m>(step: &Step, values: &'m [f32]) -> Option<(&'m [f32], Strides)> {
    let (map, dropout) = step.mask.as_ref().zip(step.op.post.dropout)?;
    let strides = map.layout.strides();
    Some((
        values,
        if dropout.extent == Extent::Value { strides } else { Strides { row: 0, pixel: 0, ..strides } },
    ))
}

/// What a step's epilogue reads beside its input: BatchNorm's affine map, the addend and the mask.
fn operands<'a>(
    shared: &Shared<'a>,
    step: &Step,
    norm: Option<&NormStep>,
    (added, mask): (&'a [f32], &'a [f32]),
) -> Operands<'a> {
    let affine = norm.map(|norm| {
        let norm = &shared.norms[norm.index];
        (&norm.scale[..], &norm.shift[..])
    });
    let add = step.op.post.add.map(|value| (added, shared.program.slots[value].data.layout.strides()));
    Operands { affine, add, mask: mask_of(step, mask) }
}
