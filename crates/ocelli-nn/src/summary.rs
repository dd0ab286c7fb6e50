//! What a network costs: shapes, receptive fields, parameters, multiply-adds and memory.

mod field;
mod table;

pub(crate) use field::receptive_fields;
use serde::Serialize;

use crate::layers::Role;
use crate::network::{Network, Node, Source};
use crate::shape::{Pair, Shape};

/// Bytes of one value (`f32`).
const VALUE: u64 = 4;

/// Bytes of a count of batches (`i64`).
const COUNT: u64 = 8;

/// What a network and each of its layers cost. Displays as a table of at most 100 columns.
///
/// ```
/// use ocelli_nn::{Shape, Summary, zoo};
///
/// let summary = Summary::new(&zoo::build("lesson", Shape::map(3, 32, 32), 10)?);
/// assert_eq!(summary.total.parameters, 156_074);
/// println!("{summary}");
/// # Ok::<(), ocelli_nn::NetworkError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Summary {
    /// The network's name.
    pub name: String,
    /// The shape of one image.
    pub input: Shape,
    /// For how many images at a time the memory is counted.
    pub batch: usize,
    /// One for each layer, in order.
    pub layers: Vec<LayerSummary>,
    /// Of the whole network.
    pub total: Total,
}

/// What one layer costs.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct LayerSummary {
    /// The layer's name in the network.
    pub name: String,
    /// Its type, as PyTorch names it.
    #[serde(rename = "type")]
    pub type_name: &'static str,
    /// The shape of its output for one image.
    pub output: Shape,
    /// Height and width of the part of the input on which one output value depends, padding included; `None` where it is
    /// everything, as after a linear layer.
    pub receptive_field: Option<Pair>,
    /// Trainable parameters.
    pub parameters: u64,
    /// Multiply-adds of the forward pass of one image, in convolutions and linear layers.
    pub multiply_adds: u64,
    /// Bytes in training: the output and its gradient for the batch; parameters, their gradients and one state of the
    /// optimizer (momentum); buffers. All `f32`.
    pub training_bytes: u64,
    /// Bytes in inference: the output for the batch; parameters and buffers.
    pub inference_bytes: u64,
}

/// What a whole network costs.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Total {
    /// Trainable parameters.
    pub parameters: u64,
    /// Values in buffers, which are not trained: BatchNorm's running averages and counts.
    pub buffers: u64,
    /// Multiply-adds of the forward pass of one image, in convolutions and linear layers.
    pub multiply_adds: u64,
    /// Bytes in training: the input and all layers at once. A plan that fuses layers takes less.
    pub training_bytes: u64,
    /// Bytes in inference: all parameters and buffers, and the activations of the moment at which most are needed.
    /// A plan that fuses layers takes less.
    pub inference_bytes: u64,
}

impl Summary {
    /// Of a network, with the memory for one image at a time.
    pub fn new(network: &Network) -> Self {
        Self::with_batch(network, 1)
    }

    /// Of a network, with the memory for `batch` images at a time.
    pub fn with_batch(network: &Network, batch: usize) -> Self {
        let fields = receptive_fields(network);
        let layers: Vec<_> = network
            .nodes()
            .iter()
            .enumerate()
            .zip(fields)
            .map(|((index, node), field)| layer(network, index, node, field, batch))
            .collect();
        let total = total(network, &layers, batch);
        Self { name: network.name().to_owned(), input: network.input(), batch, layers, total }
    }
}

/// Values in parameters and in buffers, and the bytes of the buffers.
struct Sizes {
    parameters: u64,
    buffers: u64,
    buffer_bytes: u64,
}

fn sizes(node: &Node) -> Sizes {
    let mut sizes = Sizes { parameters: 0, buffers: 0, buffer_bytes: 0 };
    for (_, shape, role) in node.layer.parameters() {
        let elements = shape.iter().product::<usize>() as u64;
        if role.is_trainable() {
            sizes.parameters += elements;
        } else {
            sizes.buffers += elements;
            sizes.buffer_bytes += elements * if role == Role::NumBatchesTracked { COUNT } else { VALUE };
        }
    }
    sizes
}

/// The bytes of an activation for a batch.
fn activation(shape: Shape, batch: usize) -> u64 {
    VALUE.saturating_mul(shape.elements() as u64).saturating_mul(batch as u64)
}

fn layer(
    network: &Network,
    index: usize,
    node: &Node,
    receptive_field: Option<Pair>,
    batch: usize,
) -> LayerSummary {
    let output = network.shapes()[index];
    let Sizes { parameters, buffer_bytes, .. } = sizes(node);
    let activation = activation(output, batch);
    LayerSummary {
        name: node.name.clone(),
        type_name: node.layer.type_name(),
        output,
        receptive_field,
        parameters,
        multiply_adds: node.layer.multiply_adds(&network.input_shapes(index)),
        training_bytes: activation.saturating_mul(2).saturating_add(3 * VALUE * parameters + buffer_bytes),
        inference_bytes: activation.saturating_add(VALUE * parameters + buffer_bytes),
    }
}

fn total(network: &Network, layers: &[LayerSummary], batch: usize) -> Total {
    let sizes: Vec<_> = network.nodes().iter().map(sizes).collect();
    let sum = |of: fn(&LayerSummary) -> u64| layers.iter().map(of).fold(0, u64::saturating_add);
    let parameters = sum(|layer| layer.parameters);
    let buffer_bytes: u64 = sizes.iter().map(|sizes| sizes.buffer_bytes).sum();
    Total {
        parameters,
        buffers: sizes.iter().map(|sizes| sizes.buffers).sum(),
        multiply_adds: sum(|layer| layer.multiply_adds),
        training_bytes: sum(|layer| layer.training_bytes).saturating_add(activation(network.input(), batch)),
        inference_bytes: most_alive(network, batch).saturating_add(VALUE * parameters + buffer_bytes),
    }
}

