//! A convolution that pools: a band of rows, or a few images, at a time, so that the output before
//! pooling does not leave the cache.

use std::ops::Range;

use ocelli_kernels::epilogue::{self, MaxPool, Operands};
use ocelli_kernels::sweep::Finish;
use ocelli_kernels::{MapLayout, Strides};

use super::super::program::{Band, ConvStep, Step};
use super::convolve::convolve;
use super::{Shared, mask_of};

/// What the bands of one step share.
pub(super) struct Bands<'a> {
    shared: &'a Shared<'a>,
    step: &'a Step,
    conv: &'a ConvStep,
    pool: MaxPool,
    pub(super) band: &'a Band,
    y: MapLayout,
}

impl<'a> Bands<'a> {
    pub(super) fn new(shared: &'a Shared<'a>, step: &'a Step, conv: &'a ConvStep) -> Option<Self> {
        let band = conv.band.as_ref()?;
        let y = shared.program.slots[step.op.output].data.layout;
        Some(Self { shared, step, conv, pool: step.op.post.pool?, band, y })
    }

    /// Computes pooled rows `outputs` of `images`; the first image's first begins at the given place
    /// of `out`, its places at the start of `places`. More than one image are computed whole.
    pub(super) fn run(
        &self,
        (images, outputs): (Range<usize>, Range<usize>),
        (input, mask): (&[f32], &[f32]),
        scratch: &mut [f32],
        (out, start): (&mut [f32], usize),
        mut places: Option<&mut [u16]>,
    ) {
        let (band, scratch) = scratch.split_at_mut(self.band.images * self.band.layout.image());
        let stride = self.pool.stride.0;
        let row_of_places = self.y.width * self.y.pixel;
        let step = self.band.rows / stride;
        debug_assert!(images.len() == 1 || outputs == (0..self.y.height) && step >= outputs.len());
        for first in outputs.clone().step_by(step) {
            let pooled = step.min(outputs.end - first);
            // The last window need not reach as far as the next one would begin.
            let rows = (pooled * stride).min(self.conv.conv.y.height - first * stride);
            self.convolve((images.clone(), first * stride..first * stride + rows), input, band, scratch);
            let done = first - outputs.start;
            let layout = self.band.layout;
            let mut e = self.step.epilogue(images.len(), MapLayout { height: rows, ..layout }, self.y);
            e.x.image = layout.image();
            e.output.0 = pooled;
            e.y.start = start + done * self.y.row();
            let mask = mask_of(self.step, mask).map(|(mask, strides)| {
                (mask, Strides { start: strides.at(images.start, first, 0), ..strides })
            });
            let places = places.as_mut().map(|all| &mut all[done * row_of_places..]);
            let operands = Operands { mask, ..Operands::default() };
            epilogue::forward(self.shared.isa, &e, band, operands, out, places);
        }
    }

    /// The rows of images before pooling.
    fn convolve(
        &self,
        (images, rows): (Range<usize>, Range<usize>),
        input: &[f32],
        band: &mut [f32],
        scratch: &mut [f32],
    ) {
        let bias = self.conv.bias.as_ref().map(|range| &self.shared.values[range.clone()]);
        let finish = Finish { bias, ..Finish::NONE };
        let out = (band, self.band.layout.strides());
        convolve(self.shared, self.conv, (images, rows), input, finish, scratch, out);
    }
}
