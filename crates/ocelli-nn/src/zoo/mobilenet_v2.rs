//! MobileNetV2 (Sandler et al., 2018, arXiv:1801.04381), as torchvision has it.

use super::Images;
use super::inverted_residual::{InvertedResidual, Norm, Part, conv_norm, numbered};
use crate::builder::Sequential;
use crate::error::NetworkError;
use crate::init::{Initialisation, Initialiser, ParameterKind, Rule};
use crate::layers::{Conv2d, Layer};
use crate::network::Network;

/// A row of the paper's table 2: blocks of one width, of which the first strides.
struct Row {
    expansion: usize,
    outputs: usize,
    blocks: usize,
    stride: usize,
}

const fn row(expansion: usize, outputs: usize, blocks: usize, stride: usize) -> Row {
    Row { expansion, outputs, blocks, stride }
}

const ROWS: [Row; 7] = [
    row(1, 16, 1, 1),
    row(6, 24, 2, 2),
    row(6, 32, 3, 2),
    row(6, 64, 4, 2),
    row(6, 96, 3, 1),
    row(6, 160, 3, 2),
    row(6, 320, 1, 1),
];

/// Channels before the first row and after the last.
const STEM: usize = 32;
const HEAD: usize = 1280;

pub(super) fn mobilenet_v2(name: &str, images: Images, classes: usize) -> Result<Network, NetworkError> {
    let unit =
        |layers, conv, path: &str| conv_norm(layers, conv, Norm::PYTORCH, Some(Layer::Relu6), numbered(path));
    let stem = Conv2d::new(images.channels, STEM, 3).stride(2).padding(1);
    let mut layers = unit(Sequential::new(images.shape), stem, "features.0");
    let (mut channels, mut place) = (STEM, 1);
    for row in &ROWS {
        for index in 0..row.blocks {
            let block = InvertedResidual {
                inputs: channels,
                expanded: row.expansion * channels,
                outputs: row.outputs,
                kernel: 3,
                stride: if index == 0 { row.stride } else { 1 },
                padding: 1.into(),
                activation: Layer::Relu6,
                squeeze: None,
                norm: Norm::PYTORCH,
                drop: None,
                names,
            };
            layers = block.append(layers, &format!("features.{place}"));
            channels = row.outputs;
            place += 1;
        }
    }
    let network = unit(layers, Conv2d::new(channels, HEAD, 1), &format!("features.{place}"))
        .adaptive_avg_pool2d(1)
        .named("avgpool")
        .flatten()
        .named("flatten")
        .dropout(0.2)
        .named("classifier.0")
        .linear(HEAD, classes)
        .named("classifier.1")
        .build(name)?;
    network.with_initialisation(Initialisation::kaiming_normal().then(small_linear()))
}

/// The projection and its normalisation stand in the block itself, the others in a `Conv2dNormActivation`.
fn names(part: Part, place: usize) -> [String; 3] {
    match part {
        Part::Project => [0, 1, 2].map(|layer| format!("conv.{}", place + layer)),
        Part::Expand | Part::Depthwise => numbered(&format!("conv.{place}")),
    }
}

/// torchvision's for the linear layers of MobileNets: weights normal with standard deviation 0.01, biases 0.
pub(super) fn small_linear() -> [Rule; 2] {
    let linear = |init, role| Rule::new(init).layer("Linear").role(role);
    [
        linear(Initialiser::normal(0.01), ParameterKind::Weight),
        linear(Initialiser::Zeros, ParameterKind::Bias),
    ]
}