/// The bytes of the activations that are needed at once, at the moment when they are most.
fn most_alive(network: &Network, batch: usize) -> u64 {
    let last = network.nodes().len() - 1;
    let mut last_use = vec![0; network.nodes().len()];
    let mut last_use_of_input = 0;
    for (index, node) in network.nodes().iter().enumerate() {
        for source in &node.inputs {
            match *source {
                Source::Input => last_use_of_input = index,
                Source::Node(read) => last_use[read] = index,
            }
        }
    }
    last_use[last] = last;
    let bytes = |source| activation(network.shape_of(source), batch);
    let mut ends = vec![0u64; last + 1];
    ends[last_use_of_input] = bytes(Source::Input);
    let mut alive = bytes(Source::Input);
    let mut most = 0;
    for index in 0..=last {
        let output = bytes(Source::Node(index));
        alive = alive.saturating_add(output);
        most = most.max(alive);
        ends[last_use[index]] = ends[last_use[index]].saturating_add(output);
        alive = alive.saturating_sub(ends[index]);
    }
    most
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Conv2d, Layer, Linear, Sequential, zoo};

    fn of(name: &str) -> Summary {
        Summary::new(&zoo::build(name, zoo::default_input(name).unwrap(), 1000).unwrap())
    }

    #[test]
    fn known_totals() {
        let total = of("resnet18").total;
        assert_eq!(total.parameters, 11_689_512);
        assert_eq!(total.multiply_adds, 1_814_073_344);
        assert_eq!(total.buffers, 9_620);
    }

    #[test]
    fn receptive_fields() {
        let field = |summary: &Summary, name: &str| {
            let layer = summary.layers.iter().find(|layer| layer.name == name);
            layer.unwrap().receptive_field.map(|pair| pair.to_string())
        };
        let resnet = of("resnet18");
        assert_eq!(field(&resnet, "conv1").as_deref(), Some("7"));
        assert_eq!(field(&resnet, "maxpool").as_deref(), Some("11"));
        assert_eq!(field(&resnet, "layer4.1.add").as_deref(), Some("435"));
        assert_eq!(field(&resnet, "fc"), None);
        let lesson = of("lesson");
        assert_eq!(field(&lesson, "8").as_deref(), Some("18"));
        let map = Sequential::new(Shape::map(3, 20, 20)).conv2d(Conv2d::new(3, 4, 3));
        let (weighed, gate) = (map.output(), map.adaptive_avg_pool2d(1));
        let factors = gate.output();
        let excited = gate.combine(Layer::Multiply, [factors, weighed]).conv2d(Conv2d::new(4, 4, 3));
        let excited = Summary::new(&excited.build("excited").unwrap());
        assert_eq!(field(&excited, "1").as_deref(), Some("20"));
        assert_eq!(field(&excited, "3").as_deref(), Some("5"));
    }

    #[test]
    fn memory_is_what_the_fields_say() {
        let network = Sequential::new(Shape::map(1, 4, 4))
            .conv2d(Conv2d::new(1, 2, 3).padding(1))
            .batch_norm2d(2)
            .flatten()
            .layer(Linear::new(32, 3).bias(false))
            .build("small")
            .unwrap();
        let summary = Summary::with_batch(&network, 10);
        assert_eq!(summary.layers[0].training_bytes, 2 * 4 * 32 * 10 + 3 * 4 * 20);
        assert_eq!(summary.layers[0].inference_bytes, 4 * 32 * 10 + 4 * 20);
        assert_eq!(summary.layers[1].inference_bytes, 4 * 32 * 10 + 4 * 8 + 8);
        let weights = 4 * (20 + 8 + 96) + 8;
        assert_eq!(summary.total.inference_bytes, weights + 4 * 10 * (32 + 32));
        let (values, trained) = (4 * 10 * (16 + 2 * (3 * 32 + 3)), 3 * 4 * (20 + 4 + 96));
        assert_eq!(summary.total.training_bytes, values + trained + 4 * 4 + 8);
    }

    #[test]
    fn a_shortcut_stays_alive() {
        let network = Sequential::new(Shape::features(8))
            .residual(|body| body.linear(8, 2).linear(2, 8), |shortcut| shortcut)
            .build("small")
            .unwrap();
        assert_eq!(most_alive(&network, 1), 4 * (8 + 8 + 8));
    }

    #[test]
    fn the_table_fits_in_100_columns() {
        for name in zoo::NAMES {
            let text = of(name).to_string();
            assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");
        }
        let text = of("resnet18").to_string();
        assert!(text.contains("1,814,073,344"), "{text}");
        assert!(text.contains("layer1.0.conv1 Conv2d"), "{text}");
    }

    #[test]
    fn json_has_what_the_table_has() {
        let json = serde_json::to_value(of("lesson")).unwrap();
        assert_eq!(json["layers"][0]["type"], "Conv2d");
        assert_eq!(json["layers"][0]["output"], serde_json::json!([16, 32, 32]));
        assert_eq!(json["layers"][0]["receptive_field"], 3);
        assert_eq!(json["total"]["multiply_adds"], of("lesson").total.multiply_adds);
    }
}
