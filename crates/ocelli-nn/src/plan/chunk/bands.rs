//! A convolution that pools: a band of rows at a time, so that the output before pooling never
//! leaves the first-level cache.

use std::ops::Range;

use ocelli_kernels::epilogue::{self, MaxPool, Operands};
use ocelli_kernels::sweep::{Finish, Sweep, sweep};
use ocelli_kernels::{MapLayout, Strides};

use super::super::program::{ConvStep, Map, Step};
use super::{Shared, mask_strides};

/// What the bands of one step share.
pub(super) struct Bands<'a> {
    shared: &'a Shared<'a>,
    step: &'a Step,
    conv: &'a ConvStep,
    pool: MaxPool,
    /// Rows of a band, before pooling.
    rows: usize,
    pub(super) band: &'a Map,
    y: MapLayout,
}

impl<'a> Bands<'a> {
    pub(super) fn new(shared: &'a Shared<'a>, step: &'a Step, conv: &'a ConvStep) -> Option<Self> {
        let (rows, band) = conv.band.as_ref()?;
        let y = shared.program.slots[step.op.output].data.layout;
        Some(Self { shared, step, conv, pool: step.op.post.pool?, rows: *rows, band, y })
    }

    /// Computes pooled rows `outputs` of image `n`, whose first begins at the given place of `out`.
    pub(super) fn run(
        &self,
        (n, outputs): (usize, Range<usize>),
        (input, mask): (&[f32], &[f32]),
        (band, scratch): (&mut [f32], &mut [f32]),
        (out, start): (&mut [f32], usize),
        mut places: Option<&mut [u16]>,
    ) {
        let stride = self.pool.stride.0;
        let row_of_places = self.y.width * self.y.pixel;
        for first in outputs.clone().step_by(self.rows / stride) {
            let pooled = (self.rows / stride).min(outputs.end - first);
            // The last window need not reach as far as the next one would begin.
            let rows = (pooled * stride).min(self.conv.conv.y.height - first * stride);
            self.convolve((n, first * stride..first * stride + rows), input, band, scratch);
            let done = first - outputs.start;
            let mut e = self.step.epilogue(1, MapLayout { height: rows, ..self.band.layout }, self.y);
            e.output.0 = pooled;
            e.y.start = start + done * self.y.row();
            let mask = self.step.mask.as_ref().zip(self.step.op.post.dropout).map(|(map, dropout)| {
                let strides = mask_strides(map, dropout.by_channel);
                (mask, Strides { start: strides.at(n, first, 0), ..strides })
            });
            let places =
                places.as_mut().map(|all| &mut all[done * row_of_places..][..pooled * row_of_places]);
            let operands = Operands { mask, ..Operands::default() };
            epilogue::forward(self.shared.isa, &e, band, operands, out, places);
        }
    }

    /// The rows of image `n` before pooling.
    fn convolve(
        &self,
        (n, rows): (usize, Range<usize>),
        input: &[f32],
        band: &mut [f32],
        scratch: &mut [f32],
    ) {
        let Shared { isa, values, transformed, .. } = *self.shared;
        let bias = self.conv.bias.as_ref().map(|range| &values[range.clone()]);
        let finish = Finish { bias, ..Finish::NONE };
        if let Some(w) = &self.conv.winograd {
            let weights = &transformed[w.weights.clone()];
            let out = (band, self.band.layout.strides());
            w.winograd.forward(isa, (n..n + 1, rows), input, weights, finish, scratch, out);
            return;
        }
        let whole = self.conv.conv.forward_rows(rows.start, rows.len(), self.band.layout);
        let x = Strides { start: whole.x.start + n * whole.x.image, ..whole.x };
        sweep(isa, &Sweep { x, ..whole }, input, &values[self.conv.weight.clone()], finish, band);
    }
}
