//! Maps that have become too small for what reads them.

use super::chain::Chains;
use super::{Facts, Finding, Severity};
use crate::layers::Layer;
use crate::shape::Pair;

/// Convolutions over maps of one pixel: all but one of their weights meet zeros alone.
pub(super) fn single_pixels(chains: &Chains<'_>, _facts: &Facts) -> Vec<Finding> {
    let wasted = |&node: &usize| match *chains.layer(node) {
        Layer::Conv2d(spec) => {
            spec.kernel_size.area() > 1 && chains.input_size(node) == Some(Pair::square(1))
        }
        _ => false,
    };
    let found: Vec<_> = chains.nodes().filter(wasted).collect();
    let Some(&first) = found.first() else { return Vec::new() };
    let Layer::Conv2d(spec) = *chains.layer(first) else { return Vec::new() };
    let (input, kernel) = (chains.network.input(), spec.kernel_size);
    vec![Finding {
        rule: "maps-shrunk-to-nothing",
        severity: Severity::Serious,
        what: format!(
            "maps have shrunk to one pixel where a {}×{} convolution reads them",
            kernel.height, kernel.width
        ),
        layers: chains.places(found),
        why: format!(
            "of its {} weights for each channel all but one multiply padding: the layers cost their full price and see \
             nothing of the {input} image's layout",
            kernel.area()
        ),
        change:
            "give larger images, stride or pool less in the first layers, or take a network for small images"
                .into(),
    }]
}

/// Adaptive pooling that gives more than it gets.
pub(super) fn repeated(chains: &Chains<'_>, _facts: &Facts) -> Vec<Finding> {
    let grows = |&node: &usize| match (
        chains.layer(node),
        chains.input_size(node),
        chains.network.shapes()[node].size(),
    ) {
        (Layer::AdaptiveAvgPool2d(_) | Layer::AdaptiveMaxPool2d(_), Some(before), Some(after)) => {
            after.height > before.height || after.width > before.width
        }
        _ => false,
    };
    let found: Vec<_> = chains.nodes().filter(grows).collect();
    let Some(&first) = found.first() else { return Vec::new() };
    let (before, after) = (chains.input(first), chains.network.shapes()[first]);
    vec![Finding {
        rule: "adaptive-pool-repeats",
        severity: Severity::Advice,
        what: format!("adaptive pooling makes a {after} map of a {before} one"),
        layers: chains.places(found),
        why: "it can only repeat values, which the layers after it then store and multiply many times".into(),
        change: "give larger images, or lower output_size".into(),
    }]
}
