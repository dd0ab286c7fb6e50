//! Normalisations.

use super::super::graph::{Graph, float, int, ints};
use super::{At, Value};
use ocelli_nn::{Layer, LocalResponseNorm, Network, Node, Role, Shape, Source, Weights};

/// What a normalisation by averages does to each channel: times a scale, plus a shift.
pub(in super::super) struct Affine {
    pub(super) scale: Vec<f64>,
    pub(super) shift: Vec<f64>,
}

impl Affine {
    /// That of a node, if it is one.
    pub(super) fn of(node: &Node, weights: &Weights) -> Option<Self> {
        let eps = by_averages_with(&node.layer)?;
        let values = |role: Role| weights.get(&format!("{}.{}", node.name, role.suffix()))?.as_f32();
        let (mean, variance) = (values(Role::RunningMean)?, values(Role::RunningVar)?);
        let channel =
            |values: Option<&[f32]>, c: usize, without: f64| values.map_or(without, |v| f64::from(v[c]));
        let scale = |c: usize| {
            channel(values(Role::NormWeight), c, 1.0) / (f64::from(variance[c]) + f64::from(eps)).sqrt()
        };
        let shift = |c: usize| channel(values(Role::NormBias), c, 0.0) - f64::from(mean[c]) * scale(c);
        let channels = 0..mean.len();
        Some(Self { scale: channels.clone().map(scale).collect(), shift: channels.map(shift).collect() })
    }
}

/// The eps of a layer that normalises by averages that it has.
fn by_averages_with(layer: &Layer) -> Option<f32> {
    match layer {
        Layer::BatchNorm1d(spec) | Layer::BatchNorm2d(spec) => spec.track_running_stats.then_some(spec.eps),
        Layer::InstanceNorm2d(spec) => spec.track_running_stats.then_some(spec.eps),
        _ => None,
    }
}

/// The convolution or linear layer that a normalisation can be folded into: the one before it, if nothing else reads that.
pub(super) fn folds_into(network: &Network, index: usize) -> Option<usize> {
    let nodes = network.nodes();
    by_averages_with(&nodes[index].layer)?;
    let &[Source::Node(before)] = nodes[index].inputs.as_slice() else { return None };
    let takes = matches!(nodes[before].layer, Layer::Conv2d(_) | Layer::Linear(_) | Layer::ChannelLinear(_));
    let readers = nodes.iter().flat_map(|node| &node.inputs).filter(|input| **input == Source::Node(before));
    (takes && readers.count() == 1).then_some(before)
}

/// A parameter with a value for each channel, or one that changes nothing.
fn each_channel(at: &mut At<'_>, role: Role, without: f32) -> Value {
    let channels = at.input.channels();
    let values = at.parameter(role).map_or_else(|| vec![without; channels], <[f32]>::to_vec);
    at.graph.floats(role.suffix(), &[channels], &values)
}

/// By running averages.
pub(super) fn by_averages(at: &mut At<'_>, eps: f32) -> Value {
    let parameters = [
        each_channel(at, Role::NormWeight, 1.0),
        each_channel(at, Role::NormBias, 0.0),
        each_channel(at, Role::RunningMean, 0.0),
        each_channel(at, Role::RunningVar, 1.0),
    ];
    let [weight, bias, mean, variance] = &parameters;
    at.graph.add(
        "BatchNormalization",
        &[&at.inputs[0], weight, bias, mean, variance],
        vec![float("epsilon", eps)],
    )
}

/// By the batch that comes in: a layer that keeps no averages.
pub(super) fn by_batch(at: &mut At<'_>, eps: f32) -> Value {
    let axes: &[i64] = if at.input.size().is_some() { &[0, 2, 3] } else { &[0] };
    let x = at.inputs[0].as_str();
    let graph = &mut *at.graph;
    let axes = graph.ints(axes);
    let mean = |graph: &mut Graph, of: &str| graph.add("ReduceMean", &[of, &axes], vec![int("keepdims", 1)]);
    let middle = mean(graph, x);
    let apart = graph.difference(x, &middle);
    let square = graph.product(&apart, &apart);
    let variance = mean(graph, &square);
    let eps = graph.float(eps);
    let variance = graph.sum(&variance, &eps);
    let deviation = graph.add("Sqrt", &[&variance], vec![]);
    let value = graph.quotient(&apart, &deviation);
    affine(at, value)
}

