//! Residual networks (He et al., 2015, arXiv:1512.03385) and ResNeXt: for large images as torchvision has them, and the paper's for
//! CIFAR, with 1×1 convolutions in the shortcuts that change shape (its option B).

use super::Images;
use crate::builder::Sequential;
use crate::error::NetworkError;
use crate::init::Initialisation;
use crate::layers::{Conv2d, MaxPool2d};
use crate::network::Network;

/// What a residual block is made of.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Block {
    /// Two 3×3 convolutions.
    Basic,
    /// 1×1, 3×3 and 1×1 convolutions, the last with four times the filters; the 3×3 one strides and may be in groups.
    Bottleneck {
        /// Of the 3×3 convolution.
        groups: usize,
        /// Channels of a group where the stage has 64 filters; more in proportion.
        width_per_group: usize,
    },
}

impl Block {
    /// As in ResNet-50 and deeper.
    pub(super) const BOTTLENECK: Self = Self::Bottleneck { groups: 1, width_per_group: 64 };
    /// As in ResNeXt's 32×4d (Xie et al., 2016, arXiv:1611.05431).
    pub(super) const RESNEXT_32X4D: Self = Self::Bottleneck { groups: 32, width_per_group: 4 };

    fn outputs(self, filters: usize) -> usize {
        match self {
            Self::Basic => filters,
            Self::Bottleneck { .. } => 4 * filters,
        }
    }
}

/// Four stages of `blocks` blocks with 64, 128, 256 and 512 filters.
pub(super) fn resnet(
    block: Block,
    blocks: [usize; 4],
    name: &str,
    images: Images,
    classes: usize,
) -> Result<Network, NetworkError> {
    let layers = Sequential::new(images.shape)
        .conv2d(Conv2d::new(images.channels, 64, 7).stride(2).padding(3).bias(false))
        .named("conv1")
        .batch_norm2d(64)
        .named("bn1")
        .relu()
        .named("relu")
        .max_pool2d(MaxPool2d::new(3).stride(2).padding(1))
        .named("maxpool");
    let stages = [64, 128, 256, 512].into_iter().zip(blocks);
    stacked(layers, block, stages, 64, classes, name)
}

/// Three stages of `blocks` basic blocks with 16, 32 and 64 filters, on maps as large as the images.
pub(super) fn cifar(
    blocks: usize,
    name: &str,
    images: Images,
    classes: usize,
) -> Result<Network, NetworkError> {
    let layers = Sequential::new(images.shape)
        .conv2d(Conv2d::new(images.channels, 16, 3).padding(1).bias(false))
        .named("conv1")
        .batch_norm2d(16)
        .named("bn1")
        .relu()
        .named("relu");
    stacked(
        layers,
        Block::Basic,
        [16, 32, 64].map(|filters| (filters, blocks)).into_iter(),
        16,
        classes,
        name,
    )
}

/// Stages of (filters, blocks), each but the first at half the size of the one before, and the head.
fn stacked(
    mut layers: Sequential,
    block: Block,
    stages: impl Iterator<Item = (usize, usize)>,
    mut channels: usize,
    classes: usize,
    name: &str,
) -> Result<Network, NetworkError> {
    for (stage, (filters, blocks)) in stages.enumerate() {
        for index in 0..blocks {
            let stride = if stage > 0 && index == 0 { 2 } else { 1 };
            let path = format!("layer{}.{index}", stage + 1);
            layers = residual(layers, block, &path, channels, filters, stride);
            channels = block.outputs(filters);
        }
    }
    pooled_head(layers, channels, classes, name)
}

/// The mean of each channel and a linear layer; all weights are initialised as residual networks' are.
pub(super) fn pooled_head(
    layers: Sequential,
    channels: usize,
    classes: usize,
    name: &str,
) -> Result<Network, NetworkError> {
    let network = layers
        .adaptive_avg_pool2d(1)
        .named("avgpool")
        .flatten()
        .named("flatten")
        .linear(channels, classes)
        .named("fc")
        .build(name)?;
    network.with_initialisation(Initialisation::kaiming_normal())
}

/// A block with its shortcut, which is a strided 1×1 convolution where the shape changes.
fn residual(
    layers: Sequential,
    block: Block,
    path: &str,
    channels: usize,
    filters: usize,
    stride: usize,
) -> Sequential {
    let at = |part: &str| format!("{path}.{part}");
    let outputs = block.outputs(filters);
    let wide = |inputs| Conv2d::new(inputs, filters, 3).padding(1);
    let convolutions = match block {
        Block::Basic => vec![wide(channels).stride(stride), wide(filters)],
        Block::Bottleneck { groups, width_per_group } => {
            let width = filters * width_per_group / 64 * groups;
            let (narrow, back) = (Conv2d::new(channels, width, 1), Conv2d::new(width, outputs, 1));
            let middle = Conv2d::new(width, width, 3).padding(1).stride(stride).groups(groups);
            vec![narrow, middle, back]
        }
    };
    let count = convolutions.len();
    let body = |body: Sequential| {
        convolutions.into_iter().enumerate().fold(body, |body, (index, conv)| {
            let number = index + 1;
            let norm = body
                .conv2d(conv.bias(false))
                .named(at(&format!("conv{number}")))
                .batch_norm2d(conv.out_channels)
                .named(at(&format!("bn{number}")));
            if number == count { norm } else { norm.relu().named(at(&format!("relu{number}"))) }
        })
    };
    let shortcut = |shortcut: Sequential| {
        if stride == 1 && channels == outputs {
            return shortcut;
        }
        shortcut
            .conv2d(Conv2d::new(channels, outputs, 1).stride(stride).bias(false))
            .named(at("downsample.0"))
            .batch_norm2d(outputs)
            .named(at("downsample.1"))
    };
    layers.residual(body, shortcut).named(at("add")).relu().named(at(&format!("relu{count}")))
}
