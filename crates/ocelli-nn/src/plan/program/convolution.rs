//! How a convolution is computed, forward and backward, and what it needs for that.

use std::ops::Range;

use ocelli_kernels::MapLayout;
use ocelli_kernels::conv::{Conv, Phase};
use ocelli_kernels::epilogue::MaxPool;
use ocelli_kernels::sparse::SparseConv;
use ocelli_kernels::winograd::{TILE_ROWS, Winograd};

use super::super::MAX_CHUNK;
use super::super::graph::{ConvOp, Kind, Op, ValueId};
use super::super::memory::Life;
use super::compiler::Compiler;
use super::{Band, ConvStep, ExpansionStep, Part, WinogradStep};
use crate::layers::Margins;

/// Weight gradients up to this many floats are summed chunk by chunk, and those of grouped convolutions,
/// which are small for their channels; larger ones over all chunks at once, since a copy for each chunk
/// would cost more than reading the activations again.
const PARTIAL_GRADIENT: usize = 64 * 1024;

/// Tiles of a batch for which transforming a convolution's weights at every step pays.
const WINOGRAD_TRAINING_TILES: usize = 64;

/// Tiles that go through the products together for which reading the transformed weights, four times
/// as large, pays.
const WINOGRAD_TILES: usize = 12;

/// Floats of a band between a convolution that expands channels and the one that reads them.
const EXPANDED_AT_ONCE: usize = 64 * 1024;

/// What transformed weights are for: those for the one pass take the place of those for the other.
#[derive(Clone, Copy)]
enum Direction {
    Forward,
    Inward,
}

impl ConvStep {
    /// The gradients that chunks have shares of.
    pub(super) fn parts(&self) -> Vec<Part> {
        let weight = self.weight_part.as_ref().map(|part| (&self.weight, part));
        let bias = self.bias.as_ref().zip(self.bias_part.as_ref());
        let parts = weight.into_iter().chain(bias);
        parts.map(|(whole, part)| Part { whole: whole.clone(), part: part.clone() }).collect()
    }
}

impl ExpansionStep {
    /// The geometry of the convolution that reads bands, over one of them.
    fn read_by(&self, conv: &Conv) -> Conv {
        let y = MapLayout { height: self.rows, ..conv.y };
        Conv { x: self.band, y, padding: (0, conv.padding.1), ..*conv }
    }
}

impl ConvOp {
    /// The value that the convolution of this operation reads: the operation's input, or what an expansion
    /// makes of it.
    pub(super) fn reads(&self, op: &Op) -> ValueId {
        self.expansion.as_ref().map_or(op.input(), |expansion| expansion.output)
    }

    /// The geometry over the input `x`; its output has the channels of `y` and no pooling yet.
    pub(super) fn between(&self, x: MapLayout, y: MapLayout) -> Conv {
        let Self { kernel, stride, dilation, groups, .. } = *self;
        let Margins { before, after } = self.margins;
        let size = |size: usize, margins: usize, k: usize, s: usize, d: usize| {
            (size + margins - (k - 1) * d - 1) / s + 1
        };
        let height = size(x.height, before.height + after.height, kernel.0, stride.0, dilation.0);
        let width = size(x.width, before.width + after.width, kernel.1, stride.1, dilation.1);
        let y = MapLayout { height, width, ..y };
        Conv { x, y, kernel, stride, padding: (before.height, before.width), dilation, groups }
    }
}

