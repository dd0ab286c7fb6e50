//! Layers as operators: one file for each kind, and the one place that knows every layer.

mod activation;
mod channels;
mod conv;
mod norm;
mod pool;
mod resample;

use super::graph::{Graph, Value, int};
use super::quantize::{self, Calibration, Held};
use ocelli_nn::{Layer, Network, Node, Role, Shape, Source, Weights};

pub(super) use norm::Affine;

/// A layer on its way into the graph.
pub(super) struct At<'a> {
    pub(super) graph: &'a mut Graph,
    pub(super) name: &'a str,
    pub(super) weights: &'a Weights,
    /// What comes in.
    pub(super) inputs: &'a [Value],
    /// The shapes of the first input and of the output.
    pub(super) input: Shape,
    pub(super) output: Shape,
    /// What the normalisation after it does, where that is folded into it.
    pub(super) then: Option<Affine>,
    /// The scale of the first input, where that is quantised.
    pub(super) scale: Option<f32>,
}

impl At<'_> {
    /// The values of a parameter; `None` where the layer has none.
    fn parameter(&self, role: Role) -> Option<&[f32]> {
        let tensor = self.weights.get(&format!("{}.{}", self.name, role.suffix()))?;
        tensor.as_f32()
    }

    /// A parameter that the layer has.
    fn own(&self, role: Role) -> &[f32] {
        self.parameter(role).expect("a classifier's weights are its network's")
    }
}

/// How layers become operators.
#[derive(Clone, Copy)]
pub(super) struct Manner<'a> {
    /// Whether every batch normalisation stays an operator of its own.
    pub(super) keep_batch_norm: bool,
    /// With eight bits, how far values reach.
    pub(super) calibration: Option<&'a Calibration>,
}

/// Adds the layers of a network. Gives the output.
pub(super) fn add(
    graph: &mut Graph,
    network: &Network,
    weights: &Weights,
    input: Value,
    manner: Manner<'_>,
) -> Value {
    let nodes = network.nodes();
    let folded: Vec<Option<usize>> = (0..nodes.len())
        .map(|index| if manner.keep_batch_norm { None } else { norm::folds_into(network, index) })
        .collect();
    let gives_on = |(node, folded): (&Node, &Option<usize>)| {
        let nothing_done = folded.is_some() || does_nothing(&node.layer);
        nothing_done.then(|| node.inputs[0])
    };
    let alias: Vec<Option<Source>> = nodes.iter().zip(&folded).map(gives_on).collect();
    let quantised = manner.calibration.map(|_| quantize::quantised(network, &alias));
    let input = match manner.calibration {
        Some(calibration) => {
            graph.enter("input");
            quantize::bytes(graph, &input, calibration.input)
        }
        None => Held { value: input, scale: None },
    };
    let mut values: Vec<Held> = Vec::with_capacity(nodes.len());
    for (index, node) in nodes.iter().enumerate() {
        let value_of = |source: &Source| match source {
            Source::Input => input.clone(),
            Source::Node(index) => values[*index].clone(),
        };
        if let Some(before) = &alias[index] {
            values.push(value_of(before));
            continue;
        }
        let held: Vec<Held> = node.inputs.iter().map(value_of).collect();
        let inputs: Vec<Value> = held.iter().map(|held| held.value.clone()).collect();
        let after = folded.iter().position(|producer| *producer == Some(index));
        let then = after.and_then(|after| Affine::of(&nodes[after], weights));
        graph.enter(&node.name);
        let (of, output) = (network.input_shapes(index)[0], network.shapes()[index]);
        let scale = held[0].scale;
        let at = At { graph, name: &node.name, weights, inputs: &inputs, input: of, output, then, scale };
        let value = layer(at, node);
        values.push(match (manner.calibration, &quantised) {
            (Some(calibration), Some(quantised)) if quantised[index] => {
                quantize::bytes(graph, &value, calibration.nodes[after.unwrap_or(index)])
            }
            _ => Held { value, scale: None },
        });
    }
    values.pop().expect("a network has at least one node").value
}

/// Whether a layer gives what comes in when it is not trained.
fn does_nothing(layer: &Layer) -> bool {
    matches!(
        layer,
        Layer::Identity
            | Layer::Dropout(_)
            | Layer::Dropout2d(_)
            | Layer::AlphaDropout(_)
            | Layer::StochasticDepth(_)
    )
}

fn layer(mut at: At<'_>, node: &Node) -> Value {
    let at = &mut at;
    match &node.layer {
        Layer::Conv2d(spec) => conv::conv2d(at, spec),
        Layer::Linear(_) => conv::linear(at),
        Layer::ChannelLinear(_) => conv::channel_linear(at),
        Layer::MaxPool2d(spec) => pool::max(at, spec),
        Layer::AvgPool2d(spec) => pool::mean(at, spec),
        Layer::AdaptiveAvgPool2d(_) => pool::adaptive_mean(at),
        Layer::AdaptiveMaxPool2d(_) => pool::adaptive_max(at),
        Layer::BatchNorm1d(spec) | Layer::BatchNorm2d(spec) if spec.track_running_stats => {
            norm::by_averages(at, spec.eps)
        }
        Layer::BatchNorm1d(spec) | Layer::BatchNorm2d(spec) => norm::by_batch(at, spec.eps),
        Layer::InstanceNorm2d(spec) if spec.track_running_stats => norm::by_averages(at, spec.eps),
        Layer::InstanceNorm2d(spec) => norm::by_groups(at, spec.num_features, spec.eps),
        Layer::GroupNorm(spec) => norm::by_groups(at, spec.num_groups, spec.eps),
        Layer::LayerNorm2d(spec) => norm::by_pixels(at, spec.eps),
        Layer::LocalResponseNorm(spec) => norm::local_response(at, spec),
        Layer::LayerScale(_) => norm::layer_scale(at),
        Layer::Flatten => at.graph.add("Flatten", &[&at.inputs[0]], vec![int("axis", 1)]),
        Layer::Softmax => at.graph.add("Softmax", &[&at.inputs[0]], vec![int("axis", 1)]),
        Layer::LogSoftmax => at.graph.add("LogSoftmax", &[&at.inputs[0]], vec![int("axis", 1)]),
        Layer::Add => at.graph.sum(&at.inputs[0], &at.inputs[1]),
        Layer::Multiply => at.graph.product(&at.inputs[0], &at.inputs[1]),
        Layer::Concat => channels::concat(at),
        Layer::ChannelShuffle(spec) => channels::shuffle(at, spec.groups),
        Layer::Narrow(spec) => channels::narrow(at, *spec),
        Layer::Upsample(spec) => resample::upsample(at, spec),
        activation => activation::of_values(at, activation),
    }
}
