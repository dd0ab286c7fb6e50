//! DenseNet-BC (Huang et al., 2016, arXiv:1608.06993), as torchvision has it.

use super::Images;
use crate::builder::Sequential;
use crate::error::NetworkError;
use crate::init::{FanMode, Initialisation, Initialiser, ParameterKind, Rule};
use crate::layers::{Conv2d, Layer, MaxPool2d};
use crate::network::Network;

/// Channels that each layer adds.
const GROWTH: usize = 32;
/// Channels between a layer's two convolutions.
const BOTTLENECK: usize = 4 * GROWTH;

/// Blocks of so many layers, with halvings of channels and size between them.
pub(super) fn densenet(
    blocks: [usize; 4],
    name: &str,
    images: Images,
    classes: usize,
) -> Result<Network, NetworkError> {
    let mut channels = 2 * GROWTH;
    let mut layers = Sequential::new(images.shape)
        .conv2d(Conv2d::new(images.channels, channels, 7).stride(2).padding(3).bias(false))
        .named("features.conv0")
        .batch_norm2d(channels)
        .named("features.norm0")
        .relu()
        .named("features.relu0")
        .max_pool2d(MaxPool2d::new(3).stride(2).padding(1))
        .named("features.pool0");
    for (block, count) in (1..).zip(blocks) {
        for layer in 1..=count {
            layers = dense(layers, &format!("features.denseblock{block}.denselayer{layer}"), channels);
            channels += GROWTH;
        }
        if block < blocks.len() {
            layers = transition(layers, &format!("features.transition{block}"), channels);
            channels /= 2;
        }
    }
    layers
        .batch_norm2d(channels)
        .named("features.norm5")
        .relu()
        .named("relu")
        .adaptive_avg_pool2d(1)
        .named("avgpool")
        .flatten()
        .named("flatten")
        .linear(channels, classes)
        .named("classifier")
        .build(name)?
        .with_initialisation(initialisation())
}

/// Batch normalisation, ReLU and a convolution without bias.
fn norm_relu_conv(
    layers: Sequential,
    channels: usize,
    [norm, relu, conv]: [String; 3],
    spec: Conv2d,
) -> Sequential {
    layers.batch_norm2d(channels).named(norm).relu().named(relu).conv2d(spec.bias(false)).named(conv)
}

/// Adds the channels that a layer makes of all before to these.
fn dense(layers: Sequential, path: &str, channels: usize) -> Sequential {
    let before = layers.output();
    let names = |number: usize| ["norm", "relu", "conv"].map(|part| format!("{path}.{part}{number}"));
    let narrow = norm_relu_conv(layers, channels, names(1), Conv2d::new(channels, BOTTLENECK, 1));
    let wide = norm_relu_conv(narrow, BOTTLENECK, names(2), Conv2d::new(BOTTLENECK, GROWTH, 3).padding(1));
    let new = wide.output();
    wide.combine(Layer::Concat, [before, new]).named(format!("{path}.cat"))
}

/// Half of the channels on half of the size.
fn transition(layers: Sequential, path: &str, channels: usize) -> Sequential {
    let names = ["norm", "relu", "conv"].map(|part| format!("{path}.{part}"));
    norm_relu_conv(layers, channels, names, Conv2d::new(channels, channels / 2, 1))
        .avg_pool2d(2)
        .named(format!("{path}.pool"))
}

/// torchvision's: convolutions normal by fan_in, the linear layer's bias 0.
fn initialisation() -> Initialisation {
    let convolutions = Rule::new(Initialiser::kaiming_normal(FanMode::FanIn));
    let bias = Rule::new(Initialiser::Zeros).layer("Linear").role(ParameterKind::Bias);
    Initialisation::new(vec![convolutions.layer("Conv2d").role(ParameterKind::Weight), bias])
}
