//! From the graph to steps: geometry, memory, and which gradients are wanted.

use std::ops::Range;

use ocelli_kernels::activation::Activation;
use ocelli_kernels::avg_pool::{AvgPool, Windows};
use ocelli_kernels::batch_norm::Maps;
use ocelli_kernels::conv::{Conv, Phase};
use ocelli_kernels::epilogue::{Epilogue, MaxPool};
use ocelli_kernels::sparse::SparseConv;
use ocelli_kernels::sweep::Sweep;
use ocelli_kernels::winograd::{TILE_ROWS, Winograd};
use ocelli_kernels::{BLOCK, MapLayout, padded};

use super::MAX_CHUNK;
use super::graph::{AvgWindow, ConvOp, DropoutOp, Graph, INPUT, Kind, NormOp, Op, Post, ValueId};
use super::memory::{Layout, Life};
use super::parameters::Parameters;

/// A map of every image of a chunk: its memory layout and its place in the chunk's memory.
#[derive(Clone, Debug)]
pub(super) struct Map {
    pub(super) layout: MapLayout,
    pub(super) range: Range<usize>,
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
    pub(super) dx: Target,
    pub(super) dadd: Target,
    /// The dropout mask, kept for the backward pass.
    pub(super) mask: Option<Map>,
    /// The places of maxima, in the chunk's memory of places.
    pub(super) places: Option<Range<usize>>,
    /// The gradient before the epilogue, of a convolution that pools.
    pub(super) temporary: Option<Map>,
}

#[derive(Debug)]
pub(super) enum StepKind {
    Conv(Box<ConvStep>),
    BatchNorm(NormStep),
    Identity,
    AvgPool(AvgPool),
    Activation(Activation),
    Flatten,
    Softmax,
}

#[derive(Debug)]
pub(super) struct ConvStep {
    pub(super) conv: Conv,
    pub(super) forward: Sweep,
    /// Where weight and bias lie among the packed parameters.
    pub(super) weight: Range<usize>,
    pub(super) bias: Option<Range<usize>>,
    /// A part of the output before pooling.
    pub(super) band: Option<Band>,
    /// The input gradient.
    pub(super) phases: Vec<Phase>,
    /// Where the transposed weights lie among all.
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
    /// Which of the plan's BatchNorms it is.
    pub(super) index: usize,
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
    /// Floats of all weights transformed for Winograd's method.
    pub(super) transformed: usize,
}

/// Weight gradients up to this many floats are summed chunk by chunk; larger ones over all chunks
/// at once, since a copy for each chunk would cost more than reading the activations again.
const PARTIAL_GRADIENT: usize = 64 * 1024;

/// Tiles of a batch for which transforming a convolution's weights at every step pays.
const WINOGRAD_TRAINING_TILES: usize = 64;

/// Tiles that go through the products together for which reading the transformed weights, four times
/// as large, pays.
const WINOGRAD_TILES: usize = 12;

pub(super) struct Compiler<'a> {
    graph: &'a Graph,
    parameters: &'a mut Parameters,
    training: bool,
    chunk: usize,
    memory: Layout,
    places: Layout,
    scratch: (usize, usize),
    transposed: usize,
    transformed: usize,
    batch: usize,
    needs_grad: Vec<bool>,
    data: Vec<MapLayout>,
    grad: Vec<MapLayout>,
}

impl<'a> Compiler<'a> {
    pub(super) fn compile(
        graph: &'a Graph,
        parameters: &'a mut Parameters,
        training: bool,
        (batch, chunk): (usize, usize),
    ) -> Program {
        let mut compiler = Self {
            needs_grad: needs_grad(graph, training),
            data: data_layouts(graph),
            grad: Vec::new(),
            graph,
            parameters,
            training,
            chunk,
            memory: Layout::default(),
            places: Layout::default(),
            scratch: (0, 0),
            transposed: 0,
            transformed: 0,
            batch,
        };
        compiler.grad = compiler.grad_layouts();
        for value in 0..graph.values.len() {
            if training && compiler.gradient_takes_the_place(value) {
                compiler.data[value] = compiler.grad[value];
            }
        }
        let slots = compiler.slots();
        let steps = compiler.steps(&slots);
        Program {
            steps,
            slots,
            output: graph.output,
            chunk,
            memory: compiler.memory.len(),
            places: compiler.places.len(),
            scratch: compiler.scratch,
            transposed: compiler.transposed,
            transformed: compiler.transformed,
        }
    }

