//! The network as a plan sees it: operations on values, each operation with what follows it fused
//! in. Passes rewrite this graph; see [`super::passes`].

use ocelli_kernels::activation::Activation;
use ocelli_kernels::epilogue::MaxPool;
use ocelli_kernels::random;
use ocelli_kernels::sweep::Relu;

use super::PlanError;
use super::ops::{AvgWindow, Channels, ImageOp, Pad};
use crate::layers::{
    Approximate, BatchNorm, Conv2d, DropMode, Gelu, GroupNorm, Layer, Margins, MaxPool2d, PaddingMode,
    StochasticDepth,
};
use crate::network::{Network, Source};
use crate::shape::{Pair, Shape};

/// Index of a [`Value`].
pub(super) type ValueId = usize;

/// A map, or features as a map of one pixel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Value {
    pub(super) channels: usize,
    pub(super) height: usize,
    pub(super) width: usize,
}

impl From<Shape> for Value {
    fn from(shape: Shape) -> Self {
        match shape {
            Shape::Map { channels, height, width } => Self { channels, height, width },
            Shape::Features(channels) => Self { channels, height: 1, width: 1 },
        }
    }
}

impl Value {
    pub(super) fn elements(&self) -> usize {
        self.channels * self.height * self.width
    }
}

/// An operation and its epilogue.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Op {
    /// Index of the node whose parameters it has.
    pub(super) node: usize,
    pub(super) kind: Kind,
    /// What it reads, beside what its epilogue adds.
    pub(super) inputs: Vec<ValueId>,
    pub(super) output: ValueId,
    pub(super) post: Post,
}

impl Op {
    /// The first of its inputs.
    pub(super) fn input(&self) -> ValueId {
        self.inputs[0]
    }

    /// Its convolution, if it is one, and the one that makes that one's input: the last reads the operation's.
    pub(super) fn convolutions(&self) -> impl Iterator<Item = (&ConvOp, &Op)> {
        fn convolution(op: &Op) -> Option<(&ConvOp, &Op)> {
            match &op.kind {
                Kind::Conv(conv) => Some((conv, op)),
                _ => None,
            }
        }
        std::iter::successors(convolution(self), |(conv, _)| convolution(conv.expansion.as_deref()?))
    }

    /// Whether its backward pass reads an input of its.
    pub(super) fn keeps(&self, value: ValueId) -> bool {
        self.inputs.contains(&value)
            && match &self.kind {
                Kind::Conv(_) | Kind::BatchNorm(_) => true,
                Kind::Identity => false,
                Kind::Image(image) => image.keeps_inputs(),
            }
    }

    /// Whether its backward pass reads its output.
    pub(super) fn keeps_output(&self) -> bool {
        self.post.relu.is_some() || matches!(&self.kind, Kind::Image(image) if image.keeps_output())
    }
}

/// What an operation does before its epilogue.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Kind {
    Conv(ConvOp),
    BatchNorm(NormOp),
    /// Nothing: the epilogue is the operation.
    Identity,
    /// Anything that works on each image alone and carries no epilogue.
    Image(ImageOp),
}

/// A convolution, or a linear layer as one.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct ConvOp {
    pub(super) kernel: (usize, usize),
    pub(super) stride: (usize, usize),
    /// Zeros around the input.
    pub(super) margins: Margins,
    pub(super) dilation: (usize, usize),
    pub(super) groups: usize,
    pub(super) bias: bool,
    /// A BatchNorm whose evaluation form is folded into the weights.
    pub(super) folded: Option<NormOp>,
    /// A convolution that makes what this one reads, a band of rows at a time: the operation's inputs are its.
    pub(super) expansion: Option<Box<Op>>,
}

/// A BatchNorm.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct NormOp {
    pub(super) node: usize,
    pub(super) eps: f32,
    /// Without one, the running averages are those of all batches so far.
    pub(super) momentum: Option<f32>,
    /// Whether it has weight and bias.
    pub(super) affine: bool,
    /// Whether it has running averages, by which evaluation normalises.
    pub(super) running: bool,
}

/// An epilogue, in the order in which its parts apply.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Post {
    pub(super) add: Option<ValueId>,
    pub(super) pool: Option<MaxPool>,
    pub(super) relu: Option<Relu>,
    /// In inference, instead of ReLU, any other activation.
    pub(super) activation: Option<Activation>,
    pub(super) dropout: Option<DropoutOp>,
}

/// A dropout.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct DropoutOp {
    pub(super) p: f32,
    pub(super) extent: Extent,
    /// What keeps its random numbers apart from other layers'.
    pub(super) purpose: u64,
}

/// What a dropout zeroes as one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Extent {
    Value,
    Channel,
    Image,
    Batch,
}

/// Operations in an order in which they can run.
#[derive(Clone, Debug)]
pub(super) struct Graph {
    pub(super) values: Vec<Value>,
    pub(super) ops: Vec<Op>,
    pub(super) output: ValueId,
}

/// The network's input.
pub(super) const INPUT: ValueId = 0;

