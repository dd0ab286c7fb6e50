//! Wide residual networks (Zagoruyko & Komodakis, 2016, arXiv:1605.07146) for images of CIFAR's size: few layers, many
//! filters, normalisation and ReLU before each convolution.

use super::Images;
use super::resnet::pooled_head;
use crate::builder::Sequential;
use crate::error::NetworkError;
use crate::layers::Conv2d;
use crate::network::Network;

/// WRN-28-10: three stages of four blocks with 160, 320 and 640 filters, dropout 0.3 in the blocks.
pub(super) fn wide_resnet28_10(name: &str, images: Images, classes: usize) -> Result<Network, NetworkError> {
    let mut layers = Sequential::new(images.shape)
        .conv2d(Conv2d::new(images.channels, 16, 3).padding(1).bias(false))
        .named("conv1");
    let mut channels = 16;
    for (stage, filters) in [160, 320, 640].into_iter().enumerate() {
        for index in 0..4 {
            let stride = if stage > 0 && index == 0 { 2 } else { 1 };
            let path = format!("layer{}.{index}", stage + 1);
            layers = block(layers, &path, channels, filters, stride);
            channels = filters;
        }
    }
    let layers = layers.batch_norm2d(channels).named("bn1").relu().named("relu");
    pooled_head(layers, channels, classes, name)
}

/// Where the shape changes, body and shortcut both read the normalised input; elsewhere the shortcut is the input itself.
fn block(layers: Sequential, path: &str, channels: usize, filters: usize, stride: usize) -> Sequential {
    let at = |part: &str| format!("{path}.{part}");
    let activate = |layers: Sequential, channels, number| {
        layers
            .batch_norm2d(channels)
            .named(at(&format!("bn{number}")))
            .relu()
            .named(at(&format!("relu{number}")))
    };
    let wide = |inputs| Conv2d::new(inputs, filters, 3).padding(1).bias(false);
    let convolutions = |body: Sequential| {
        let body = body.conv2d(wide(channels).stride(stride)).named(at("conv1"));
        activate(body, filters, 2).dropout(0.3).named(at("dropout")).conv2d(wide(filters)).named(at("conv2"))
    };
    let sum = if channels == filters {
        layers.residual(|body| convolutions(activate(body, channels, 1)), |shortcut| shortcut)
    } else {
        activate(layers, channels, 1).residual(convolutions, |shortcut| {
            shortcut
                .conv2d(Conv2d::new(channels, filters, 1).stride(stride).bias(false))
                .named(at("shortcut"))
        })
    };
    sum.named(at("add"))
}