    /// When the step's backward pass runs.
    fn backward_time(&self, step: usize) -> usize {
        2 * self.graph.ops.len() - step
    }

    fn end(&self) -> usize {
        2 * self.graph.ops.len() + 1
    }

    /// Memory for a map of every image, with room after it for a vector that begins in its last pixel.
    fn place(&mut self, layout: MapLayout, life: Life) -> Map {
        Map { layout, range: self.memory.place(self.chunk * layout.image() + BLOCK, life) }
    }

    fn slots(&mut self) -> Vec<Slot> {
        (0..self.graph.values.len())
            .map(|value| {
                if !self.graph.is_live(value) {
                    return Slot { data: Map { layout: self.data[value], range: 0..0 }, grad: None };
                }
                let (mut data, grad) = self.lives(value);
                if let (true, Some(life)) = (self.gradient_takes_the_place(value), grad) {
                    data.stretch(life.to);
                    let both = self.place(self.data[value], data);
                    return Slot { grad: Some(both.clone()), data: both };
                }
                let data = self.place(self.data[value], data);
                let grad = grad.map(|life| self.place(self.grad[value], life));
                Slot { data, grad }
            })
            .collect()
    }

    /// Whether a value's gradient may take its place: a convolution's output that BatchNorm alone reads,
    /// and nothing once BatchNorm has made the gradient of it.
    fn gradient_takes_the_place(&self, value: ValueId) -> bool {
        let Some(producer) = self.graph.producer(value).map(|index| &self.graph.ops[index]) else {
            return false;
        };
        let mut readers = self.graph.readers(value);
        let (reader, sole) = (readers.next(), readers.next().is_none());
        let norm =
            reader.map(|index| &self.graph.ops[index]).filter(|op| matches!(op.kind, Kind::BatchNorm(_)));
        sole && value != self.graph.output
            && norm.is_some_and(|op| op.input == value)
            && matches!(producer.kind, Kind::Conv(_))
            && producer.post == Post::default()
    }

    fn lives(&self, value: ValueId) -> (Life, Option<Life>) {
        let producer = self.graph.producer(value);
        let mut data = Life::at(producer.unwrap_or(0));
        let mut grad = None;
        for reader in self.graph.readers(value) {
            data.stretch(reader);
            if self.training {
                data.stretch(self.backward_time(reader));
                let life = grad.get_or_insert(Life::at(self.backward_time(reader)));
                life.stretch(self.backward_time(reader));
            }
        }
        if value == self.graph.output {
            // It is read, and its gradient written, between the two passes.
            let between = self.graph.ops.len();
            data.stretch(between);
            if self.training {
                grad.get_or_insert(Life::at(between)).stretch(between);
            }
        }
        if let (true, Some(producer)) = (self.training, producer) {
            data.stretch(self.backward_time(producer));
            if let Some(life) = &mut grad {
                life.stretch(self.backward_time(producer));
            }
        }
        (data, grad.filter(|_| self.needs_grad[value]))
    }

    /// A value's gradient has the halo that the convolution before it needs, if that reads it as
    /// it is, or the halo of the value, if a list of winners is scattered over it.
    fn grad_layouts(&self) -> Vec<MapLayout> {
        (0..self.graph.values.len())
            .map(|value| {
                let (y, x) = self.dense_gradient_halo(value);
                let sparse = self.graph.readers(value).any(|reader| self.sparse(reader).is_some());
                if sparse { self.data[value] } else { self.data[value].with_halo(y, x) }
            })
            .collect()
    }

