//! From the graph to steps: geometry, memory, and which gradients are wanted.

use std::ops::Range;

use ocelli_kernels::batch_norm::Maps;
use ocelli_kernels::{BLOCK, MapLayout, padded};

use super::super::Recompute;
use super::super::graph::{DropoutOp, Extent, Graph, INPUT, Kind, NormOp, Op, Post, ValueId};
use super::super::memory::{Layout, Life};
use super::super::ops;
use super::super::parameters::Parameters;
use super::{Map, NormStep, Program, Purpose, Slot, Step, StepKind, Target, Vector};
use crate::layers::Role;

pub(in super::super) struct Compiler<'a> {
    pub(super) graph: &'a Graph,
    pub(super) parameters: &'a mut Parameters,
    /// Whether there is a backward pass.
    pub(super) training: bool,
    /// Whether BatchNorm normalises by its running averages, if it has any.
    by_running_averages: bool,
    pub(super) chunk: usize,
    pub(super) memory: Layout,
    pub(super) places: Layout,
    pub(super) scratch: (usize, usize),
    pub(super) transposed: usize,
    /// Whether memory counts for more than the time to make a value again.
    sparing: bool,
    pub(super) turned: usize,
    pub(super) transformed: [usize; 2],
    pub(super) batch: usize,
    pub(super) needs_grad: Vec<bool>,
    pub(super) data: Vec<MapLayout>,
    pub(super) grad: Vec<MapLayout>,
}

impl<'a> Compiler<'a> {
    pub(in super::super) fn compile(
        graph: &'a Graph,
        parameters: &'a mut Parameters,
        purpose: Purpose,
        (batch, chunk): (usize, usize),
        recompute: Recompute,
    ) -> Program {
        let training = purpose != Purpose::Inference;
        let of_input = purpose == Purpose::Gradients;
        let mut compiler = Self {
            needs_grad: needs_grad(graph, training, of_input),
            data: data_layouts(graph, of_input),
            grad: Vec::new(),
            graph,
            parameters,
            training,
            by_running_averages: purpose != Purpose::Training,
            chunk,
            memory: Layout::default(),
            places: Layout::default(),
            scratch: (0, 0),
            transposed: 0,
            sparing: match recompute {
                Recompute::Auto => batch * activations(graph) > SPARING,
                Recompute::Never => false,
                Recompute::Always => true,
            },
            turned: 0,
            transformed: [0; 2],
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
            turned: compiler.turned,
            transformed: compiler.transformed.into_iter().max().unwrap_or(0),
            recomputes: training && compiler.sparing,
        }
    }

    /// How many inputs the operation at `index` has.
    pub(in super::super) fn inputs(&self, index: usize) -> usize {
        self.graph.ops[index].inputs.len()
    }

    /// The memory of an input of the operation at `index`.
    pub(in super::super) fn input_layout(&self, index: usize, input: usize) -> MapLayout {
        self.data[self.graph.ops[index].inputs[input]]
    }

    /// The memory of the output of the operation at `index`.
    pub(in super::super) fn output_layout(&self, index: usize) -> MapLayout {
        self.data[self.graph.ops[index].output]
    }

    /// A parameter of the operation at `index` with one value for each channel: where it lies among the
    /// packed ones, and in training the chunk's share of its gradient.
    pub(in super::super) fn vector(&mut self, index: usize, role: Role, channels: usize) -> Vector {
        let whole = self.parameters.add_vector(self.graph.ops[index].node, role, channels);
        let life = Life { from: self.backward_time(index), to: self.end() };
        let part = self.training.then(|| self.memory.place(whole.len(), life));
        Vector { whole, part, values: channels }
    }

    /// Memory of the chunk for what the forward pass of the operation at `index` keeps for its backward
    /// pass, if it is compiled for training.
    pub(in super::super) fn kept(&mut self, index: usize, floats: usize) -> Option<Range<usize>> {
        let life = Life { from: index, to: self.backward_time(index) };
        self.training.then(|| self.memory.place(floats, life))
    }

    /// The same for so many places of maxima of every image, which lie in memory of their own.
    pub(in super::super) fn kept_places(&mut self, index: usize, places: usize) -> Option<Range<usize>> {
        let life = Life { from: index, to: self.backward_time(index) };
        self.training.then(|| self.places.place(self.chunk * places, life))
    }

