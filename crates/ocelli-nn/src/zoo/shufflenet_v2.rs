//! ShuffleNetV2 (Ma et al., 2018, arXiv:1807.11164), as torchvision has it.

use super::Images;
use super::inverted_residual::{Norm, conv_norm};
use crate::builder::Sequential;
use crate::error::NetworkError;
use crate::layers::{ChannelShuffle, Conv2d, Layer, MaxPool2d, Narrow};
use crate::network::Network;

/// The paper's table 5 for the width 1×: stages of (channels, units).
const STAGES: [(usize, usize); 3] = [(116, 4), (232, 8), (464, 4)];
/// Channels before the first stage and after the last.
const STEM: usize = 24;
const HEAD: usize = 1024;

pub(super) fn x1_0(name: &str, images: Images, classes: usize) -> Result<Network, NetworkError> {
    let stem = Conv2d::new(images.channels, STEM, 3).stride(2).padding(1);
    let mut layers = unit(Sequential::new(images.shape), stem, "conv1", 0, true)
        .max_pool2d(MaxPool2d::new(3).stride(2).padding(1))
        .named("maxpool");
    let mut channels = STEM;
    for (stage, (outputs, units)) in STAGES.into_iter().enumerate() {
        for index in 0..units {
            let path = format!("stage{}.{index}", stage + 2);
            layers = if index == 0 {
                halving(layers, channels, outputs, &path)
            } else {
                keeping(layers, outputs, &path)
            };
        }
        channels = outputs;
    }
    unit(layers, Conv2d::new(channels, HEAD, 1), "conv5", 0, true)
        .adaptive_avg_pool2d(1)
        .named("avgpool")
        .flatten()
        .named("flatten")
        .linear(HEAD, classes)
        .named("fc")
        .build(name)
}

/// The unit that halves the map: both branches read all channels and make half of the outputs.
fn halving(layers: Sequential, inputs: usize, outputs: usize, path: &str) -> Sequential {
    let (before, half) = (layers.output(), outputs / 2);
    let first = format!("{path}.branch1");
    let depthwise = Conv2d::new(inputs, inputs, 3).stride(2).padding(1).groups(inputs);
    let layers = unit(layers, depthwise, &first, 0, false);
    let layers = unit(layers, Conv2d::new(inputs, half, 1), &first, 2, true);
    let left = layers.output();
    let layers = branch(layers.reading(before), inputs, half, 2, path);
    let joined = [left, layers.output()];
    shuffled(layers.combine(Layer::Concat, joined), path)
}

/// The unit that keeps the map's shape: half of the channels pass untouched.
fn keeping(layers: Sequential, channels: usize, path: &str) -> Sequential {
    let (before, half) = (layers.output(), channels / 2);
    let part = |layers: Sequential, start, name: &str| {
        layers.reading(before).layer(Layer::Narrow(Narrow::new(start, half))).named(format!("{path}.{name}"))
    };
    let layers = part(layers, 0, "left");
    let left = layers.output();
    let layers = branch(part(layers, half, "right"), half, half, 1, path);
    let joined = [left, layers.output()];
    shuffled(layers.combine(Layer::Concat, joined), path)
}

/// Names the joined halves and mixes them.
fn shuffled(joined: Sequential, path: &str) -> Sequential {
    joined
        .named(format!("{path}.concat"))
        .layer(Layer::ChannelShuffle(ChannelShuffle::new(2)))
        .named(format!("{path}.shuffle"))
}

/// The branch with the three convolutions.
fn branch(layers: Sequential, inputs: usize, outputs: usize, stride: usize, path: &str) -> Sequential {
    let path = format!("{path}.branch2");
    let layers = unit(layers, Conv2d::new(inputs, outputs, 1), &path, 0, true);
    let depthwise = Conv2d::new(outputs, outputs, 3).stride(stride).padding(1).groups(outputs);
    let layers = unit(layers, depthwise, &path, 3, false);
    unit(layers, Conv2d::new(outputs, outputs, 1), &path, 5, true)
}

/// A convolution with its normalisation, and ReLU or none, at these places of a sequence.
fn unit(layers: Sequential, conv: Conv2d, path: &str, place: usize, relu: bool) -> Sequential {
    let names = [0, 1, 2].map(|layer| format!("{path}.{}", place + layer));
    conv_norm(layers, conv, Norm::PYTORCH, relu.then_some(Layer::Relu), names)
}
