//! Linear layers upon each other.

use super::chain::{Chains, is_linear, is_weighted};
use super::{Facts, Finding, Severity};
use crate::layers::Layer;

/// Two layers with weights and nothing nonlinear between them, unless together they save work on purpose.
pub(super) fn nothing_between(chains: &Chains<'_>, _facts: &Facts) -> Vec<Finding> {
    let pairs = chains.nodes().filter_map(|second| Some((linear_before(chains, second)?, second)));
    let found = pairs.filter(|&(first, second)| !factorises(chains.layer(first), chains.layer(second)));
    let layers = chains.places(found.flat_map(|(first, second)| [first, second]));
    if layers.is_empty() {
        return Vec::new();
    }
    vec![Finding {
        rule: "no-nonlinearity-between",
        severity: Severity::Serious,
        what: "two layers with weights and no nonlinearity between them".into(),
        layers,
        why: "one linear function of another is a linear function: the two can do no more than one of them could, and \
              BatchNorm, mean pooling and dropout do not change that"
            .into(),
        change: "put a nonlinearity such as ReLU between them, or leave one of them out".into(),
    }]
}

/// The layer with weights of which a layer with weights is given a linear function.
fn linear_before(chains: &Chains<'_>, second: usize) -> Option<usize> {
    if !is_weighted(chains.layer(second)) {
        return None;
    }
    chains
        .before(second)
        .find(|&node| !is_linear(chains.layer(node)))
        .filter(|&node| is_weighted(chains.layer(node)))
}

/// Whether the pair stands for one larger layer that it makes cheaper: through fewer channels than either end has, by
/// channels and space apart, or by height and width apart. The linear bottleneck of inverted residual blocks counts too
/// where it is as wide as what it reads, as MobileNetV3's first.
fn factorises(first: &Layer, second: &Layer) -> bool {
    let (Some(one), Some(two)) = (Size::of(first), Size::of(second)) else { return true };
    let narrow = one.outputs < one.inputs && one.outputs < two.outputs;
    let bottleneck = one.point && one.outputs <= one.inputs && one.outputs < two.outputs;
    narrow || bottleneck || one.grouped || two.grouped || one.oblong || two.oblong
}

/// What matters of a layer with weights.
struct Size {
    inputs: usize,
    outputs: usize,
    /// Whether it is a convolution of single pixels.
    point: bool,
    grouped: bool,
    oblong: bool,
}

impl Size {
    fn of(layer: &Layer) -> Option<Self> {
        match *layer {
            Layer::Conv2d(spec) => Some(Self {
                inputs: spec.in_channels,
                outputs: spec.out_channels,
                point: spec.kernel_size.area() == 1,
                grouped: spec.groups > 1,
                oblong: spec.kernel_size.height != spec.kernel_size.width,
            }),
            Layer::Linear(spec) => Some(Self {
                inputs: spec.in_features,
                outputs: spec.out_features,
                point: false,
                grouped: false,
                oblong: false,
            }),
            Layer::ChannelLinear(spec) => Self::of(&Layer::Conv2d(spec.convolution())),
            _ => None,
        }
    }
}
