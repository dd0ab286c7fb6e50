//! What batch normalisation does not go well with.

use super::chain::{Chains, is_batch_norm, is_dropout, is_weighted, keeps_channels};
use super::{Facts, Finding, Severity};
use crate::layers::Layer;

/// Up to so many images the statistics of a batch are too rough to train with: in the table of Wu & He (2018,
/// arXiv:1803.08494) ResNet-50's error rises from 23.6% with 32 images in a batch to 27.3% with 4 and 34.7% with 2.
const FAR_TOO_FEW: usize = 4;
/// Up to so many images it shows: 24.8% with 8.
const FEW: usize = 8;

/// Dropout whose output reaches a BatchNorm through no weights.
pub(super) fn dropout_before(chains: &Chains<'_>, _facts: &Facts) -> Vec<Finding> {
    let found = chains.nodes().filter_map(|node| dropout_above(chains, node, 0)).flat_map(|(a, b)| [a, b]);
    let layers = chains.places(found);
    finding(
        layers,
        Finding {
            rule: "dropout-before-batch-norm",
            severity: Severity::Serious,
            what: "dropout before BatchNorm".into(),
            layers: Vec::new(),
            why: "dropout raises the variance in training and not in evaluation, so the running variance that BatchNorm \
                  keeps is wrong for evaluation (Li et al., 2018, arXiv:1801.05134)"
                .into(),
            change: "put dropout after the last BatchNorm, or leave it out".into(),
        },
    )
}

/// The same with one convolution or linear layer between, which averages most of it out.
pub(super) fn dropout_a_layer_before(chains: &Chains<'_>, _facts: &Facts) -> Vec<Finding> {
    let found = chains.nodes().filter_map(|node| dropout_above(chains, node, 1)).map(|(dropout, _)| dropout);
    let layers = chains.places(found);
    finding(
        layers,
        Finding {
            rule: "dropout-a-layer-before-batch-norm",
            severity: Severity::Advice,
            what: "dropout one layer before BatchNorm".into(),
            layers: Vec::new(),
            why: "what BatchNorm measures in training has dropout's noise in it, in evaluation it has not; the sums of the \
                  layer between even out most of it, not all (Li et al., 2018, arXiv:1801.05134)"
                .into(),
            change: "compare with dropout only after the last BatchNorm, or with a lower p".into(),
        },
    )
}

/// The dropout above a BatchNorm, with `weighted` layers with weights between, and the BatchNorm.
fn dropout_above(chains: &Chains<'_>, norm: usize, weighted: usize) -> Option<(usize, usize)> {
    if !is_batch_norm(chains.layer(norm)) {
        return None;
    }
    let mut left = weighted;
    for node in chains.before(norm) {
        let layer = chains.layer(node);
        if is_dropout(layer) && left == 0 {
            return Some((node, norm));
        } else if is_weighted(layer) && left > 0 {
            left -= 1;
        } else if !keeps_channels(layer) || is_dropout(layer) {
            return None;
        }
    }
    None
}

/// A bias that BatchNorm takes out again.
pub(super) fn bias_before(chains: &Chains<'_>, _facts: &Facts) -> Vec<Finding> {
    let has_bias = |node: usize| match chains.layer(node) {
        Layer::Conv2d(spec) => spec.bias,
        Layer::Linear(spec) => spec.bias,
        Layer::ChannelLinear(spec) => spec.bias,
        _ => false,
    };
    let all_norms = |node: usize| {
        let readers = chains.readers(node);
        !readers.is_empty() && readers.iter().all(|&reader| is_batch_norm(chains.layer(reader)))
    };
    let layers = chains.places(chains.nodes().filter(|&node| has_bias(node) && all_norms(node)));
    finding(
        layers,
        Finding {
            rule: "bias-before-batch-norm",
            severity: Severity::Advice,
            what: "a bias before BatchNorm".into(),
            layers: Vec::new(),
            why: "BatchNorm subtracts each channel's mean, and with it the bias: it is stored and updated for nothing".into(),
            change: "set bias = false; BatchNorm's own bias does its work".into(),
        },
    )
}

/// BatchNorm over batches of too few images.
pub(super) fn small_batch(chains: &Chains<'_>, facts: &Facts) -> Vec<Finding> {
    let norms: Vec<_> = chains.nodes().filter(|&node| is_batch_norm(chains.layer(node))).collect();
    let (Some(batch), false) = (facts.batch_size, norms.is_empty()) else { return Vec::new() };
    let single = |images: usize| {
        let one_value =
            |&&norm: &&usize| chains.input(norm).elements() / chains.input(norm).channels() * images == 1;
        chains.places(norms.iter().filter(one_value).copied())
    };
    let base = Finding {
        rule: "batch-norm-small-batch",
        severity: Severity::Serious,
        what: format!("BatchNorm with batches of {batch}"),
        layers: Vec::new(),
        why: format!(
            "the mean and variance of {batch} images say little of all images, and evaluation uses those of all: the error \
             grows below 16 images and fast below 8 (Wu & He, 2018, arXiv:1803.08494)"
        ),
        change: "raise the batch size to 16 or more, or take a network without BatchNorm".into(),
    };
    if batch <= FEW {
        let severity = if batch <= FAR_TOO_FEW { Severity::Serious } else { Severity::Advice };
        return vec![Finding { severity, layers: chains.places(norms.iter().copied()), ..base }];
    }
    let last = facts.last_batch.map(single).unwrap_or_default();
    finding(
        last,
        Finding {
            rule: "batch-norm-last-batch",
            severity: Severity::Advice,
            what: "BatchNorm over a single value in the last batch of an epoch".into(),
            why: "one value has no variance: that step teaches the layers before it nothing".into(),
            change: "choose a batch size that leaves more images for the last batch".into(),
            ..base
        },
    )
}

/// The finding at these places, if there are any.
fn finding(layers: Vec<String>, finding: Finding) -> Vec<Finding> {
    if layers.is_empty() { Vec::new() } else { vec![Finding { layers, ..finding }] }
}