/// By the mean and variance of each of an image's groups of channels.
pub(super) fn by_groups(at: &mut At<'_>, groups: usize, eps: f32) -> Value {
    let apart = at.graph.reshape(&at.inputs[0], &[0, groups as i64, -1]);
    let one = at.graph.floats("one", &[groups], &vec![1.0; groups]);
    let zero = at.graph.floats("zero", &[groups], &vec![0.0; groups]);
    let value = at.graph.add("InstanceNormalization", &[&apart, &one, &zero], vec![float("epsilon", eps)]);
    let mut shape: Vec<i64> = at.input.dimensions().iter().map(|&length| length as i64).collect();
    shape.insert(0, -1);
    let value = at.graph.reshape(&value, &shape);
    affine(at, value)
}

/// Times the weight and plus the bias, where the layer has them.
fn affine(at: &mut At<'_>, mut value: Value) -> Value {
    let channels = at.input.channels();
    let shape = if at.input.size().is_some() { vec![channels, 1, 1] } else { vec![channels] };
    if let Some(weight) = at.parameter(Role::NormWeight).map(<[f32]>::to_vec) {
        let weight = at.graph.floats("weight", &shape, &weight);
        value = at.graph.product(&value, &weight);
    }
    if let Some(bias) = at.parameter(Role::NormBias).map(<[f32]>::to_vec) {
        let bias = at.graph.floats("bias", &shape, &bias);
        value = at.graph.sum(&value, &bias);
    }
    value
}

/// Over the channels of each pixel.
pub(super) fn by_pixels(at: &mut At<'_>, eps: f32) -> Value {
    let weight = each_channel(at, Role::NormWeight, 1.0);
    let bias = at.parameter(Role::NormBias).is_some().then(|| each_channel(at, Role::NormBias, 0.0));
    let last = at.graph.transpose(&at.inputs[0], &[0, 2, 3, 1]);
    let mut inputs = vec![last.as_str(), &weight];
    inputs.extend(bias.as_deref());
    let options = vec![int("axis", -1), float("epsilon", eps)];
    let value = at.graph.add("LayerNormalization", &inputs, options);
    at.graph.transpose(&value, &[0, 3, 1, 2])
}

/// x / (k + alpha · m)^beta, with the mean m of x² over neighbouring channels. ONNX's own `LRN` puts windows of even size elsewhere, and
/// ONNX Runtime takes none of them.
pub(super) fn local_response(at: &mut At<'_>, spec: &LocalResponseNorm) -> Value {
    let Shape::Map { channels, height, width } = at.input else {
        unreachable!("a network's shapes are checked")
    };
    let x = at.inputs[0].as_str();
    let graph = &mut *at.graph;
    let square = graph.product(x, x);
    // Channels as rows, that a window slides down.
    let rows = graph.reshape(&square, &[-1, 1, channels as i64, (height * width) as i64]);
    let pads = graph.ints(&[0, 0, (spec.size / 2) as i64, 0, 0, 0, ((spec.size - 1) / 2) as i64, 0]);
    let rows = graph.add("Pad", &[&rows, &pads], vec![]);
    // The strides are the default, but rten takes it for one of a line.
    let options = vec![ints("kernel_shape", &[spec.size as i64, 1]), ints("strides", &[1, 1])];
    let mean = graph.add("AveragePool", &[&rows], options);
    let mean = graph.reshape(&mean, &[-1, channels as i64, height as i64, width as i64]);
    let [alpha, k, beta] = [spec.alpha, spec.k, spec.beta].map(|number| graph.float(number));
    let base = graph.product(&mean, &alpha);
    let base = graph.sum(&base, &k);
    let power = graph.add("Pow", &[&base, &beta], vec![]);
    graph.quotient(x, &power)
}

pub(super) fn layer_scale(at: &mut At<'_>) -> Value {
    let factors = at.own(Role::LayerScale).to_vec();
    let factors = at.graph.floats("layer_scale", &[factors.len(), 1, 1], &factors);
    at.graph.product(&at.inputs[0], &factors)
}
