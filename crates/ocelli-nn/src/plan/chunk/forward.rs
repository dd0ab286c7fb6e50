//! Forward passes on a chunk.

use ocelli_kernels::batch_norm;
use ocelli_kernels::epilogue;
use ocelli_kernels::sweep::{Addend, Finish};

use super::super::memory::disjoint;
use super::super::ops::Site;
use super::super::program::{ConvStep, Map, NormStep, Step, StepKind};
use super::bands::Bands;
use super::convolve::convolve_and_activate;
use super::{Chunk, SampleKeys, Shared, copy_rows, mask_of, operands};

impl Chunk<'_> {
    pub(super) fn forward(&mut self, shared: &Shared<'_>, step: &Step, keys: Option<&SampleKeys<'_>>) {
        let Map { layout, range } = &shared.program.slots[step.op.output].data;
        layout.clear_halo(self.images, &mut self.floats[range.clone()]);
        self.draw_mask(step, keys);
        match &step.kind {
            StepKind::Conv(conv) if conv.band.is_some() => self.conv_in_bands(shared, step, conv),
            StepKind::Conv(conv) => self.conv(shared, step, conv),
            StepKind::BatchNorm(norm) => self.epilogue(shared, step, Some(norm)),
            StepKind::Identity => self.epilogue(shared, step, None),
            StepKind::Image(operation) => {
                operation.forward(&mut Site { chunk: self, shared, step, keys, split: false });
            }
        }
    }

    fn conv(&mut self, shared: &Shared<'_>, step: &Step, conv: &ConvStep) {
        let slots = &shared.program.slots;
        let (x, y) = (&slots[step.op.input()].data, &slots[step.op.output].data);
        let add = step.op.post.add.map(|value| &slots[value].data);
        let added = add.unwrap_or(x).range.clone();
        let (out, [input, added]) = disjoint(self.floats, y.range.clone(), [x.range.clone(), added]);
        let addend = add.map_or(Addend::None, |map| Addend::Map(added, map.layout.strides()));
        let bias = conv.bias.as_ref().map(|range| &shared.values[range.clone()]);
        let finish = Finish { bias, addend, relu: step.op.post.relu };
        let all = (0..self.images, 0..y.layout.height);
        let (out, activation) = ((out, y.layout.strides()), step.op.post.activation);
        shared.scratch.with(|scratch| {
            let scratch = &mut scratch.floats;
            convolve_and_activate(shared, conv, activation, all, input, finish, scratch, out, &y.layout);
        });
        self.multiply_by_mask(step, y);
    }

    /// Multiplies a map by the step's dropout mask, if it has one.
    pub(super) fn multiply_by_mask(&mut self, step: &Step, map: &Map) {
        let Some(mask) = &step.mask else { return };
        let (values, [factors]) = disjoint(self.floats, map.range.clone(), [mask.range.clone()]);
        let Some((factors, strides)) = mask_of(step, factors) else { return };
        let pixel = map.layout.pixel;
        copy_rows(&map.layout, self.images, |n, y, row| {
            for (x, values) in values[row].chunks_exact_mut(pixel).enumerate() {
                let factors = &factors[strides.at(n, y, x)..][..pixel];
                values.iter_mut().zip(factors).for_each(|(v, f)| *v *= f);
            }
        });
    }

    fn conv_in_bands(&mut self, shared: &Shared<'_>, step: &Step, conv: &ConvStep) {
        let Some(bands) = Bands::new(shared, step, conv) else { return };
        let slots = &shared.program.slots;
        let (x, y) = (&slots[step.op.input()].data, &slots[step.op.output].data);
        let mask = step.mask.as_ref().unwrap_or(x).range.clone();
        let (out, [input, mask]) = disjoint(self.floats, y.range.clone(), [x.range.clone(), mask]);
        let image = y.layout.height * y.layout.width * y.layout.pixel;
        shared.scratch.with(|scratch| {
            for first in (0..self.images).step_by(bands.band.images) {
                let places =
                    step.places.as_ref().map(|range| &mut self.places[range.clone()][first * image..]);
                let out = &mut out[first * y.layout.image()..];
                bands.run(
                    (first..(first + bands.band.images).min(self.images), 0..y.layout.height),
                    (input, mask),
                    &mut scratch.floats,
                    (out, y.layout.at(0, 0)),
                    places,
                );
            }
        });
    }

    /// A BatchNorm's normalisation, or nothing, and the epilogue.
    fn epilogue(&mut self, shared: &Shared<'_>, step: &Step, norm: Option<&NormStep>) {
        let slots = &shared.program.slots;
        let (x, y) = (&slots[step.op.input()].data, &slots[step.op.output].data);
        let add = step.op.post.add.map(|value| &slots[value].data);
        let reads = [x, add.unwrap_or(x), step.mask.as_ref().unwrap_or(x)].map(|map| map.range.clone());
        let (out, [input, added, mask]) = disjoint(self.floats, y.range.clone(), reads);
        let operands = operands(shared, step, norm, (added, mask));
        let places = step.places.as_ref().map(|range| &mut self.places[range.clone()]);
        let e = step.epilogue(self.images, x.layout, y.layout);
        epilogue::forward(shared.isa, &e, input, operands, out, places);
    }

    pub(super) fn statistics(&mut self, shared: &Shared<'_>, step: &Step) {
        let StepKind::BatchNorm(norm) = &step.kind else { return };
        let x = &shared.program.slots[step.op.input()].data;
        let (sums, [input]) = disjoint(self.floats, norm.moments.clone(), [x.range.clone()]);
        let maps = batch_norm::Maps { images: self.images, ..norm.maps };
        batch_norm::moments(shared.isa, maps, input, x.layout.strides(), sums);
    }
}
