//! A slow executor that is plainly right: naive loops in `f64` over N×C×H×W, forward and backward.
//!
//! Plans are tested against it, over any network; it is itself tested against numerical gradients. Not for use.

mod activation;
mod backward;
mod channels;
mod conv;
mod forward;
mod multiply;
mod norm;
mod pool;
mod response;
#[cfg(test)]
mod tests;
mod upsample;

use std::collections::BTreeMap;

use crate::layers::Role;
use crate::network::{Network, Source};
use crate::shape::Shape;
use crate::weights::Weights;

/// Values by a parameter's name, row-major in PyTorch's layout.
pub type Values = BTreeMap<String, Vec<f64>>;

/// Which of PyTorch's modes a run is in.
#[derive(Clone, Debug, Default)]
pub enum Mode {
    /// BatchNorm uses the running averages; dropout does nothing.
    #[default]
    Eval,
    /// BatchNorm uses the batch's statistics and moves its running averages; dropout multiplies by these masks.
    Train {
        /// By the node's name, what to multiply with (0 or 1/(1−p)): batch × elements for `Dropout`, in the order
        /// N×C×H×W; batch × channels for `Dropout2d`; batch, or 1, for `StochasticDepth`;
        /// as for `Dropout` but 0 or 1 for `AlphaDropout`. A dropout without a mask does nothing.
        masks: Values,
    },
}

impl Mode {
    /// Training without dropout.
    pub fn train() -> Self {
        Self::Train { masks: Values::new() }
    }

    fn is_train(&self) -> bool {
        matches!(self, Self::Train { .. })
    }

    fn mask(&self, name: &str) -> Option<&[f64]> {
        match self {
            Self::Eval => None,
            Self::Train { masks } => masks.get(name).map(Vec::as_slice),
        }
    }
}

/// One run of a network over a batch, with all that its backward pass needs.
#[derive(Clone, Debug)]
pub struct Run<'n> {
    network: &'n Network,
    parameters: Values,
    mode: Mode,
    batch: usize,
    images: Vec<f64>,
    outputs: Vec<Vec<f64>>,
}

/// What [`Run::backward`] gives.
#[derive(Clone, Debug)]
pub struct Gradients {
    /// Of the images, N×C×H×W.
    pub images: Vec<f64>,
    /// Of each trainable parameter.
    pub parameters: Values,
}

impl<'n> Run<'n> {
    /// Runs a network over `batch` images, N×C×H×W.
    ///
    /// # Panics
    /// If the images are not as many values as the network takes, a parameter is missing, or BatchNorm in training
    /// has one value for a channel (PyTorch refuses that too).
    pub fn new(network: &'n Network, parameters: &Values, mode: Mode, batch: usize, images: &[f64]) -> Self {
        assert_eq!(images.len(), batch * network.input().elements(), "images");
        let outputs = Vec::with_capacity(network.nodes().len());
        let mut run =
            Self { network, parameters: parameters.clone(), mode, batch, images: images.to_vec(), outputs };
        for index in 0..network.nodes().len() {
            let output = run.node_forward(index);
            run.outputs.push(output);
        }
        run
    }

    /// The network's output, N×C×H×W or N×features.
    pub fn output(&self) -> &[f64] {
        self.outputs.last().expect("a network has at least one node")
    }

    /// The output of the node at an index.
    pub fn output_of(&self, node: usize) -> &[f64] {
        &self.outputs[node]
    }

    /// Parameters and buffers after the run: running averages have moved, if it was in training.
    pub fn parameters(&self) -> &Values {
        &self.parameters
    }

    fn source(&self, source: Source) -> &[f64] {
        match source {
            Source::Input => &self.images,
            Source::Node(index) => &self.outputs[index],
        }
    }

    /// A parameter of a node; empty if its layer has none of this role.
    fn parameter(&self, node: usize, role: Role) -> &[f64] {
        self.parameters.get(&self.key(node, role)).map_or(&[], Vec::as_slice)
    }

    fn key(&self, node: usize, role: Role) -> String {
        format!("{}.{}", self.network.nodes()[node].name, role.suffix())
    }
}

/// Weights as the reference takes them.
pub fn values(weights: &Weights) -> Values {
    let wide = |tensor: &crate::Tensor| match &tensor.data {
        crate::TensorData::F32(values) => values.iter().map(|&value| f64::from(value)).collect(),
        crate::TensorData::I64(values) => values.iter().map(|&value| value as f64).collect(),
    };
    weights.iter().map(|(name, tensor)| (name.to_owned(), wide(tensor))).collect()
}

/// A batch from memory's order, N×H×W×C, to the order that shapes are spoken in, N×C×H×W.
pub fn to_channels_first(values: &[f32], shape: Shape) -> Vec<f64> {
    permuted(values.len(), shape).map(|(_, last)| f64::from(values[last])).collect()
}

/// A batch from N×C×H×W to memory's order, N×H×W×C.
pub fn to_channels_last(values: &[f64], shape: Shape) -> Vec<f32> {
    let mut result = vec![0.0; values.len()];
    for (first, last) in permuted(values.len(), shape) {
        result[last] = values[first] as f32;
    }
    result
}

/// For each place in N×C×H×W, in order, that place and the one in N×H×W×C.
fn permuted(len: usize, shape: Shape) -> impl Iterator<Item = (usize, usize)> {
    let (elements, channels) = (shape.elements(), shape.channels());
    let pixels = elements / channels;
    (0..len).map(move |first| {
        let (image, rest) = (first / elements, first % elements);
        let (channel, pixel) = (rest / pixels, rest % pixels);
        (first, image * elements + pixel * channels + channel)
    })
}