    /// Running averages of the operation at `index`: which of the plan's norms has them.
    pub(in super::super) fn running(&mut self, index: usize, eps: f32, channels: usize) -> usize {
        let node = self.graph.ops[index].node;
        let op = NormOp { node, eps, momentum: None, affine: false, running: true };
        self.parameters.add_norm(op, channels)
    }

    /// The most images of a chunk.
    pub(in super::super) fn images(&self) -> usize {
        self.chunk
    }

    /// Sees to it that a thread has so many floats to work in.
    pub(in super::super) fn work_in(&mut self, floats: usize) {
        self.scratch.0 = self.scratch.0.max(floats);
    }

    /// When the step's backward pass runs.
    pub(super) fn backward_time(&self, step: usize) -> usize {
        2 * self.graph.ops.len() - step
    }

    pub(super) fn end(&self) -> usize {
        2 * self.graph.ops.len() + 1
    }

    /// Memory for a map of every image, with room after it for a vector that begins in its last pixel.
    fn place(&mut self, layout: MapLayout, lives: &[Life]) -> Map {
        Map { layout, range: self.memory.place_for(self.chunk * layout.image() + BLOCK, lives) }
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
                    let both = self.place(self.data[value], &[data]);
                    return Slot { grad: Some(both.clone()), data: both };
                }
                let data = match self.made_again(value) {
                    Some((last, first)) => {
                        let again = Life { from: self.backward_time(first), to: data.to };
                        self.place(self.data[value], &[Life { from: data.from, to: last }, again])
                    }
                    None => self.place(self.data[value], &[data]),
                };
                let grad = grad.map(|life| self.place(self.grad[value], &[life]));
                Slot { data, grad }
            })
            .collect()
    }

    /// Whether a value is not kept for the backward pass but made again there: what BatchNorm makes of an input
    /// that is kept anyway, in large plans. Gives its last reader, and the one whose backward pass is the
    /// first that needs it.
    fn made_again(&self, value: ValueId) -> Option<(usize, usize)> {
        let producer = &self.graph.ops[self.graph.producer(value)?];
        let Post { add: None, pool: None, dropout: None, .. } = producer.post else { return None };
        let norm = matches!(producer.kind, Kind::BatchNorm(_)) && value != self.graph.output;
        let last = self.graph.readers(value).max()?;
        let first = self.graph.readers(value).filter(|&reader| self.graph.ops[reader].keeps(value)).max()?;
        (self.training && self.sparing && norm).then_some((last, first))
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
            && norm.is_some_and(|op| op.input() == value)
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
                if self.graph.ops[reader].keeps(value) {
                    data.stretch(self.backward_time(reader));
                }
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
        if let (INPUT, Some(grad)) = (value, &mut grad) {
            // Whoever wants it reads it when all is done.
            grad.stretch(self.end());
        }
        if let (true, Some(producer)) = (self.training, producer) {
            if self.graph.ops[producer].keeps_output() {
                data.stretch(self.backward_time(producer));
            }
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

    pub(super) fn dense_gradient_halo(&self, value: ValueId) -> (usize, usize) {
        let Some(producer) = self.graph.producer(value) else { return (0, 0) };
        let op = &self.graph.ops[producer];
        match &op.kind {
            Kind::Conv(conv) if op.post.pool.is_none() && self.needs_grad[op.input()] => {
                self.conv(conv, op).gradient_halo()
            }
            _ => (0, 0),
        }
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
                step.dx = step.op.inputs.iter().map(|&input| target(input)).collect();
            } else {
                step.dx = step.op.inputs.iter().map(|&input| target(input)).collect();
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
            Kind::Image(image) => StepKind::Image(ops::compile(image, self, index)),
        };
        let life = Life { from: index, to: self.backward_time(index) };
        let mask = op.post.dropout.map(|d| self.mask(d, &op, life));
        let places = (self.training && op.post.pool.is_some()).then(|| {
            let y = self.data[op.output];
            self.places.place(self.chunk * y.height * y.width * y.pixel, life)
        });
        let temporary = self.temporary(index, &kind, &op);
        let parts = match &kind {
            StepKind::Conv(conv) => conv.parts(),
            StepKind::Image(operation) => operation.parts(),
            StepKind::BatchNorm(_) | StepKind::Identity => Vec::new(),
        };
        let again = self.made_again_before(index);
        Step { op, kind, dx: Vec::new(), dadd: Target::None, mask, places, temporary, parts, again }
    }

    /// The steps whose outputs have to be made again for the backward pass of the step at `index`.
    fn made_again_before(&self, index: usize) -> Vec<usize> {
        let mut producers = Vec::new();
        for &input in &self.graph.ops[index].inputs {
            let first = self.made_again(input).is_some_and(|(_, first)| first == index);
            producers
                .extend(self.graph.producer(input).filter(|producer| first && !producers.contains(producer)));
        }
        producers
    }

    fn mask(&mut self, dropout: DropoutOp, op: &Op, life: Life) -> Map {
        let y = self.data[op.output];
        let (height, width) = if dropout.extent == Extent::Value { (y.height, y.width) } else { (1, 1) };
        let layout = MapLayout { height, width, halo_y: 0, halo_x: 0, ..y };
        self.place(layout, &[life])
    }

    /// Memory for a convolution's gradient before it pools.
    fn temporary(&mut self, index: usize, kind: &StepKind, op: &Op) -> Option<Map> {
        let StepKind::Conv(step) = kind else { return None };
        if !self.training || op.post.pool.is_none() || step.sparse.is_some() {
            return None;
        }
        let layout = self.gradient_before_pooling(op, &step.conv);
        Some(self.place(layout, &[Life::at(self.backward_time(index))]))
    }

    fn norm_step(&mut self, step: usize, norm: NormOp, op: &Op) -> NormStep {
        let x = self.data[op.input()];
        let index = self.parameters.add_norm(norm, x.channels);
        let maps = Maps { images: self.chunk, size: (x.height, x.width), blocks: x.pixel / BLOCK };
        let (mut moments, mut sums) = (0..0, 0..0);
        let by_batch = !(self.by_running_averages && norm.running);
        if by_batch {
            moments = self.memory.place(self.chunk * maps.moments_len(), Life::at(step));
        }
        if self.training {
            sums = self.memory.place(self.chunk * maps.sums_len(), Life::at(self.backward_time(step)));
        }
        NormStep { maps, index, by_batch, moments, sums }
    }
}

