//! Convolutions and linear layers.

use super::super::graph::{int, ints, text};
use super::super::proto::Attribute;
use super::super::quantize;
use super::{At, Value};
use ocelli_nn::{Conv2d, Padding, PaddingMode, Role, Shape};

/// Weight and bias, with what a folded normalisation makes of them. The weight's rows are the outputs.
fn parameters(at: &mut At<'_>, shape: &[usize]) -> (Value, Option<Value>) {
    let mut weight = at.own(Role::Weight).to_vec();
    let mut bias = at.parameter(Role::Bias).map(<[f32]>::to_vec);
    if let Some(then) = at.then.take() {
        let row = weight.len() / shape[0];
        for (weights, scale) in weight.chunks_exact_mut(row).zip(&then.scale) {
            weights.iter_mut().for_each(|weight| *weight = (f64::from(*weight) * scale) as f32);
        }
        let before = bias.unwrap_or_else(|| vec![0.0; shape[0]]);
        let each = before.iter().zip(then.scale.iter().zip(&then.shift));
        bias = Some(each.map(|(bias, (scale, shift))| (f64::from(*bias) * scale + shift) as f32).collect());
    }
    if let Some(scale) = at.scale {
        let (weight, scales) = quantize::weight(at.graph, shape, &weight);
        return (weight, bias.map(|bias| quantize::bias(at.graph, &bias, scale, &scales)));
    }
    let weight = at.graph.floats("weight", shape, &weight);
    (weight, bias.map(|bias| at.graph.floats("bias", &[shape[0]], &bias)))
}

/// The operator with its weight and, if there is one, its bias.
fn with(at: &mut At<'_>, operator: &str, x: &str, shape: &[usize], options: Vec<Attribute>) -> Value {
    let (weight, bias) = parameters(at, shape);
    match bias {
        Some(bias) => at.graph.add(operator, &[x, &weight, &bias], options),
        None => at.graph.add(operator, &[x, &weight], options),
    }
}

pub(super) fn conv2d(at: &mut At<'_>, spec: &Conv2d) -> Value {
    let both = |pair: ocelli_nn::Pair| [pair.height as i64, pair.width as i64];
    let [top, left, bottom, right] = margins(spec);
    let mut x = at.inputs[0].clone();
    let mut pads = [top, left, bottom, right];
    let mode = match spec.padding_mode {
        PaddingMode::Zeros => None,
        PaddingMode::Reflect => Some("reflect"),
        PaddingMode::Replicate => Some("edge"),
        PaddingMode::Circular => Some("wrap"),
    };
    if let Some(mode) = mode.filter(|_| pads != [0; 4]) {
        let around = at.graph.ints(&[0, 0, top, left, 0, 0, bottom, right]);
        x = at.graph.add("Pad", &[&x, &around], vec![text("mode", mode)]);
        pads = [0; 4];
    }
    let shape =
        [spec.out_channels, spec.in_channels / spec.groups, spec.kernel_size.height, spec.kernel_size.width];
    let options = vec![
        ints("dilations", &both(spec.dilation)),
        int("group", spec.groups as i64),
        ints("kernel_shape", &both(spec.kernel_size)),
        ints("pads", &pads),
        ints("strides", &both(spec.stride)),
    ];
    with(at, "Conv", &x, &shape, options)
}

/// What is added above, left, below and right.
fn margins(spec: &Conv2d) -> [i64; 4] {
    let reach = |kernel: usize, dilation: usize| (kernel - 1) * dilation;
    let sides = match spec.padding {
        Padding::Each(pair) => [pair.height, pair.width, pair.height, pair.width],
        Padding::Sides(sides) => [sides.top, sides.left, sides.bottom, sides.right],
        Padding::Valid => [0; 4],
        Padding::Same => {
            let down = reach(spec.kernel_size.height, spec.dilation.height);
            let across = reach(spec.kernel_size.width, spec.dilation.width);
            [down / 2, across / 2, down.div_ceil(2), across.div_ceil(2)]
        }
    };
    sides.map(|side| side as i64)
}

pub(super) fn linear(at: &mut At<'_>) -> Value {
    let (from, to) = (at.input.channels(), at.output.channels());
    let x = at.inputs[0].clone();
    with(at, "Gemm", &x, &[to, from], vec![int("transB", 1)])
}

/// A 1×1 convolution.
pub(super) fn channel_linear(at: &mut At<'_>) -> Value {
    let (Shape::Map { channels: from, .. }, Shape::Map { channels: to, .. }) = (at.input, at.output) else {
        unreachable!("a network's shapes are checked");
    };
    let x = at.inputs[0].clone();
    with(at, "Conv", &x, &[to, from, 1, 1], vec![ints("kernel_shape", &[1, 1])])
}