    fn dense_gradient_halo(&self, value: ValueId) -> (usize, usize) {
        let Some(producer) = self.graph.producer(value) else { return (0, 0) };
        let op = &self.graph.ops[producer];
        match &op.kind {
            Kind::Conv(conv) if op.post.pool.is_none() && self.needs_grad[op.input] => {
                self.conv(conv, op).gradient_halo()
            }
            _ => (0, 0),
        }
    }

    /// The backward pass by lists of winners, where an operation can have one.
    fn sparse(&self, index: usize) -> Option<SparseConv> {
        let op = &self.graph.ops[index];
        let (Kind::Conv(conv), Some(pool), true) = (&op.kind, op.post.pool, self.training) else {
            return None;
        };
        // The input's gradient must have the input's layout.
        if self.needs_grad[op.input] && self.dense_gradient_halo(op.input) != (0, 0) {
            return None;
        }
        let y = self.data[op.output];
        SparseConv::new(&self.conv(conv, op), &pool, (y.height, y.width))
    }

    /// The geometry of a convolution: its output before pooling.
    fn conv(&self, conv: &ConvOp, op: &Op) -> Conv {
        let x = self.data[op.input];
        let size = |size: usize, k: usize, s: usize, p: usize| (size + 2 * p - k) / s + 1;
        let (height, width) = (
            size(x.height, conv.kernel.0, conv.stride.0, conv.padding.0),
            size(x.width, conv.kernel.1, conv.stride.1, conv.padding.1),
        );
        let y = MapLayout { height, width, ..self.data[op.output] };
        Conv { x, y, kernel: conv.kernel, stride: conv.stride, padding: conv.padding }
    }

    fn steps(&mut self, slots: &[Slot]) -> Vec<Step> {
        let mut steps: Vec<_> = (0..self.graph.ops.len()).map(|index| self.step(index)).collect();
        // The last step's gradients come first.
        let mut written = vec![false; slots.len()];
        for step in steps.iter_mut().rev() {
            let mut target = |value: ValueId| match (slots[value].grad.is_some(), written[value]) {
                (false, _) => Target::None,
                (true, false) => {
                    written[value] = true;
                    Target::Write
                }
                (true, true) => Target::Add,
            };
            // A BatchNorm knows its addend's gradient before its input's.
            if let StepKind::BatchNorm(_) = step.kind {
                step.dadd = step.op.post.add.map_or(Target::None, &mut target);
                step.dx = target(step.op.input);
            } else {
                step.dx = target(step.op.input);
                step.dadd = step.op.post.add.map_or(Target::None, &mut target);
            }
        }
        steps
    }

    fn step(&mut self, index: usize) -> Step {
        let op = self.graph.ops[index].clone();
        let kind = match &op.kind {
            Kind::Conv(conv) => StepKind::Conv(Box::new(self.conv_step(index, conv, &op))),
            Kind::BatchNorm(norm) => StepKind::BatchNorm(self.norm_step(index, *norm, &op)),
            Kind::Identity => StepKind::Identity,
            Kind::AvgPool(window) => StepKind::AvgPool(self.avg_pool(*window, &op)),
            Kind::Activation(activation) => StepKind::Activation(*activation),
            Kind::Flatten => StepKind::Flatten,
            Kind::Softmax => StepKind::Softmax,
        };
        let life = Life { from: index, to: self.backward_time(index) };
        let mask = op.post.dropout.map(|d| self.mask(d, &op, life));
        let places = (self.training && op.post.pool.is_some()).then(|| {
            let y = self.data[op.output];
            self.places.place(self.chunk * y.height * y.width * y.pixel, life)
        });
        let temporary = self.temporary(index, &kind, &op);
        Step { op, kind, dx: Target::None, dadd: Target::None, mask, places, temporary }
    }

    fn mask(&mut self, dropout: DropoutOp, op: &Op, life: Life) -> Map {
        let y = self.data[op.output];
        let (height, width) = if dropout.by_channel { (1, 1) } else { (y.height, y.width) };
        let layout = MapLayout { height, width, halo_y: 0, halo_x: 0, ..y };
        self.place(layout, life)
    }

