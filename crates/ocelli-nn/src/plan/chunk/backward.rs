//! Backward passes on a chunk.

use std::ops::Range;

use ocelli_kernels::BLOCK;
use ocelli_kernels::conv;
use ocelli_kernels::epilogue::{self, Gradient, Through};
use ocelli_kernels::outer::sum_pixels;
use ocelli_kernels::sparse::SparseConv;
use ocelli_kernels::sweep::{Addend, Finish};

use super::super::memory::disjoint;
use super::super::ops::Site;
use super::super::program::{ConvStep, Map, NormStep, Slot, Step, StepKind, Target};
use super::{Chunk, Shared, copy_rows, mask_of};

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
            StepKind::BatchNorm(norm) => self.norm_sums(shared, step, norm),
            StepKind::Identity => self.identity_backward(shared, step),
            StepKind::Image(operation) => {
                operation.backward(&mut Site { chunk: self, shared, step, keys: None, split: false });
            }
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

    /// The gradient before the step's epilogue, or through the BatchNorm before it, to `to`.
    fn epilogue_backward(
        &mut self,
        shared: &Shared<'_>,
        step: &Step,
        (to, target): (&Map, Target),
        norm: Option<&NormStep>,
    ) {
        if target == Target::None {
            return;
        }
        self.prepare(target, to, false);
        let slots = &shared.program.slots;
        let (x, y) = (&slots[step.op.input()].data, &slots[step.op.output].data);
        let (out, [dy, y_values, mask, x_values]) =
            disjoint(self.floats, to.range.clone(), epilogue_reads(shared, step, Some(to)));
        let places = places_of(step, self.places);
        let from = gradient_of(shared, step, dy, y_values, mask, places);
        let through = norm.map(|norm| {
            let [a, b, c] = &shared.norms[norm.index].gradient;
            let own = (x.range != to.range).then(|| (x_values, x.layout.strides()));
            Through { x: own, coefficients: [a, b, c] }
        });
        let e = step.epilogue(self.images, to.layout, y.layout);
        let out = (out, to.layout.strides());
        epilogue::backward(shared.isa, &e, from, through, out, target == Target::Add);
    }

    /// Passes the gradient before the epilogue on to what the epilogue adds.
    fn addend_backward(&mut self, shared: &Shared<'_>, step: &Step) {
        if let (Some(add), true) = (step.op.post.add, step.dadd != Target::None) {
            let to = grad(&shared.program.slots[add]);
            self.epilogue_backward(shared, step, (to, step.dadd), None);
        }
    }

    fn identity_backward(&mut self, shared: &Shared<'_>, step: &Step) {
        if let Some(dx) = &shared.program.slots[step.op.input()].grad {
            self.epilogue_backward(shared, step, (dx, step.dx[0]), None);
        }
        self.addend_backward(shared, step);
    }

    fn norm_sums(&mut self, shared: &Shared<'_>, step: &Step, norm: &NormStep) {
        self.addend_backward(shared, step);
        let slots = &shared.program.slots;
        let (x, y) = (&slots[step.op.input()].data, &slots[step.op.output].data);
        let (sums, [dy, y_values, mask, x_values]) =
            disjoint(self.floats, norm.sums.clone(), epilogue_reads(shared, step, None));
        let places = places_of(step, self.places);
        let from = gradient_of(shared, step, dy, y_values, mask, places);
        let state = &shared.norms[norm.index];
        let e = step.epilogue(self.images, x.layout, y.layout);
        let statistics = (&state.mean[..], &state.inverse_deviation[..]);
        epilogue::norm_sums(shared.isa, &e, from, (x_values, x.layout.strides()), statistics, sums);
    }

    pub(super) fn norm_gradient(&mut self, shared: &Shared<'_>, step: &Step) {
        let StepKind::BatchNorm(norm) = &step.kind else { return };
        if let Some(dx) = &shared.program.slots[step.op.input()].grad {
            self.epilogue_backward(shared, step, (dx, step.dx[0]), Some(norm));
        }
    }

    fn conv_backward(&mut self, shared: &Shared<'_>, step: &Step, conv: &ConvStep) {
        if let Some(sparse) = &conv.sparse {
            self.sparse_backward(shared, step, conv, sparse);
            return;
        }
        let g = match &step.temporary {
            Some(g) => {
                self.epilogue_backward(shared, step, (g, Target::Write), None);
                g
            }
            None => {
                let g = grad(&shared.program.slots[step.op.output]);
                self.undo_in_place(shared, step, g);
                g
            }
        };
        self.weight_gradient(shared, step, conv, g);
        let Some(dx) = &shared.program.slots[step.op.input()].grad else { return };
        self.prepare(step.dx[0], dx, !conv.conv.reaches_every_input());
        let overwrite = step.dx[0] == Target::Write && conv.conv.reaches_every_input();
        let addend = if overwrite { Addend::None } else { Addend::Output };
        let (out, [values]) = disjoint(self.floats, dx.range.clone(), [g.range.clone()]);
        if let Some(w) = &conv.inward {
            let all = (0..self.images, 0..dx.layout.height);
            let weights = &shared.transformed[w.weights.clone()];
            let finish = Finish { addend, ..Finish::NONE };
            let out = (out, dx.layout.strides());
            shared.scratch.with(|scratch| {
                w.winograd.forward(shared.isa, all, values, weights, finish, &mut scratch.floats, out);
            });
            return;
        }
        let transposed = &shared.transposed[conv.transposed.clone()];
        for phase in &conv.phases {
            let finish = Finish { addend, ..Finish::NONE };
            phase.conv.over(self.images).run(shared.isa, values, transposed, finish, out);
        }
    }

    /// A convolution that pools: each image's winners, block by block of channels.
    fn sparse_backward(&mut self, shared: &Shared<'_>, step: &Step, conv: &ConvStep, sparse: &SparseConv) {
        let slots = &shared.program.slots;
        let (x, g) = (&slots[step.op.input()].data, grad(&slots[step.op.output]));
        let dx = slots[step.op.input()].grad.as_ref();
        self.undo_in_place(shared, step, g);
        if let Some(dx) = dx {
            self.prepare(step.dx[0], dx, true);
        }
        let weights = &shared.transposed[conv.transposed.clone()];
        let places = step.places.as_ref().expect("training keeps the places").start;
        let winners = g.layout.height * g.layout.width * g.layout.pixel;
        let (pooled, image) = (g.layout.image(), x.layout.image());
        shared.scratch.with(|scratch| {
            let dw = &mut scratch.floats[..sparse.weights_len()];
            dw.fill(0.0);
            for n in 0..self.images {
                for block in 0..conv.conv.y.pixel / BLOCK {
                    let from = g.range.start + n * pooled;
                    let gradients = (&self.floats[from..from + pooled], g.layout.strides());
                    let places = &self.places[places + n * winners..][..winners];
                    let counts = sparse.list(block, gradients, places, &mut scratch.entries);
                    let list = (&scratch.entries[..], &counts);
                    let x = &self.floats[x.range.clone()][n * image..];
                    sparse.weight_gradient(shared.isa, block, list, x, dw);
                    if let Some(dx) = dx {
                        let dx = &mut self.floats[dx.range.clone()][n * image..];
                        sparse.input_gradient(shared.isa, block, list, weights, dx);
                    }
                }
            }
            if let Some(part) = &conv.weight_part {
                sparse.pack_gradient(dw, &mut self.floats[part.clone()]);
            }
        });
        self.bias_gradient(shared, conv, g);
    }

    /// The gradient before ReLU and dropout, in place of the gradient after.
    fn undo_in_place(&mut self, shared: &Shared<'_>, step: &Step, g: &Map) {
        self.multiply_by_mask(step, g);
        let Some(relu) = step.op.post.relu else { return };
        let y = &shared.program.slots[step.op.output].data;
        let (out, [values]) = disjoint(self.floats, g.range.clone(), [y.range.clone()]);
        copy_rows(&g.layout, self.images, |n, row, range| {
            let values = &values[y.layout.row_values(n, row)];
            for (g, y) in out[range].iter_mut().zip(values) {
                // As in PyTorch, an output that is no number lets the gradient through.
                *g = if *y <= 0.0 || (*y >= relu.ceiling && relu.ceiling.is_finite()) { 0.0 } else { *g };
            }
        });
    }

    /// The chunk's share of the gradients of weight and bias.
    fn weight_gradient(&mut self, shared: &Shared<'_>, step: &Step, conv: &ConvStep, g: &Map) {
        let x = &shared.program.slots[step.op.input()].data;
        if let Some(part) = &conv.weight_part {
            let reads = [x.range.clone(), g.range.clone()];
            let (part, [x, values]) = disjoint(self.floats, part.clone(), reads);
            if let Some(w) = &conv.winograd {
                let g = (values, g.layout.strides());
                shared.scratch.with(|scratch| {
                    let scratch = &mut scratch.floats;
                    w.winograd.weight_gradient(shared.isa, self.images, x, g, scratch, part);
                });
            } else {
                let g = (values, g.layout.strides());
                conv::weight_gradient(shared.isa, &conv.conv, &conv.forward, self.images, x, g, part);
            }
        }
        self.bias_gradient(shared, conv, g);
    }

    fn bias_gradient(&mut self, shared: &Shared<'_>, conv: &ConvStep, g: &Map) {
        if let Some(part) = &conv.bias_part {
            let (part, [values]) = disjoint(self.floats, part.clone(), [g.range.clone()]);
            let size = (g.layout.height, g.layout.width);
            let g = (values, g.layout.strides());
            sum_pixels(shared.isa, (self.images, size), conv.conv.y.pixel / BLOCK, g, part);
        }
    }
}

