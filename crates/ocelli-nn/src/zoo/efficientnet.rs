//! EfficientNets (Tan & Le, 2019, arXiv:1905.11946): B0 as torchvision has it, and Lite0, which goes without squeeze and
//! excitation and takes ReLU6 for SiLU, as the package `efficientnet-lite-pytorch` has it.

use super::Images;
use super::inverted_residual::{InvertedResidual, Norm, Part, Squeeze, conv_norm, numbered};
use super::mobilenet_v3::{convolutions, names};
use crate::builder::Sequential;
use crate::error::NetworkError;
use crate::init::{FanMode, Initialiser, ParameterKind, Rule};
use crate::layers::{Conv2d, Layer, Sides};
use crate::network::Network;
use crate::shape::Pair;

/// A row of the paper's table 1: blocks of one width, of which the first strides.
struct Stage {
    expansion: usize,
    kernel: usize,
    stride: usize,
    outputs: usize,
    blocks: usize,
}

const fn stage(expansion: usize, kernel: usize, stride: usize, outputs: usize, blocks: usize) -> Stage {
    Stage { expansion, kernel, stride, outputs, blocks }
}

const STAGES: [Stage; 7] = [
    stage(1, 3, 1, 16, 1),
    stage(6, 3, 2, 24, 2),
    stage(6, 5, 2, 40, 2),
    stage(6, 3, 2, 80, 3),
    stage(6, 5, 1, 112, 3),
    stage(6, 5, 2, 192, 4),
    stage(6, 3, 1, 320, 1),
];

/// Channels before the first stage and after the last.
const STEM: usize = 32;
const HEAD: usize = 1280;
const DROPOUT: f32 = 0.2;
/// The probability that an image goes past a block would reach this after the last.
const STOCHASTIC_DEPTH: f32 = 0.2;

/// A block of the table.
struct Block {
    stage: usize,
    /// In its stage.
    index: usize,
    /// In the network.
    place: usize,
    inputs: usize,
    stride: usize,
    drop: f32,
}

fn blocks() -> Vec<Block> {
    let total: usize = STAGES.iter().map(|stage| stage.blocks).sum();
    let (mut blocks, mut inputs) = (Vec::with_capacity(total), STEM);
    for (stage, row) in STAGES.iter().enumerate() {
        for index in 0..row.blocks {
            let (place, stride) = (blocks.len(), if index == 0 { row.stride } else { 1 });
            let drop = STOCHASTIC_DEPTH * place as f32 / total as f32;
            blocks.push(Block { stage, index, place, inputs, stride, drop });
            inputs = row.outputs;
        }
    }
    blocks
}

pub(super) fn b0(name: &str, images: Images, classes: usize) -> Result<Network, NetworkError> {
    let unit =
        |layers, conv, path: &str| conv_norm(layers, conv, Norm::PYTORCH, Some(Layer::Silu), numbered(path));
    let stem = Conv2d::new(images.channels, STEM, 3).stride(2).padding(1);
    let mut layers = unit(Sequential::new(images.shape), stem, "features.0");
    let mut channels = STEM;
    for Block { stage, index, inputs, stride, drop, .. } in blocks() {
        let row = &STAGES[stage];
        let block = InvertedResidual {
            inputs,
            expanded: row.expansion * inputs,
            outputs: row.outputs,
            kernel: row.kernel,
            stride,
            padding: (row.kernel / 2).into(),
            activation: Layer::Silu,
            squeeze: Some(Squeeze { channels: inputs / 4, activation: Layer::Silu, gate: Layer::Sigmoid }),
            norm: Norm::PYTORCH,
            drop: Some(drop),
            names,
        };
        layers = block.append(layers, &format!("features.{}.{index}", stage + 1));
        channels = row.outputs;
    }
    let network = unit(layers, Conv2d::new(channels, HEAD, 1), &format!("features.{}", STAGES.len() + 1))
        .adaptive_avg_pool2d(1)
        .named("avgpool")
        .flatten()
        .named("flatten")
        .dropout(DROPOUT)
        .named("classifier.0")
        .linear(HEAD, classes)
        .named("classifier.1")
        .build(name)?;
    let linear = |init, role| Rule::new(init).layer("Linear").role(role);
    network.with_initialisation(convolutions().then([
        linear(Initialiser::uniform_by_fan(FanMode::FanOut), ParameterKind::Weight),
        linear(Initialiser::Zeros, ParameterKind::Bias),
    ]))
}