    /// Memory for a convolution's gradient before it pools.
    fn temporary(&mut self, index: usize, kind: &StepKind, op: &Op) -> Option<Map> {
        let StepKind::Conv(step) = kind else { return None };
        if !self.training || op.post.pool.is_none() || step.sparse.is_some() {
            return None;
        }
        let layout = self.gradient_before_pooling(op, &step.conv);
        Some(self.place(layout, Life::at(self.backward_time(index))))
    }

    fn conv_step(&mut self, index: usize, op: &ConvOp, whole: &Op) -> ConvStep {
        let conv = self.conv(op, whole);
        let (weight, bias) = self.parameters.add_conv(whole.node, &conv, op);
        let backward = self.backward_time(index);
        let sparse = self.sparse(index).inspect(|sparse| {
            self.work_in(sparse.weights_len());
            self.scratch.1 = self.scratch.1.max(sparse.entries());
        });
        let (phases, transposed) = self.inward(whole, &conv, sparse.as_ref());
        let part = Life { from: backward, to: self.end() };
        let mut place = |len: usize| Some(self.memory.place(len, part));
        let small = self.training && (weight.len() <= PARTIAL_GRADIENT || sparse.is_some());
        let weight_part = if small { place(weight.len()) } else { None };
        let bias_part = bias.as_ref().filter(|_| self.training).and_then(|b| place(b.len()));
        let winograd = self.winograd(&conv);
        let band = whole.post.pool.map(|pool| self.band(&conv, pool, winograd.as_ref()));
        if let Some(w) = winograd.as_ref().filter(|_| sparse.is_none() && weight_part.is_some()) {
            self.work_in(w.winograd.gradient_scratch_len());
        }
        let inward = match (&phases[..], sparse.is_some()) {
            ([phase], false) => self.inward_winograd(&conv, phase, whole),
            _ => None,
        };
        let forward = conv.forward(1);
        ConvStep {
            conv,
            forward,
            weight,
            bias,
            band,
            phases,
            transposed,
            winograd,
            inward,
            sparse,
            weight_part,
            bias_part,
        }
    }