impl Compiler<'_> {
    /// The backward pass by lists of winners, where an operation can have one.
    pub(super) fn sparse(&self, index: usize) -> Option<SparseConv> {
        let op = &self.graph.ops[index];
        let (Kind::Conv(conv), Some(pool), true) = (&op.kind, op.post.pool, self.training) else {
            return None;
        };
        // The input's gradient must have the input's layout.
        if self.needs_grad[op.input()] && self.dense_gradient_halo(op.input()) != (0, 0) {
            return None;
        }
        let y = self.data[op.output];
        SparseConv::new(&self.conv(conv, op), &pool, (y.height, y.width))
    }

    /// The geometry of a convolution: its output before pooling.
    pub(super) fn conv(&self, conv: &ConvOp, op: &Op) -> Conv {
        conv.between(self.data[conv.reads(op)], self.data[op.output])
    }

    pub(super) fn conv_step(&mut self, index: usize, op: &ConvOp, whole: &Op) -> ConvStep {
        let conv = self.conv(op, whole);
        let expansion =
            op.expansion.as_deref().map(|first| Box::new(self.expansion_step(index, &conv, first)));
        let (weight, bias) = self.parameters.add_conv(whole.node, &conv, op);
        let backward = self.backward_time(index);
        let sparse = self.sparse(index).inspect(|sparse| {
            self.work_in(sparse.weights_len());
            self.scratch.1 = self.scratch.1.max(sparse.entries());
        });
        let (phases, inward, transposed) = self.inward(whole, &conv, sparse.as_ref());
        let part = Life { from: backward, to: self.end() };
        let mut place = |len: usize| Some(self.memory.place(len, part));
        let small =
            self.training && (weight.len() <= PARTIAL_GRADIENT || sparse.is_some() || conv.groups > 1);
        let weight_part = if small { place(weight.len()) } else { None };
        let bias_part = bias.as_ref().filter(|_| self.training).and_then(|b| place(b.len()));
        let winograd = self.winograd(&conv, Direction::Forward);
        let band = whole.post.pool.map(|pool| self.band(&conv, pool, winograd.as_ref()));
        if let Some(w) = winograd.as_ref().filter(|_| sparse.is_none() && weight_part.is_some()) {
            self.work_in(w.winograd.gradient_scratch_len());
        }
        let forward = expansion.as_ref().map_or(conv, |expansion| expansion.read_by(&conv)).sweeps(1);
        ConvStep {
            conv,
            forward,
            weight,
            bias,
            band,
            expansion,
            phases,
            transposed,
            winograd,
            inward,
            sparse,
            weight_part,
            bias_part,
        }
    }

    /// What makes the input of a convolution, and as many rows of it as stay in the second-level cache with all
    /// that makes them.
    fn expansion_step(&mut self, index: usize, conv: &Conv, first: &Op) -> ExpansionStep {
        let Kind::Conv(op) = &first.kind else { unreachable!("an expansion is a convolution") };
        let step = self.conv_step(index, op, first);
        let window = (conv.kernel.0 - 1) * conv.dilation.0 + 1;
        let read_by = |rows: usize| (rows - 1) * conv.stride.0 + window;
        let fits = |rows: &usize| read_by(*rows) * conv.x.row() <= EXPANDED_AT_ONCE;
        let rows = (1..=conv.y.height).take_while(fits).last().unwrap_or(1);
        let band = MapLayout { height: read_by(rows), halo_y: 0, ..conv.x };
        self.work_in(band.image());
        ExpansionStep { conv: step, post: first.post, band, rows }
    }

    /// The sweeps of a convolution's input gradient, Winograd's method for it, and where its transposed
    /// weights lie: those that Winograd's method takes are transposed on their way to being transformed.
    fn inward(
        &mut self,
        op: &Op,
        conv: &Conv,
        sparse: Option<&SparseConv>,
    ) -> (Vec<Phase>, Option<WinogradStep>, Range<usize>) {
        if !self.training || !self.needs_grad[op.input()] {
            return (Vec::new(), None, 0..0);
        }
        let start = self.transposed;
        if let Some(sparse) = sparse {
            self.transposed += sparse.weights_len();
            return (Vec::new(), None, start..self.transposed);
        }
        let g = self.gradient_before_pooling(op, conv);
        let phases = Conv { x: self.grad[op.input()], ..*conv }.input_gradient(1, g);
        if let Some(winograd) = self.inward_winograd(conv, op) {
            self.turned = self.turned.max(conv.transposed_len());
            return (phases, Some(winograd), 0..conv.transposed_len());
        }
        self.transposed += conv.transposed_len();
        (phases, None, start..self.transposed)
    }

    /// Whole pooling windows, as many as stay in the first-level cache; in the second-level cache if
    /// Winograd's method, which gains by many tiles at once, computes them.
    fn band(&mut self, conv: &Conv, pool: MaxPool, winograd: Option<&WinogradStep>) -> Band {
        let (most, step) = match winograd {
            Some(_) => (32 * 1024, least_common_multiple(pool.stride.0, TILE_ROWS)),
            None => (4 * 1024, pool.stride.0),
        };
        let row = conv.y.width * conv.y.pixel;
        let rows = (most / (row * step).max(1)).max(1) * step;
        let images =
            if rows < conv.y.height { 1 } else { (most / (row * conv.y.height)).clamp(1, self.chunk) };
        let rows = rows.min(conv.y.height.next_multiple_of(step));
        let layout = MapLayout { height: rows, halo_y: 0, halo_x: 0, ..conv.y };
        let work = winograd.map_or(0, |w| w.winograd.scratch_len());
        self.work_in(images * layout.image() + work);
        Band { images, rows, layout }
    }

    /// Winograd's method where it pays: on maps that its tiles fill, with enough tiles for each use of
    /// the transformed weights, and in training for each transform of them.
    fn winograd(&mut self, conv: &Conv, direction: Direction) -> Option<WinogradStep> {
        let winograd = Winograd::new(conv)?;
        let filled = 2 * conv.y.height * conv.y.width >= winograd.tiles() * TILE_ROWS * TILE_ROWS;
        // By the batch rather than the chunk: the method must not depend on the threads.
        let together = self.batch.min(MAX_CHUNK) * winograd.tiles() >= WINOGRAD_TILES;
        let pays = !self.training || self.batch * winograd.tiles() >= WINOGRAD_TRAINING_TILES;
        if !(filled && together && pays) {
            return None;
        }
        let transformed = &mut self.transformed[direction as usize];
        let start = *transformed;
        *transformed += winograd.weights_len();
        let weights = start..*transformed;
        self.work_in(winograd.scratch_len());
        Some(WinogradStep { winograd, weights })
    }

    /// The memory of the gradient that a convolution's own gradients are made of.
    pub(super) fn gradient_before_pooling(&self, op: &Op, conv: &Conv) -> MapLayout {
        if op.post.pool.is_none() {
            return self.grad[op.output];
        }
        let (y, x) = if self.needs_grad[op.input()] { conv.gradient_halo() } else { (0, 0) };
        conv.y.with_halo(y, x)
    }

    /// The input gradient of a convolution of stride 1 is one of the gradient over transposed weights.
    fn inward_winograd(&mut self, conv: &Conv, op: &Op) -> Option<WinogradStep> {
        if conv.kernel != (3, 3) || conv.stride != (1, 1) || conv.padding.0 > 2 || conv.padding.1 > 2 {
            return None;
        }
        let g = self.gradient_before_pooling(op, conv);
        let padding = (2 - conv.padding.0, 2 - conv.padding.1);
        let inward = Conv { x: g, y: self.grad[op.input()], padding, ..*conv };
        self.winograd(&inward, Direction::Inward)
    }
}

fn least_common_multiple(a: usize, b: usize) -> usize {
    (1..=b).map(|n| n * a).find(|multiple| multiple.is_multiple_of(b)).expect("a · b is one")
}