impl Graph {
    /// One operation for each node that computes something.
    pub(super) fn lower(network: &Network, training: bool) -> Result<Self, PlanError> {
        let mut graph = Self { values: vec![network.input().into()], ops: Vec::new(), output: INPUT };
        let mut values = Vec::with_capacity(network.nodes().len());
        for (index, node) in network.nodes().iter().enumerate() {
            let input = |i: usize| match node.inputs[i] {
                Source::Input => INPUT,
                Source::Node(n) => values[n],
            };
            let mut inputs: Vec<_> = (0..node.inputs.len()).map(input).collect();
            let from = graph.values[inputs[0]];
            let (kind, post) = match lower_layer(&node.layer, &node.name, from, training)? {
                Lowered::Nothing => {
                    values.push(inputs[0]);
                    continue;
                }
                Lowered::Op(kind) => (kind, Post::default()),
                Lowered::Post(post) => (Kind::Identity, post),
                Lowered::Sum => (Kind::Identity, Post { add: inputs.pop(), ..Post::default() }),
                Lowered::Padded(pad, conv) => {
                    inputs = vec![graph.push_padding(index, pad, inputs[0])];
                    (Kind::Conv(conv), Post::default())
                }
            };
            let kind = match kind {
                Kind::BatchNorm(norm) => Kind::BatchNorm(NormOp { node: index, ..norm }),
                other => other,
            };
            let output = graph.values.len();
            graph.values.push(network.shapes()[index].into());
            graph.ops.push(Op { node: index, kind, inputs, output, post });
            values.push(output);
        }
        graph.output = *values.last().expect("a network has a node");
        Ok(graph)
    }

    fn push_padding(&mut self, node: usize, pad: Pad, input: ValueId) -> ValueId {
        let output = self.values.len();
        self.values.push(pad.padded(self.values[input]));
        let kind = Kind::Image(ImageOp::Pad(pad));
        self.ops.push(Op { node, kind, inputs: vec![input], output, post: Post::default() });
        output
    }

    /// The operations that read a value, each as often as it does.
    pub(super) fn readers(&self, value: ValueId) -> impl Iterator<Item = usize> + '_ {
        self.ops.iter().enumerate().flat_map(move |(index, op)| {
            let reads = op.inputs.iter().copied().chain(op.post.add).filter(move |&v| v == value);
            reads.map(move |_| index)
        })
    }

    /// The operation that makes a value.
    pub(super) fn producer(&self, value: ValueId) -> Option<usize> {
        self.ops.iter().position(|op| op.output == value)
    }

    /// Whether the value is there at all: passes leave behind values that they fused away.
    pub(super) fn is_live(&self, value: ValueId) -> bool {
        value == INPUT || self.producer(value).is_some()
    }

    /// The operation that makes a value that only one reader uses, once.
    pub(super) fn sole_producer(&self, value: ValueId) -> Option<usize> {
        let sole = self.readers(value).count() == 1 && self.output != value;
        if sole { self.producer(value) } else { None }
    }
}

enum Lowered {
    Nothing,
    Op(Kind),
    Post(Post),
    Sum,
    /// A convolution of what a padding makes.
    Padded(Pad, ConvOp),
}

