//! The network as rules look at it: what lies before a layer, and what reads it.

use crate::layers::Layer;
use crate::network::{Network, Source};
use crate::shape::{Pair, Shape};

/// A network with the readers of each node.
pub(super) struct Chains<'n> {
    pub(super) network: &'n Network,
    /// The nodes that read each node.
    readers: Vec<Vec<usize>>,
}

impl<'n> Chains<'n> {
    pub(super) fn new(network: &'n Network) -> Self {
        let mut readers = vec![Vec::new(); network.nodes().len()];
        for (reader, node) in network.nodes().iter().enumerate() {
            for source in &node.inputs {
                if let Source::Node(read) = *source {
                    readers[read].push(reader);
                }
            }
        }
        Self { network, readers }
    }

    /// The indices of all nodes.
    pub(super) fn nodes(&self) -> std::ops::Range<usize> {
        0..self.readers.len()
    }

    pub(super) fn layer(&self, node: usize) -> &'n Layer {
        &self.network.nodes()[node].layer
    }

    /// The nodes that read a node.
    pub(super) fn readers(&self, node: usize) -> &[usize] {
        &self.readers[node]
    }

    /// A node as findings name it.
    pub(super) fn place(&self, node: usize) -> String {
        let node = &self.network.nodes()[node];
        format!("{} ({})", node.name, node.layer.type_name())
    }

    pub(super) fn places(&self, nodes: impl IntoIterator<Item = usize>) -> Vec<String> {
        nodes.into_iter().map(|node| self.place(node)).collect()
    }

    /// The nodes before a node, nearest first, for as long as each has one input.
    pub(super) fn before(&self, node: usize) -> impl Iterator<Item = usize> + '_ {
        let only = |node: usize| match self.network.nodes()[node].inputs[..] {
            [Source::Node(before)] => Some(before),
            _ => None,
        };
        std::iter::successors(only(node), move |&node| only(node))
    }

    /// The shape of what the first input of a node gives.
    pub(super) fn input(&self, node: usize) -> Shape {
        self.network.input_shapes(node)[0]
    }

    /// Height and width of what the first input of a node gives, if it is a map.
    pub(super) fn input_size(&self, node: usize) -> Option<Pair> {
        self.input(node).size()
    }
}

/// Whether it is batch normalisation.
pub(super) fn is_batch_norm(layer: &Layer) -> bool {
    matches!(layer, Layer::BatchNorm1d(_) | Layer::BatchNorm2d(_))
}

/// Whether it drops out anything and so raises the variance; alpha dropout keeps it.
pub(super) fn is_dropout(layer: &Layer) -> bool {
    matches!(layer, Layer::Dropout(spec) | Layer::Dropout2d(spec) if spec.p > 0.0)
}

/// Whether it multiplies by weights that mix channels.
pub(super) fn is_weighted(layer: &Layer) -> bool {
    matches!(layer, Layer::Conv2d(_) | Layer::Linear(_) | Layer::ChannelLinear(_))
}

/// Whether it works on each value alone, takes means or maxima of neighbours, or moves channels as they are: what dropout
/// does to the variance of a channel passes through it.
pub(super) fn keeps_channels(layer: &Layer) -> bool {
    matches!(
        layer,
        Layer::Relu
            | Layer::Relu6
            | Layer::LeakyRelu(_)
            | Layer::Elu(_)
            | Layer::Selu
            | Layer::Silu
            | Layer::Hardswish
            | Layer::Hardsigmoid
            | Layer::Sigmoid
            | Layer::Tanh
            | Layer::Gelu(_)
            | Layer::Identity
            | Layer::Dropout(_)
            | Layer::Dropout2d(_)
            | Layer::AlphaDropout(_)
            | Layer::StochasticDepth(_)
            | Layer::Prelu(_)
            | Layer::LayerScale(_)
            | Layer::ChannelShuffle(_)
            | Layer::Narrow(_)
            | Layer::Upsample(_)
            | Layer::MaxPool2d(_)
            | Layer::AvgPool2d(_)
            | Layer::AdaptiveAvgPool2d(_)
            | Layer::AdaptiveMaxPool2d(_)
            | Layer::Flatten
    )
}

/// Whether its output is a linear (or affine) function of its input, once trained.
pub(super) fn is_linear(layer: &Layer) -> bool {
    matches!(
        layer,
        Layer::Identity
            | Layer::Dropout(_)
            | Layer::Dropout2d(_)
            | Layer::AlphaDropout(_)
            | Layer::StochasticDepth(_)
            | Layer::LayerScale(_)
            | Layer::ChannelShuffle(_)
            | Layer::Narrow(_)
            | Layer::Upsample(_)
            | Layer::AvgPool2d(_)
            | Layer::AdaptiveAvgPool2d(_)
            | Layer::Flatten
            | Layer::BatchNorm1d(_)
            | Layer::BatchNorm2d(_)
    )
}
