//! The networks that users meet first.

use super::Images;
use crate::builder::Sequential;
use crate::error::NetworkError;
use crate::layers::{Conv2d, Layer};
use crate::network::Network;

pub(super) fn plain(name: &str, images: Images, classes: usize) -> Result<Network, NetworkError> {
    lesson(name, images, classes, false)
}

pub(super) fn with_batch_norm(name: &str, images: Images, classes: usize) -> Result<Network, NetworkError> {
    lesson(name, images, classes, true)
}

fn lesson(name: &str, images: Images, classes: usize, batch_norm: bool) -> Result<Network, NetworkError> {
    let mut layers = Sequential::new(images.shape);
    let mut channels = images.channels;
    for filters in [16, 32, 64] {
        layers = layers.conv2d(Conv2d::new(channels, filters, 3).padding(1));
        if batch_norm {
            layers = layers.batch_norm2d(filters);
        }
        layers = layers.max_pool2d(2).relu().dropout2d(0.2);
        channels = filters;
    }
    // Each of the three poolings halved the size, rounding down.
    let features = channels.saturating_mul(images.size.height / 8).saturating_mul(images.size.width / 8);
    layers = layers.flatten().linear(features, 128);
    if batch_norm {
        layers = layers.batch_norm1d(128);
    }
    layers.relu().dropout(0.5).linear(128, classes).build(name)
}

/// LeNet-5 (LeCun et al., 1998) as it is taught: tanh, mean pooling, every map read by every filter; on 28×28 its first
/// convolution pads, so that the third sees 5×5.
pub(super) fn lenet5(name: &str, images: Images, classes: usize) -> Result<Network, NetworkError> {
    let left = |size: usize| (size / 2).saturating_sub(4) / 2;
    let features = 16 * left(images.size.height).saturating_mul(left(images.size.width));
    Sequential::new(images.shape)
        .conv2d(Conv2d::new(images.channels, 6, 5).padding(2))
        .layer(Layer::Tanh)
        .avg_pool2d(2)
        .conv2d(Conv2d::new(6, 16, 5))
        .layer(Layer::Tanh)
        .avg_pool2d(2)
        .flatten()
        .linear(features, 120)
        .layer(Layer::Tanh)
        .linear(120, 84)
        .layer(Layer::Tanh)
        .linear(84, classes)
        .build(name)
}
