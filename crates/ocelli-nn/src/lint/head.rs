//! Where the parameters are.

use super::chain::Chains;
use super::{Facts, Finding, Severity};
use crate::layers::Layer;

/// Linear layers that hold this many hundredths of the parameters of a convolutional network, nine tenths when rounded, are
/// heavy.
const HUNDREDTHS: u64 = 85;

/// A head of linear layers that outweighs the convolutions.
pub(super) fn heavy(chains: &Chains<'_>, _facts: &Facts) -> Vec<Finding> {
    let trained = |node: usize| -> u64 {
        let parameters =
            chains.layer(node).parameters().into_iter().filter(|(_, _, role)| role.is_trainable());
        parameters.map(|(_, shape, _)| shape.iter().product::<usize>() as u64).sum()
    };
    let convolves = chains.nodes().any(|node| matches!(chains.layer(node), Layer::Conv2d(_)));
    let Some(flatten) = chains.nodes().rev().find(|&node| *chains.layer(node) == Layer::Flatten) else {
        return Vec::new();
    };
    let head: Vec<_> =
        chains.nodes().skip(flatten).filter(|&node| matches!(chains.layer(node), Layer::Linear(_))).collect();
    let all: u64 = chains.nodes().map(trained).sum();
    let of_head: u64 = head.iter().map(|&node| trained(node)).sum();
    if !convolves || head.is_empty() || of_head * 100 < all * HUNDREDTHS {
        return Vec::new();
    }
    let share = of_head * 100 / all;
    vec![Finding {
        rule: "heavy-head",
        severity: Severity::Advice,
        what: format!("the linear layers of the head hold {share}% of the parameters: {of_head} of {all}"),
        layers: chains.places(head),
        why: format!(
            "they tie each weight to one place in the {} map, overfit first, and make the file large",
            chains.input(flatten)
        ),
        change: "pool more before Flatten, such as AdaptiveAvgPool2d to 1, or make the first linear layer narrower".into(),
    }]
}
