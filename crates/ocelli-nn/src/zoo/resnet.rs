//! Residual networks (He et al., 2015, arXiv:1512.03385), as torchvision has them.

use super::Images;
use crate::builder::Sequential;
use crate::error::NetworkError;
use crate::init::Initialisation;
use crate::layers::{Conv2d, MaxPool2d};
use crate::network::Network;

pub(super) fn resnet18(name: &str, images: Images, classes: usize) -> Result<Network, NetworkError> {
    let mut layers = Sequential::new(images.shape)
        .conv2d(Conv2d::new(images.channels, 64, 7).stride(2).padding(3).bias(false))
        .named("conv1")
        .batch_norm2d(64)
        .named("bn1")
        .relu()
        .named("relu")
        .max_pool2d(MaxPool2d::new(3).stride(2).padding(1))
        .named("maxpool");
    let mut channels = 64;
    for (stage, filters) in [(1, 64), (2, 128), (3, 256), (4, 512)] {
        for index in 0..2 {
            let stride = if stage > 1 && index == 0 { 2 } else { 1 };
            layers = basic_block(layers, &format!("layer{stage}.{index}"), channels, filters, stride);
            channels = filters;
        }
    }
    let network = layers
        .adaptive_avg_pool2d(1)
        .named("avgpool")
        .flatten()
        .named("flatten")
        .linear(channels, classes)
        .named("fc")
        .build(name)?;
    Ok(network.with_initialisation(Initialisation::KaimingNormal))
}

/// Two 3×3 convolutions with a shortcut, which is a strided 1×1 convolution where the shape changes.
fn basic_block(layers: Sequential, path: &str, channels: usize, filters: usize, stride: usize) -> Sequential {
    let at = |part: &str| format!("{path}.{part}");
    let body = |body: Sequential| {
        body.conv2d(Conv2d::new(channels, filters, 3).stride(stride).padding(1).bias(false))
            .named(at("conv1"))
            .batch_norm2d(filters)
            .named(at("bn1"))
            .relu()
            .named(at("relu1"))
            .conv2d(Conv2d::new(filters, filters, 3).padding(1).bias(false))
            .named(at("conv2"))
            .batch_norm2d(filters)
            .named(at("bn2"))
    };
    let shortcut = |shortcut: Sequential| {
        if stride == 1 && channels == filters {
            return shortcut;
        }
        shortcut
            .conv2d(Conv2d::new(channels, filters, 1).stride(stride).bias(false))
            .named(at("downsample.0"))
            .batch_norm2d(filters)
            .named(at("downsample.1"))
    };
    layers.residual(body, shortcut).named(at("add")).relu().named(at("relu2"))
}
