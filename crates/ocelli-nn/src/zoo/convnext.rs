//! ConvNeXt (Liu et al., 2022, arXiv:2201.03545), as torchvision has it.

use super::Images;
use crate::builder::Sequential;
use crate::error::NetworkError;
use crate::init::{Initialisation, Initialiser, ParameterKind, Rule};
use crate::layers::{ChannelLinear, Conv2d, Gelu, Layer, LayerNorm2d, LayerScale, StochasticDepth};
use crate::network::Network;

/// ConvNeXt-T: stages of (channels, blocks).
const TINY: [(usize, usize); 4] = [(96, 3), (192, 3), (384, 9), (768, 3)];
/// The probability that an image goes past the last block; it grows from 0 at the first.
const STOCHASTIC_DEPTH: f32 = 0.1;

pub(super) fn tiny(name: &str, images: Images, classes: usize) -> Result<Network, NetworkError> {
    let total: usize = TINY.iter().map(|(_, blocks)| blocks).sum();
    let mut channels = TINY[0].0;
    let stem = Conv2d::new(images.channels, channels, 4).stride(4);
    let mut layers = Sequential::new(images.shape).conv2d(stem).named("features.0.0");
    layers = norm(layers, channels, "features.0.1");
    let mut place = 0;
    for (stage, (filters, blocks)) in TINY.into_iter().enumerate() {
        if stage > 0 {
            let path = format!("features.{}", 2 * stage);
            layers = norm(layers, channels, &format!("{path}.0"))
                .conv2d(Conv2d::new(channels, filters, 2).stride(2))
                .named(format!("{path}.1"));
            channels = filters;
        }
        for index in 0..blocks {
            let drop = STOCHASTIC_DEPTH * place as f32 / (total - 1) as f32;
            layers = block(layers, channels, drop, &format!("features.{}.{index}", 2 * stage + 1));
            place += 1;
        }
    }
    let pooled = layers.adaptive_avg_pool2d(1).named("avgpool");
    let network = norm(pooled, channels, "classifier.0")
        .flatten()
        .named("classifier.1")
        .linear(channels, classes)
        .named("classifier.2")
        .build(name)?;
    network.with_initialisation(Initialisation::new(vec![
        Rule::new(Initialiser::trunc_normal(0.02)).role(ParameterKind::Weight),
        Rule::new(Initialiser::Zeros).role(ParameterKind::Bias),
    ]))
}

/// A depthwise convolution and two linear layers over the channels of each pixel; what comes of it is weighed and added.
fn block(layers: Sequential, channels: usize, drop: f32, path: &str) -> Sequential {
    let at = |part: &str| format!("{path}.{part}");
    let depthwise = Conv2d::new(channels, channels, 7).padding(3).groups(channels);
    let body = |body: Sequential| {
        norm(body.conv2d(depthwise).named(at("block.0")), channels, &at("block.2"))
            .layer(Layer::ChannelLinear(ChannelLinear::new(channels, 4 * channels)))
            .named(at("block.3"))
            .layer(Layer::Gelu(Gelu::default()))
            .named(at("block.4"))
            .layer(Layer::ChannelLinear(ChannelLinear::new(4 * channels, channels)))
            .named(at("block.5"))
            .layer(Layer::LayerScale(LayerScale::new(channels)))
            .named(path)
            .layer(Layer::StochasticDepth(StochasticDepth::new(drop)))
            .named(at("stochastic_depth"))
    };
    layers.residual(body, |shortcut| shortcut).named(at("add"))
}

fn norm(layers: Sequential, channels: usize, path: &str) -> Sequential {
    layers.layer(Layer::LayerNorm2d(LayerNorm2d::new(channels))).named(path)
}