fn lower_layer(layer: &Layer, name: &str, input: Value, training: bool) -> Result<Lowered, PlanError> {
    let relu = |relu| Lowered::Post(Post { relu: Some(relu), ..Post::default() });
    let norm = |n: &BatchNorm| {
        let (affine, running) = (n.affine, n.track_running_stats);
        Lowered::Op(Kind::BatchNorm(NormOp { node: 0, eps: n.eps, momentum: n.momentum, affine, running }))
    };
    let image = |op| Lowered::Op(Kind::Image(op));
    let activation = |activation| image(ImageOp::Activation(activation));
    let dropout = |p: f32, extent: Extent| {
        if !training || p == 0.0 {
            return Lowered::Nothing;
        }
        let dropout = Some(DropoutOp { p, extent, purpose: random::hash(name) });
        Lowered::Post(Post { dropout, ..Post::default() })
    };
    Ok(match layer {
        Layer::Conv2d(c) => lower_conv(c),
        Layer::Linear(l) => lower_conv(&Conv2d::new(l.in_features, l.out_features, 1).bias(l.bias)),
        Layer::ChannelLinear(l) => lower_conv(&l.convolution()),
        Layer::BatchNorm1d(n) | Layer::BatchNorm2d(n) => norm(n),
        Layer::Relu6 => relu(Relu::SIX),
        Layer::LeakyRelu(l) => activation(Activation::LeakyRelu(l.negative_slope)),
        Layer::Elu(e) => activation(Activation::Elu(e.alpha)),
        Layer::Selu => activation(Activation::Selu),
        Layer::Silu => activation(Activation::Silu),
        Layer::Hardswish => activation(Activation::Hardswish),
        Layer::Hardsigmoid => activation(Activation::Hardsigmoid),
        Layer::Sigmoid => activation(Activation::Sigmoid),
        Layer::Tanh => activation(Activation::Tanh),
        Layer::Gelu(Gelu { approximate: Approximate::None }) => activation(Activation::Gelu),
        Layer::Gelu(Gelu { approximate: Approximate::Tanh }) => activation(Activation::GeluTanh),
        Layer::Identity => Lowered::Nothing,
        Layer::Relu => relu(Relu::PLAIN),
        Layer::Dropout(d) => dropout(d.p, Extent::Value),
        Layer::Dropout2d(d) => dropout(d.p, Extent::Channel),
        Layer::StochasticDepth(StochasticDepth { p, mode: DropMode::Row }) => dropout(*p, Extent::Image),
        Layer::StochasticDepth(StochasticDepth { p, mode: DropMode::Batch }) => dropout(*p, Extent::Batch),
        Layer::MaxPool2d(p) => lower_max_pool(p, name, input)?,
        Layer::AvgPool2d(p) => image(ImageOp::AvgPool(AvgWindow::Fixed(*p))),
        Layer::AdaptiveAvgPool2d(_) => image(ImageOp::AvgPool(AvgWindow::Adaptive)),
        Layer::AdaptiveMaxPool2d(_) => {
            let widest = layer.window(Shape::map(input.channels, input.height, input.width)).kernel;
            check_places(name, pair(widest))?;
            image(ImageOp::AdaptiveMaxPool)
        }
        Layer::Flatten if input.height * input.width == 1 => Lowered::Nothing,
        Layer::Flatten => image(ImageOp::Flatten),
        Layer::LayerNorm2d(spec) => image(ImageOp::LayerNorm(*spec)),
        Layer::AlphaDropout(d) if !training || d.p == 0.0 => Lowered::Nothing,
        // As in PyTorch, where everything is dropped zeros are left.
        Layer::AlphaDropout(d) if d.p == 1.0 => dropout(d.p, Extent::Value),
        Layer::AlphaDropout(d) => image(ImageOp::AlphaDropout(d.p, random::hash(name))),
        Layer::GroupNorm(spec) => image(ImageOp::GroupNorm(*spec, None)),
        // By running averages it is what BatchNorm is.
        Layer::InstanceNorm2d(spec) if spec.track_running_stats && !training => norm(&BatchNorm {
            num_features: spec.num_features,
            eps: spec.eps,
            momentum: spec.momentum,
            affine: spec.affine,
            track_running_stats: true,
        }),
        Layer::InstanceNorm2d(spec) => {
            let groups = GroupNorm::new(spec.num_features, spec.num_features);
            let share = spec.track_running_stats.then_some(spec.momentum.unwrap_or(0.0));
            image(ImageOp::GroupNorm(groups.eps(spec.eps).affine(spec.affine), share))
        }
        Layer::LocalResponseNorm(spec) => image(ImageOp::LocalResponseNorm(*spec)),
        Layer::LogSoftmax => image(ImageOp::LogSoftmax),
        Layer::Prelu(p) => image(ImageOp::Prelu(p.num_parameters)),
        Layer::LayerScale(_) => image(ImageOp::LayerScale),
        Layer::Softmax => image(ImageOp::Softmax),
        Layer::Add => Lowered::Sum,
        Layer::Multiply => image(ImageOp::Multiply),
        Layer::Concat => image(ImageOp::Channels(Channels::Concat)),
        Layer::ChannelShuffle(s) => image(ImageOp::Channels(Channels::Shuffle(s.groups))),
        Layer::Upsample(u) => image(ImageOp::Upsample(*u)),
        Layer::Narrow(n) => image(ImageOp::Channels(Channels::Narrow(n.start))),
    })
}

fn lower_conv(c: &Conv2d) -> Lowered {
    let conv = ConvOp {
        kernel: pair(c.kernel_size),
        stride: pair(c.stride),
        margins: c.margins(),
        dilation: pair(c.dilation),
        groups: c.groups,
        bias: c.bias,
        folded: None,
        expansion: None,
    };
    if c.padding_mode == PaddingMode::Zeros || conv.margins == Margins::NONE {
        return Lowered::Op(Kind::Conv(conv));
    }
    let pad = Pad { mode: c.padding_mode, margins: conv.margins };
    Lowered::Padded(pad, ConvOp { margins: Margins::NONE, ..conv })
}

fn lower_max_pool(p: &MaxPool2d, name: &str, input: Value) -> Result<Lowered, PlanError> {
    let pool = MaxPool {
        kernel: pair(p.kernel_size),
        stride: pair(p.stride),
        padding: pair(p.padding),
        dilation: pair(p.dilation),
        past_end: p.reaches_past(Pair { height: input.height, width: input.width }),
    };
    check_places(name, pool.kernel)?;
    Ok(Lowered::Post(Post { pool: Some(pool), ..Post::default() }))
}

/// Refuses windows of more values than 16 bits number: the places of maxima.
fn check_places(name: &str, window: (usize, usize)) -> Result<(), PlanError> {
    if window.0.saturating_mul(window.1) > 1 << 16 {
        return Err(PlanError::window(name, window));
    }
    Ok(())
}

fn pair(p: Pair) -> (usize, usize) {
    (p.height, p.width)
}
