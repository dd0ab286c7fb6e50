//! The networks that users meet first.

use super::Images;
use crate::builder::Sequential;
use crate::error::NetworkError;
use crate::layers::Conv2d;
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