/// Strided convolutions are padded as TensorFlow's `SAME` pads them for these images.
pub(super) fn lite0(name: &str, images: Images, classes: usize) -> Result<Network, NetworkError> {
    let unit = |layers, conv, names: [&str; 3]| {
        conv_norm(layers, conv, Norm::TENSORFLOW, Some(Layer::Relu6), names.map(str::to_owned))
    };
    let stem = Conv2d::new(images.channels, STEM, 3).stride(2).padding(same(images.size, 3, 2));
    let mut layers = unit(Sequential::new(images.shape), stem, ["_conv_stem", "_bn0", "_relu0"]);
    let (mut channels, mut size) = (STEM, strided(images.size, 2));
    for Block { stage, place, inputs, stride, drop, .. } in blocks() {
        let row = &STAGES[stage];
        let block = InvertedResidual {
            inputs,
            expanded: row.expansion * inputs,
            outputs: row.outputs,
            kernel: row.kernel,
            stride,
            padding: same(size, row.kernel, stride).into(),
            activation: Layer::Relu6,
            squeeze: None,
            norm: Norm::TENSORFLOW,
            drop: Some(drop),
            names: |part, _| {
                match part {
                    Part::Expand => ["_expand_conv", "_bn0", "_relu0"],
                    Part::Depthwise => ["_depthwise_conv", "_bn1", "_relu1"],
                    Part::Project => ["_project_conv", "_bn2", "_relu2"],
                }
                .map(str::to_owned)
            },
        };
        layers = block.append(layers, &format!("_blocks.{place}"));
        (channels, size) = (row.outputs, strided(size, stride));
    }
    unit(layers, Conv2d::new(channels, HEAD, 1), ["_conv_head", "_bn1", "_relu1"])
        .adaptive_avg_pool2d(1)
        .named("_avg_pooling")
        .flatten()
        .named("_flatten")
        .dropout(DROPOUT)
        .named("_dropout")
        .linear(HEAD, classes)
        .named("_fc")
        .build(name)
}

/// The size after a convolution with this stride and TensorFlow's `SAME` padding.
fn strided(size: Pair, stride: usize) -> Pair {
    Pair { height: size.height.div_ceil(stride), width: size.width.div_ceil(stride) }
}

/// TensorFlow's `SAME` padding: just what the last window needs, the odd row or column below or to the right.
fn same(size: Pair, kernel: usize, stride: usize) -> Sides {
    let outputs = strided(size, stride);
    let around = |size: usize, outputs: usize| {
        let total = ((outputs - 1) * stride + kernel).saturating_sub(size);
        (total / 2, total - total / 2)
    };
    let (top, bottom) = around(size.height, outputs.height);
    let (left, right) = around(size.width, outputs.width);
    Sides { left, right, top, bottom }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As `tf.nn.conv2d` documents it: ⌈size / stride⌉ outputs, the greater half after.
    #[test]
    fn same_padding_is_tensorflows() {
        let along = |size, kernel, stride| {
            let sides = same(Pair::square(size), kernel, stride);
            assert_eq!((sides.left, sides.right), (sides.top, sides.bottom));
            (sides.left, sides.right)
        };
        assert_eq!(along(224, 3, 2), (0, 1));
        assert_eq!(along(225, 3, 2), (1, 1));
        assert_eq!(along(56, 5, 2), (1, 2));
        assert_eq!(along(7, 5, 1), (2, 2));
        assert_eq!(along(1, 5, 2), (2, 2));
        assert_eq!(along(2, 1, 2), (0, 0));
    }
}