/// Floats of a batch's maps beyond which [`Recompute::Auto`] is sparing with memory: 512 MB.
const SPARING: usize = 128 << 20;

/// Floats of all maps of an image.
fn activations(graph: &Graph) -> usize {
    (0..graph.values.len())
        .filter(|&value| graph.is_live(value))
        .map(|value| graph.values[value].elements())
        .sum()
}

/// Which values depend on a parameter, or on the input if its gradient is wanted, so that theirs is.
fn needs_grad(graph: &Graph, training: bool, of_input: bool) -> Vec<bool> {
    let mut needs = vec![false; graph.values.len()];
    needs[INPUT] = of_input;
    for op in graph.ops.iter().filter(|_| training) {
        let parameters = match &op.kind {
            Kind::Conv(_) => true,
            Kind::BatchNorm(norm) => norm.affine,
            Kind::Identity => false,
            Kind::Image(image) => image.has_parameters(),
        };
        needs[op.output] = parameters || op.inputs.iter().chain(&op.post.add).any(|&input| needs[input]);
    }
    needs
}

/// A value has the halo that the convolutions reading it need. The input's few channels are left
/// unpadded if only convolutions read it and nothing writes a gradient of its layout.
fn data_layouts(graph: &Graph, gradient_of_input: bool) -> Vec<MapLayout> {
    let mut layouts: Vec<_> =
        graph.values.iter().map(|value| MapLayout::new(value.channels, value.height, value.width)).collect();
    for op in &graph.ops {
        for (conv, op) in op.convolutions() {
            let input = conv.reads(op);
            let (y, x) = conv.between(layouts[input], layouts[op.output]).halo();
            let layout = &mut layouts[input];
            layout.halo_y = layout.halo_y.max(y);
            layout.halo_x = layout.halo_x.max(x);
        }
    }
    let only_convolutions = graph.readers(INPUT).all(|reader| {
        let op = &graph.ops[reader];
        let reader = op.convolutions().last();
        let by_value = reader
            .is_some_and(|(conv, op)| !conv.between(layouts[INPUT], layouts[op.output]).reads_vectors());
        by_value && op.post.add != Some(INPUT)
    });
    let input = &mut layouts[INPUT];
    if only_convolutions && !gradient_of_input && input.channels < BLOCK && graph.output != INPUT {
        input.pixel = input.channels;
    } else {
        input.pixel = padded(input.channels);
    }
    layouts
}
