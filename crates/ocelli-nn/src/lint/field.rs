//! How much of the image one value sees before its place is averaged away.

use super::chain::{Chains, is_weighted};
use super::{Facts, Finding, Severity};
use crate::layers::Layer;
use crate::shape::Pair;
use crate::summary::receptive_fields;

/// Seeing less than one part in so many of the image's side, a value cannot know what is in it.
const BLIND: usize = 4;
/// Seeing less than one part in so many, it knows parts of objects that fill the image, and not the whole.
const SHORT: usize = 2;
/// Seeing so many times the side and more, a network has layers for larger images.
const FAR: usize = 12;

/// The receptive field of what global pooling averages, beside the image.
pub(super) fn receptive_field(chains: &Chains<'_>, _facts: &Facts) -> Vec<Finding> {
    let (Some(image), Some(pool)) = (chains.network.input().size(), global_pool(chains)) else {
        return Vec::new();
    };
    let fields = receptive_fields(chains.network);
    let Some(field) = chains.before(pool).next().and_then(|before| fields[before]) else { return Vec::new() };
    let of_pool = vec![chains.place(pool)];
    let base = Finding {
        rule: "receptive-field-small",
        severity: Severity::Advice,
        what: format!("each value that global pooling averages sees {} pixels of a {} image", by(field), by(image)),
        layers: of_pool,
        why: "what is larger than that is known by its parts alone: the mean over all places forgets how they lie".into(),
        change: "add layers, stride or pool between them, or give smaller images".into(),
    };
    let below = |parts: usize| field.height * parts < image.height || field.width * parts < image.width;
    let beyond = |side: fn(Pair) -> usize| side(field) >= FAR.saturating_mul(side(image));
    if below(BLIND) {
        vec![Finding { severity: Severity::Serious, ..base }]
    } else if below(SHORT) {
        vec![base]
    } else if beyond(|pair| pair.height) && beyond(|pair| pair.width) {
        vec![Finding {
            rule: "receptive-field-large",
            why: "its last layers were made for larger images: they see mostly padding".into(),
            change: "give larger images, stride or pool less, or take a smaller network".into(),
            ..base
        }]
    } else {
        Vec::new()
    }
}

fn by(pair: Pair) -> String {
    format!("{}×{}", pair.height, pair.width)
}

/// The last pooling that makes a pixel of a map. None where convolutions follow that see more than a pixel: then it is no
/// global pooling but squeeze and excitation, and the network has none.
fn global_pool(chains: &Chains<'_>) -> Option<usize> {
    let to_pixel = |&node: &usize| {
        let pools = matches!(chains.layer(node), Layer::AdaptiveAvgPool2d(_) | Layer::AvgPool2d(_));
        pools && chains.network.shapes()[node].size() == Some(Pair::square(1))
    };
    let pool = chains.nodes().rev().find(to_pixel)?;
    let looks_around = |node: usize| {
        let layer = chains.layer(node);
        let window = layer.window(chains.input(node));
        is_weighted(layer) && window.kernel.area() > 1
    };
    (!chains.nodes().skip(pool + 1).any(looks_around)).then_some(pool)
}
