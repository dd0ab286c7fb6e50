//! Backward passes on a chunk.

use std::ops::Range;

use ocelli_kernels::avg_pool::{self, PoolStrides};
use ocelli_kernels::epilogue::{self, Backward};
use ocelli_kernels::outer::{Groups, outer, sum_pixels};
use ocelli_kernels::sparse::SparseConv;
use ocelli_kernels::sweep::{Addend, Finish, Sweep, sweep};
use ocelli_kernels::{batch_norm, softmax};

use super::super::memory::{disjoint, disjoint_two};
use super::super::program::{ConvStep, Map, Slot, Step, StepKind, Target};
use super::{Chunk, Shared, copy_rows, mask_strides};

/// The gradient of a value that has one.
fn grad(slot: &Slot) -> &Map {
    slot.grad.as_ref().expect("the step's gradient is wanted")
}

impl Chunk<'_> {
    pub(super) fn backward(&mut self, shared: &Shared<'_>, step: &Step) {
        let slots = &shared.program.slots;
        if slots[step.op.output].grad.is_none() {
            return;
        }
        match &step.kind {
            StepKind::Conv(conv) => self.conv_backward(shared, step, conv),
            StepKind::BatchNorm(_) => self.norm_sums(shared, step),
            StepKind::Identity => self.identity_backward(shared, step),
            StepKind::AvgPool(pool) => {
                let (dy, dx) = (grad(&slots[step.op.output]), grad(&slots[step.op.input]));
                self.prepare(step.dx, dx, true);
                let (to, [from]) = disjoint(self.floats, dx.range.clone(), [dy.range.clone()]);
                let steps = PoolStrides { x: dx.layout.strides(), y: dy.layout.strides() };
                avg_pool::backward(shared.isa, pool, self.images, steps, from, to);
            }
            StepKind::Flatten => self.flatten_backward(shared, step),
            StepKind::Softmax => self.softmax_backward(shared, step),
        }
    }

    /// Readies a gradient's memory for its first writer: zeros in the halo, and in the map too if
    /// the writer adds to it.
    fn prepare(&mut self, target: Target, map: &Map, clear: bool) {
        if target != Target::Write {
            return;
        }
        let values = &mut self.floats[map.range.clone()];
        if clear {
            values.fill(0.0);
        } else {
            map.layout.clear_halo(self.images, values);
        }
    }

    /// The gradient before the step's epilogue, written to `g`.
    fn epilogue_backward(&mut self, shared: &Shared<'_>, step: &Step, g: &Map) {
        let slot = &shared.program.slots[step.op.output];
        let (y, dy) = (&slot.data, grad(slot));
        g.layout.clear_halo(self.images, &mut self.floats[g.range.clone()]);
        let reads = [dy, y, step.mask.as_ref().unwrap_or(y)].map(|map| map.range.clone());
        let (out, [from, values, mask]) = disjoint(self.floats, g.range.clone(), reads);
        let e = step.epilogue(self.images, g.layout, y.layout);
        let b = Backward {
            dy: from,
            dy_strides: dy.layout.strides(),
            y: values,
            mask: step
                .mask
                .as_ref()
                .zip(step.op.post.dropout)
                .map(|(map, dropout)| (mask, mask_strides(map, dropout.by_channel))),
            places: step.places.as_ref().map_or(&[][..], |range| &self.places[range.clone()]),
        };
        epilogue::backward(shared.isa, &e, b, out, g.layout.strides());
    }

    /// Copies or adds a gradient to where it goes.
    fn deliver(&mut self, target: Target, from: &Map, to: &Map) {
        if target == Target::None || from.range == to.range {
            return;
        }
        self.prepare(target, to, false);
        let (layout, source) = (to.layout, from.layout.strides());
        let (out, [values]) = disjoint(self.floats, to.range.clone(), [from.range.clone()]);
        let size = (layout.height, layout.width);
        let add = target == Target::Add;
        epilogue::copy_map(self.images, size, layout.pixel, (values, source), (out, layout.strides()), add);
    }

    /// Passes the gradient before the epilogue on to what the epilogue adds.
    fn deliver_to_addend(&mut self, shared: &Shared<'_>, step: &Step, g: &Map) {
        if let (Some(add), true) = (step.op.post.add, step.dadd != Target::None) {
            self.deliver(step.dadd, g, grad(&shared.program.slots[add]));
        }
    }

    fn identity_backward(&mut self, shared: &Shared<'_>, step: &Step) {
        let g = step.temporary.as_ref().expect("training keeps it");
        self.epilogue_backward(shared, step, g);
        if let Some(dx) = &shared.program.slots[step.op.input].grad {
            self.deliver(step.dx, g, dx);
        }
        self.deliver_to_addend(shared, step, g);
    }

    fn norm_sums(&mut self, shared: &Shared<'_>, step: &Step) {
        let StepKind::BatchNorm(norm) = &step.kind else { return };
        let g = step.temporary.as_ref().expect("training keeps it");
        self.epilogue_backward(shared, step, g);
        self.deliver_to_addend(shared, step, g);
        let x = &shared.program.slots[step.op.input].data;
        let state = &shared.norms[norm.index];
        let maps = batch_norm::Maps { images: self.images, ..norm.maps };
        let (sums, [x_values, g_values]) =
            disjoint(self.floats, norm.sums.clone(), [x.range.clone(), g.range.clone()]);
        batch_norm::gradient_sums(
            shared.isa,
            maps,
            (x_values, x.layout.strides()),
            (g_values, g.layout.strides()),
            (&state.mean, &state.inverse_deviation),
            sums,
        );
    }

    pub(super) fn norm_gradient(&mut self, shared: &Shared<'_>, step: &Step) {
        let StepKind::BatchNorm(norm) = &step.kind else { return };
        let slot = &shared.program.slots[step.op.input];
        let Some(dx) = &slot.grad else { return };
        let g = step.temporary.as_ref().expect("training keeps it");
        let maps = batch_norm::Maps { images: self.images, ..norm.maps };
        let (values, [x]) = disjoint(self.floats, g.range.clone(), [slot.data.range.clone()]);
        let [a, b, c] = &shared.norms[norm.index].gradient;
        let x = (x, slot.data.layout.strides());
        batch_norm::apply_gradient(shared.isa, maps, x, [a, b, c], values, g.layout.strides());
        self.deliver(step.dx, g, dx);
    }

    fn conv_backward(&mut self, shared: &Shared<'_>, step: &Step, conv: &ConvStep) {
        if let Some((sparse, sums)) = &conv.sparse {
            self.sparse_backward(shared, step, conv, (sparse, sums.clone()));
            return;
        }
        let g = match &step.temporary {
            Some(g) => {
                self.epilogue_backward(shared, step, g);
                g
            }
            None => {
                let g = grad(&shared.program.slots[step.op.output]);
                self.undo_in_place(shared, step, g);
                g
            }
        };
        self.weight_gradient(shared, step, conv, g);
        let Some(dx) = &shared.program.slots[step.op.input].grad else { return };
        self.prepare(step.dx, dx, !conv.conv.reaches_every_input());
        let transposed = &shared.transposed[conv.transposed.clone()];
        let overwrite = step.dx == Target::Write && conv.conv.reaches_every_input();
        let addend = if overwrite { Addend::None } else { Addend::Output };
        let scratch = conv.inward.as_ref().map_or(dx.range.end..dx.range.end, |w| w.scratch.clone());
        let writes = [dx.range.clone(), scratch];
        let ([out, scratch], [values]) = disjoint_two(self.floats, writes, [g.range.clone()]);
        if let Some(w) = &conv.inward {
            let all = (0..self.images, 0..dx.layout.height);
            let weights = &shared.transformed[w.weights.clone()];
            let finish = Finish { addend, ..Finish::NONE };
            w.winograd.forward(shared.isa, all, values, weights, finish, scratch, (out, dx.layout.strides()));
            return;
        }
        for phase in &conv.phases {
            let s = Sweep { images: self.images, ..phase.sweep };
            let finish = Finish { addend, ..Finish::NONE };
            sweep(shared.isa, &s, values, &transposed[phase.weights..], finish, out);
        }
    }

    /// A convolution that pools: each image's winners, block by block of channels.
    fn sparse_backward(
        &mut self,
        shared: &Shared<'_>,
        step: &Step,
        conv: &ConvStep,
        (sparse, sums): (&SparseConv, Range<usize>),
    ) {
        let slots = &shared.program.slots;
        let (x, g) = (&slots[step.op.input].data, grad(&slots[step.op.output]));
        let dx = slots[step.op.input].grad.as_ref();
        self.undo_in_place(shared, step, g);
        self.floats[sums.clone()].fill(0.0);
        if let Some(dx) = dx {
            self.prepare(step.dx, dx, true);
        }
        let weights = &shared.transposed[conv.transposed.clone()];
        let places = step.places.as_ref().expect("training keeps the places").start;
        let winners = g.layout.height * g.layout.width * g.layout.pixel;
        let (pooled, image) = (g.layout.image(), x.layout.image());
        for n in 0..self.images {
            for block in 0..conv.forward.blocks {
                let from = g.range.start + n * pooled;
                let gradients = (&self.floats[from..from + pooled], g.layout.strides());
                let places = &self.places[places + n * winners..][..winners];
                let counts = sparse.list(block, gradients, places, self.entries);
                let list = (&*self.entries, &counts);
                let (dw, [x]) = disjoint(self.floats, sums.clone(), [x.range.clone()]);
                sparse.weight_gradient(shared.isa, block, list, &x[n * image..], dw);
                if let Some(dx) = dx {
                    let dx = &mut self.floats[dx.range.clone()][n * image..];
                    sparse.input_gradient(shared.isa, block, list, weights, dx);
                }
            }
        }
        if let Some(part) = &conv.weight_part {
            let (part, [dw]) = disjoint(self.floats, part.clone(), [sums]);
            sparse.pack_gradient(dw, part);
        }
        let winners = Sweep {
            images: self.images,
            rows: g.layout.height,
            columns: g.layout.width,
            y: g.layout.strides(),
            ..conv.forward
        };
        self.bias_gradient(shared, conv, &winners, g);
    }

    /// The gradient before ReLU and dropout, in place of the gradient after.
    fn undo_in_place(&mut self, shared: &Shared<'_>, step: &Step, g: &Map) {
        self.multiply_by_mask(step, g);
        if !step.op.post.relu {
            return;
        }
        let y = &shared.program.slots[step.op.output].data;
        let (out, [values]) = disjoint(self.floats, g.range.clone(), [y.range.clone()]);
        copy_rows(&g.layout, self.images, |n, row, range| {
            let values = &values[y.layout.row_values(n, row)];
            for (g, y) in out[range].iter_mut().zip(values) {
                *g = if *y > 0.0 { *g } else { 0.0 };
            }
        });
    }

    /// The chunk's share of the gradients of weight and bias.
    fn weight_gradient(&mut self, shared: &Shared<'_>, step: &Step, conv: &ConvStep, g: &Map) {
        let x = &shared.program.slots[step.op.input].data;
        let s = Sweep { images: self.images, y: g.layout.strides(), ..conv.forward };
        if let Some(part) = &conv.weight_part {
            let reads = [x.range.clone(), g.range.clone()];
            let (part, [x, g]) = disjoint(self.floats, part.clone(), reads);
            part.fill(0.0);
            outer(shared.isa, &s, Groups::ONE, x, g, part);
        }
        self.bias_gradient(shared, conv, &s, g);
    }

    fn bias_gradient(&mut self, shared: &Shared<'_>, conv: &ConvStep, s: &Sweep, g: &Map) {
        if let Some(part) = &conv.bias_part {
            let (part, [g]) = disjoint(self.floats, part.clone(), [g.range.clone()]);
            part.fill(0.0);
            sum_pixels(shared.isa, s, g, part);
        }
    }

    fn flatten_backward(&mut self, shared: &Shared<'_>, step: &Step) {
        let slots = &shared.program.slots;
        let (dy, dx) = (grad(&slots[step.op.output]), grad(&slots[step.op.input]));
        self.prepare(step.dx, dx, true);
        let layout = dx.layout;
        let pixels = layout.height * layout.width;
        let (out, [from]) = disjoint(self.floats, dx.range.clone(), [dy.range.clone()]);
        copy_rows(&layout, self.images, |n, row, range| {
            for (column, pixel) in out[range].chunks_exact_mut(layout.pixel).enumerate() {
                for (c, value) in pixel[..layout.channels].iter_mut().enumerate() {
                    *value += from[n * dy.layout.image() + c * pixels + row * layout.width + column];
                }
            }
        });
    }

    fn softmax_backward(&mut self, shared: &Shared<'_>, step: &Step) {
        let slots = &shared.program.slots;
        let (y, dy) = (&slots[step.op.output].data, grad(&slots[step.op.output]));
        let dx = grad(&slots[step.op.input]);
        self.prepare(step.dx, dx, true);
        let channels = y.layout.channels;
        let (out, [y_values, dy_values]) =
            disjoint(self.floats, dx.range.clone(), [y.range.clone(), dy.range.clone()]);
        for n in 0..self.images {
            let row = |map: &Map| map.layout.at(n, 0)..map.layout.at(n, 0) + channels;
            softmax::softmax_backward(&y_values[row(y)], &dy_values[row(dy)], &mut out[row(dx)]);
        }
    }
}
