//! Eight bits instead of thirty-two: which values are quantised, and how (Jacob et al., 2018, arXiv:1712.05877; Wu et al., 2020,
//! arXiv:2004.09602).
//!
//! Weights become whole numbers of −127..127 with a scale for each output channel; what flows between layers, bytes with one scale and zero
//! point for each value, by the least and largest that calibration images have shown. In the file both are pairs of `QuantizeLinear` and
//! `DequantizeLinear`, which runtimes turn into arithmetic of whole numbers; one that does not computes the same in floats.

mod calibrate;

use super::graph::{Graph, Value, int};
use ocelli_nn::{Layer, Network, Source};

pub use calibrate::Calibration;
use calibrate::Range;

/// The levels of a byte, and of a weight on one side of 0.
const BYTE: f32 = 255.0;
const WEIGHT: f32 = 127.0;

/// Whether a layer has weights that are quantised.
fn has_weights(layer: &Layer) -> bool {
    matches!(layer, Layer::Conv2d(_) | Layer::Linear(_) | Layer::ChannelLinear(_))
}

/// Whether a layer gives what comes in, at least when it is quantised already.
fn keeps_bytes(layer: &Layer) -> bool {
    matches!(
        layer,
        Layer::Relu
            | Layer::Relu6
            | Layer::Add
            | Layer::Concat
            | Layer::MaxPool2d(_)
            | Layer::AvgPool2d(_)
            | Layer::AdaptiveAvgPool2d(_)
            | Layer::AdaptiveMaxPool2d(_)
            | Layer::Flatten
    )
}

/// Which values are quantised: of every node, whether its output is.
///
/// `alias` says of every node whose value it gives on, where that is an earlier one's.
pub(super) fn quantised(network: &Network, alias: &[Option<Source>]) -> Vec<bool> {
    let nodes = network.nodes();
    let origin = |mut source: Source| {
        while let Source::Node(index) = source
            && let Some(before) = alias[index]
        {
            source = before;
        }
        source
    };
    let last = origin(Source::Node(nodes.len() - 1));
    let readers = |index: usize| {
        let reads =
            move |node: &usize| nodes[*node].inputs.iter().any(|&input| origin(input) == Source::Node(index));
        (0..nodes.len()).filter(|node| alias[*node].is_none()).filter(reads).map(|node| &nodes[node].layer)
    };
    let is = |index: usize| {
        if alias[index].is_some() || Source::Node(index) == last {
            return false;
        }
        // A rectifier is part of what is before it: only what it leaves is quantised.
        let rectified = |layer: &Layer| matches!(layer, Layer::Relu | Layer::Relu6);
        if has_weights(&nodes[index].layer) && readers(index).all(rectified) {
            return false;
        }
        has_weights(&nodes[index].layer)
            || keeps_bytes(&nodes[index].layer)
            || readers(index).any(has_weights)
    };
    (0..nodes.len()).map(is).collect()
}

/// A value in the graph.
#[derive(Clone, Debug)]
pub(super) struct Held {
    pub(super) value: Value,
    /// Where it was bytes: how much one more of them is.
    pub(super) scale: Option<f32>,
}

/// A value as bytes and back.
pub(super) fn bytes(graph: &mut Graph, value: &str, range: Range) -> Held {
    // Zero must be a level of its own, as padding is zeros.
    let (least, largest) = (range.least.min(0.0), range.largest.max(0.0));
    let scale = ((largest - least) / BYTE).max(f32::MIN_POSITIVE);
    let zero = (-least / scale).round().clamp(0.0, BYTE);
    let scale_value = graph.floats("scale", &[], &[scale]);
    let zero = graph.byte("zero", zero as u8);
    let quantised = graph.add("QuantizeLinear", &[value, &scale_value, &zero], vec![]);
    let value = graph.add("DequantizeLinear", &[&quantised, &scale_value, &zero], vec![]);
    Held { value, scale: Some(scale) }
}

/// A weight whose rows are outputs, as whole numbers with a scale for each; gives the value, and the scales.
pub(super) fn weight(graph: &mut Graph, shape: &[usize], values: &[f32]) -> (Value, Vec<f32>) {
    let row = values.len() / shape[0];
    let scale = |row: &[f32]| {
        let largest = row.iter().fold(0.0f32, |largest, value| largest.max(value.abs()));
        (largest / WEIGHT).max(f32::MIN_POSITIVE)
    };
    let scales: Vec<f32> = values.chunks_exact(row).map(scale).collect();
    let whole = |(row, scale): (&[f32], &f32)| {
        row.iter().map(|value| (value / scale).round().clamp(-WEIGHT, WEIGHT) as i8).collect::<Vec<_>>()
    };
    let numbers: Vec<i8> = values.chunks_exact(row).zip(&scales).flat_map(whole).collect();
    let numbers = graph.small_ints("weight", shape, &numbers);
    let scale = graph.floats("weight_scale", &[shape[0]], &scales);
    let zero = graph.small_ints("weight_zero", &[shape[0]], &vec![0; shape[0]]);
    (graph.add("DequantizeLinear", &[&numbers, &scale, &zero], vec![int("axis", 0)]), scales)
}

/// A bias in the units of the sums that it is added to: those of the input times those of each output's weights.
pub(super) fn bias(graph: &mut Graph, values: &[f32], input: f32, weights: &[f32]) -> Value {
    let scales: Vec<f32> = weights.iter().map(|weight| (weight * input).max(f32::MIN_POSITIVE)).collect();
    // A cast keeps what is too large at the largest whole number.
    let numbers: Vec<i32> =
        values.iter().zip(&scales).map(|(value, scale)| (value / scale).round() as i32).collect();
    let numbers = graph.whole_numbers("bias", &numbers);
    let scale = graph.floats("bias_scale", &[scales.len()], &scales);
    let zero = graph.whole_numbers("bias_zero", &vec![0; scales.len()]);
    graph.add("DequantizeLinear", &[&numbers, &scale, &zero], vec![int("axis", 0)])
}
