//! Activations.

use super::super::graph::{float, text};
use super::{At, Value};
use ocelli_nn::{Approximate, Layer, Role};

/// PyTorch's constants of SELU.
const SELU: [f32; 2] = [1.673_263_2, 1.050_701];

/// Any layer that works on each value alone.
pub(super) fn of_values(at: &mut At<'_>, layer: &Layer) -> Value {
    let x = at.inputs[0].as_str();
    let graph = &mut *at.graph;
    match layer {
        Layer::Relu => graph.add("Relu", &[x], vec![]),
        Layer::Relu6 => {
            let (least, most) = (graph.float(0.0), graph.float(6.0));
            graph.add("Clip", &[x, &least, &most], vec![])
        }
        Layer::LeakyRelu(spec) => graph.add("LeakyRelu", &[x], vec![float("alpha", spec.negative_slope)]),
        Layer::Elu(spec) => graph.add("Elu", &[x], vec![float("alpha", spec.alpha)]),
        Layer::Selu => graph.add("Selu", &[x], vec![float("alpha", SELU[0]), float("gamma", SELU[1])]),
        Layer::Silu => {
            let gate = graph.add("Sigmoid", &[x], vec![]);
            graph.product(x, &gate)
        }
        Layer::Hardswish => graph.add("HardSwish", &[x], vec![]),
        Layer::Hardsigmoid => {
            graph.add("HardSigmoid", &[x], vec![float("alpha", 1.0 / 6.0), float("beta", 0.5)])
        }
        Layer::Sigmoid => graph.add("Sigmoid", &[x], vec![]),
        Layer::Tanh => graph.add("Tanh", &[x], vec![]),
        Layer::Gelu(spec) => {
            let approximate = match spec.approximate {
                Approximate::None => "none",
                Approximate::Tanh => "tanh",
            };
            graph.add("Gelu", &[x], vec![text("approximate", approximate)])
        }
        Layer::Prelu(_) => prelu(at),
        other => unreachable!("{} has a file of its own", other.type_name()),
    }
}

fn prelu(at: &mut At<'_>) -> Value {
    let slopes = at.own(Role::Slope).to_vec();
    let shape = if at.input.size().is_some() { vec![slopes.len(), 1, 1] } else { vec![slopes.len()] };
    let slopes = at.graph.floats("slope", &shape, &slopes);
    at.graph.add("PRelu", &[&at.inputs[0], &slopes], vec![])
}
