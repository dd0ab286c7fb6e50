//! The networks that fixtures describe.

use ocelli_nn::{Conv2d, Layer, Linear, Network, Node, Shape, Source, Tensor, TensorData, Weights};
use serde::Deserialize;

/// A case: a network on an input.
#[derive(Deserialize)]
pub struct Case {
    /// Its name, under which the fixture has its tensors.
    pub name: String,
    /// The shape of one image.
    pub input: Shape,
    /// The layers in order.
    pub nodes: Vec<NodeOfCase>,
}

/// A layer of a case's network.
#[derive(Deserialize)]
pub struct NodeOfCase {
    name: String,
    layer: Layer,
    inputs: Vec<String>,
}

impl Case {
    /// The network.
    ///
    /// # Panics
    /// If it is not valid.
    pub fn network(&self) -> Network {
        Network::new(&self.name, self.input, self.nodes(Source::Input, 0))
            .unwrap_or_else(|error| panic!("{}: {error}", self.name))
    }

    /// The nodes, reading `input` and with `before` nodes before them.
    fn nodes(&self, input: Source, before: usize) -> Vec<Node> {
        let source = |name: &String| match self.nodes.iter().position(|node| node.name == *name) {
            Some(index) => Source::Node(index + before),
            None => input,
        };
        let node = |node: &NodeOfCase| Node {
            name: node.name.clone(),
            layer: node.layer,
            inputs: node.inputs.iter().map(source).collect(),
        };
        self.nodes.iter().map(node).collect()
    }
}

/// The name of the node that [`with_probe`] adds.
const PROBE: &str = "probe";

/// The case's network behind a linear layer (features) or 1×1 convolution (maps) whose weights are the case's input,
/// transposed, and whose own input, returned last and in channels-last order, is 1 at each pixel's own channel and 0
/// elsewhere. So the case sees its input, and the gradient of `probe.weight` (channels × pixels of the batch) is the
/// gradient of that input.
///
/// # Panics
/// If the network is not valid.
pub fn with_probe(
    case: &Case,
    weights: &Weights,
    input_channels_last: &[f32],
) -> (Network, Weights, Vec<f32>) {
    let channels = case.input.channels();
    let points = input_channels_last.len() / channels;
    let (layer, shape, size) = match case.input {
        Shape::Map { height, width, .. } => {
            let conv = Conv2d::new(points, channels, 1).bias(false);
            (Layer::Conv2d(conv), Shape::map(points, height, width), vec![channels, points, 1, 1])
        }
        Shape::Features(_) => (
            Layer::Linear(Linear::new(points, channels).bias(false)),
            Shape::features(points),
            vec![channels, points],
        ),
    };
    let mut nodes = vec![Node { name: PROBE.into(), layer, inputs: vec![Source::Input] }];
    nodes.extend(case.nodes(Source::Node(0), 1));
    let network = Network::new(&case.name, shape, nodes)
        .unwrap_or_else(|error| panic!("{} with a probe: {error}", case.name));

    let mut weights = weights.clone();
    let transposed =
        (0..channels * points).map(|at| input_channels_last[at % points * channels + at / points]).collect();
    weights.insert(format!("{PROBE}.weight"), Tensor { shape: size, data: TensorData::F32(transposed) });
    let one_hot = (0..points * points).map(|at| f32::from(at / points == at % points)).collect();
    (network, weights, one_hot)
}