    /// The sweeps of a convolution's input gradient, and where its transposed weights lie.
    fn inward(&mut self, op: &Op, conv: &Conv, sparse: Option<&SparseConv>) -> (Vec<Phase>, Range<usize>) {
        if !self.training || !self.needs_grad[op.input] {
            return (Vec::new(), 0..0);
        }
        let start = self.transposed;
        if let Some(sparse) = sparse {
            self.transposed += sparse.weights_len();
            return (Vec::new(), start..self.transposed);
        }
        let g = self.gradient_before_pooling(op, conv);
        self.transposed += conv.transposed_len();
        let inward = Conv { x: self.grad[op.input], ..*conv };
        (inward.input_gradient(1, g), start..self.transposed)
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

    /// Sees to it that a thread has so many floats to work in.
    fn work_in(&mut self, floats: usize) {
        self.scratch.0 = self.scratch.0.max(floats);
    }

    /// Winograd's method where it pays: on maps that its tiles fill, with enough tiles for each use of
    /// the transformed weights, and in training for each transform of them.
    fn winograd(&mut self, conv: &Conv) -> Option<WinogradStep> {
        let winograd = Winograd::new(conv)?;
        let filled = 2 * conv.y.height * conv.y.width >= winograd.tiles() * TILE_ROWS * TILE_ROWS;
        // By the batch rather than the chunk: the method must not depend on the threads.
        let together = self.batch.min(MAX_CHUNK) * winograd.tiles() >= WINOGRAD_TILES;
        let pays = !self.training || self.batch * winograd.tiles() >= WINOGRAD_TRAINING_TILES;
        if !(filled && together && pays) {
            return None;
        }
        let start = self.transformed;
        self.transformed += winograd.weights_len();
        self.work_in(winograd.scratch_len());
        Some(WinogradStep { winograd, weights: start..self.transformed })
    }

    /// The memory of the gradient that a convolution's own gradients are made of.
    fn gradient_before_pooling(&self, op: &Op, conv: &Conv) -> MapLayout {
        if op.post.pool.is_none() {
            return self.grad[op.output];
        }
        let (y, x) = if self.needs_grad[op.input] { conv.gradient_halo() } else { (0, 0) };
        conv.y.with_halo(y, x)
    }

    /// The input gradient of a convolution of stride 1 is one of the gradient over transposed weights.
    fn inward_winograd(&mut self, conv: &Conv, phase: &Phase, op: &Op) -> Option<WinogradStep> {
        if conv.kernel != (3, 3) || conv.stride != (1, 1) || conv.padding.0 > 2 || conv.padding.1 > 2 {
            return None;
        }
        debug_assert_eq!(phase.weights, 0);
        let g = self.gradient_before_pooling(op, conv);
        let padding = (2 - conv.padding.0, 2 - conv.padding.1);
        let inward = Conv { x: g, y: self.grad[op.input], padding, ..*conv };
        self.winograd(&inward)
    }

    fn norm_step(&mut self, step: usize, norm: NormOp, op: &Op) -> NormStep {
        let x = self.data[op.input];
        let index = self.parameters.add_norm(norm, x.channels);
        let maps = Maps { images: self.chunk, size: (x.height, x.width), blocks: x.pixel / BLOCK };
        let (mut moments, mut sums) = (0..0, 0..0);
        if self.training {
            moments = self.memory.place(self.chunk * maps.moments_len(), Life::at(step));
            sums = self.memory.place(self.chunk * maps.sums_len(), Life::at(self.backward_time(step)));
        }
        NormStep { maps, index, moments, sums }
    }

    fn avg_pool(&self, window: AvgWindow, op: &Op) -> AvgPool {
        let x = self.data[op.input];
        let windows = match window {
            AvgWindow::Fixed { kernel: k, stride: s, padding: p, count_include_pad } => (
                Windows::fixed(x.height, k.0, s.0, p.0, count_include_pad),
                Windows::fixed(x.width, k.1, s.1, p.1, count_include_pad),
            ),
            AvgWindow::Adaptive { outputs } => {
                (Windows::adaptive(x.height, outputs.0), Windows::adaptive(x.width, outputs.1))
            }
        };
        AvgPool { windows, blocks: x.pixel / BLOCK }
    }
}

fn least_common_multiple(a: usize, b: usize) -> usize {
    (1..=b).map(|n| n * a).find(|multiple| multiple.is_multiple_of(b)).expect("a · b is one")
}

/// Which values depend on a parameter, so that their gradient is wanted.
fn needs_grad(graph: &Graph, training: bool) -> Vec<bool> {
    let mut needs = vec![false; graph.values.len()];
    for op in graph.ops.iter().filter(|_| training) {
        let parameters = matches!(op.kind, Kind::Conv(_) | Kind::BatchNorm(_));
        needs[op.output] = parameters || needs[op.input] || op.post.add.is_some_and(|add| needs[add]);
    }
    needs
}

/// A value has the halo that the convolutions reading it need. The input's few channels are left
/// unpadded if only convolutions read it.
fn data_layouts(graph: &Graph) -> Vec<MapLayout> {
    let mut layouts: Vec<_> =
        graph.values.iter().map(|value| MapLayout::new(value.channels, value.height, value.width)).collect();
    for op in &graph.ops {
        if let Kind::Conv(conv) = &op.kind {
            let layout = &mut layouts[op.input];
            layout.halo_y = layout.halo_y.max(conv.padding.0);
            layout.halo_x = layout.halo_x.max(conv.padding.1);
        }
    }
    let only_convolutions = graph.readers(INPUT).all(|reader| {
        matches!(graph.ops[reader].kind, Kind::Conv(_)) && graph.ops[reader].post.add != Some(INPUT)
    });
    let input = &mut layouts[INPUT];
    if only_convolutions && input.channels < BLOCK && graph.output != INPUT {
        input.pixel = input.channels;
    } else {
        input.pixel = padded(input.channels);
    }
    layouts
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