/// Where the backward pass of a step's epilogue reads: the output's gradient, the output, the mask
/// and the input. What a step has not is read from where it is not used.
fn epilogue_reads(shared: &Shared<'_>, step: &Step, to: Option<&Map>) -> [Range<usize>; 4] {
    let slots = &shared.program.slots;
    let (x, slot) = (&slots[step.op.input()].data, &slots[step.op.output]);
    let dy = grad(slot);
    // Only BatchNorm reads its input, unless its gradient takes the place.
    let reads_input = matches!(step.kind, StepKind::BatchNorm(_)) && to.is_none_or(|to| to.range != x.range);
    let x = if reads_input { x } else { dy };
    let y = if step.op.post.relu.is_some() { &slot.data } else { dy };
    [dy, y, step.mask.as_ref().unwrap_or(dy), x].map(|map| map.range.clone())
}

fn places_of<'p>(step: &Step, places: &'p [u16]) -> &'p [u16] {
    step.places.as_ref().map_or(&[], |range| &places[range.clone()])
}

fn gradient_of<'a>(
    shared: &Shared<'_>,
    step: &Step,
    dy: &'a [f32],
    y: &'a [f32],
    mask: &'a [f32],
    places: &'a [u16],
) -> Gradient<'a> {
    let dy_strides = grad(&shared.program.slots[step.op.output]).layout.strides();
    Gradient { dy, dy_strides, y, mask: mask_of(step, mask), places }
}
