//! Residual blocks, found in the graph.

use crate::layers::{Layer, Role};
use crate::network::{Network, Source};

/// The nodes of the normalisations that end the bodies of residual blocks: what feeds an addition by its longest branch,
/// dropout aside. In torchvision's ResNets these are each block's last `bn`, and not those of the shortcuts.
pub(super) fn last_norms(network: &Network) -> Vec<usize> {
    let depths = depths(network);
    let depth = |source: &Source| match *source {
        Source::Input => 0,
        Source::Node(node) => depths[node],
    };
    let body = |inputs: &[Source]| {
        // Of branches as long as each other the first is the body, as where blocks are built.
        inputs.iter().rev().max_by_key(|source| depth(source)).copied()
    };
    let additions = network.nodes().iter().filter(|node| node.layer == Layer::Add);
    additions.filter_map(|addition| ending_norm(network, body(&addition.inputs)?)).collect()
}

/// The longest way from the input to each node, in nodes.
fn depths(network: &Network) -> Vec<usize> {
    let mut depths: Vec<usize> = Vec::with_capacity(network.nodes().len());
    for node in network.nodes() {
        let before = node.inputs.iter().map(|source| match *source {
            Source::Input => 0,
            Source::Node(read) => depths[read],
        });
        let depth = 1 + before.max().unwrap_or(0);
        depths.push(depth);
    }
    depths
}

/// The normalisation that gives what `source` gives, or gave it before dropout.
fn ending_norm(network: &Network, source: Source) -> Option<usize> {
    let Source::Node(index) = source else { return None };
    let node = &network.nodes()[index];
    match node.layer {
        Layer::Dropout(_)
        | Layer::Dropout2d(_)
        | Layer::AlphaDropout(_)
        | Layer::StochasticDepth(_)
        | Layer::Identity => ending_norm(network, node.inputs[0]),
        layer if layer.parameters().iter().any(|(_, _, role)| *role == Role::NormWeight) => Some(index),
        _ => None,
    }
}
