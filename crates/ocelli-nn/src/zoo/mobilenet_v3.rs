//! MobileNetV3 (Howard et al., 2019, arXiv:1905.02244), as torchvision has it.

use super::Images;
use super::inverted_residual::{InvertedResidual, Norm, Part, Squeeze, conv_norm, numbered};
use super::mobilenet_v2::small_linear;
use crate::builder::Sequential;
use crate::error::NetworkError;
use crate::init::{Initialisation, Initialiser, ParameterKind, Rule};
use crate::layers::{Conv2d, Layer};
use crate::network::Network;

/// A row of the paper's tables 1 and 2: one block.
pub(super) struct Row {
    kernel: usize,
    expanded: usize,
    outputs: usize,
    /// Whether channels are squeezed and excited.
    squeeze: bool,
    activation: Layer,
    stride: usize,
}

const RE: Layer = Layer::Relu;
const HS: Layer = Layer::Hardswish;
/// Whether channels are squeezed and excited, in the tables.
const SE: bool = true;
const NO: bool = false;

const fn row(
    kernel: usize,
    expanded: usize,
    outputs: usize,
    squeeze: bool,
    activation: Layer,
    stride: usize,
) -> Row {
    Row { kernel, expanded, outputs, squeeze, activation, stride }
}

/// The rows, and the width of the linear layer before the last.
pub(super) type Table = (&'static [Row], usize);

pub(super) const LARGE: Table = (
    &[
        row(3, 16, 16, NO, RE, 1),
        row(3, 64, 24, NO, RE, 2),
        row(3, 72, 24, NO, RE, 1),
        row(5, 72, 40, SE, RE, 2),
        row(5, 120, 40, SE, RE, 1),
        row(5, 120, 40, SE, RE, 1),
        row(3, 240, 80, NO, HS, 2),
        row(3, 200, 80, NO, HS, 1),
        row(3, 184, 80, NO, HS, 1),
        row(3, 184, 80, NO, HS, 1),
        row(3, 480, 112, SE, HS, 1),
        row(3, 672, 112, SE, HS, 1),
        row(5, 672, 160, SE, HS, 2),
        row(5, 960, 160, SE, HS, 1),
        row(5, 960, 160, SE, HS, 1),
    ],
    1280,
);

pub(super) const SMALL: Table = (
    &[
        row(3, 16, 16, SE, RE, 2),
        row(3, 72, 24, NO, RE, 2),
        row(3, 88, 24, NO, RE, 1),
        row(5, 96, 40, SE, HS, 2),
        row(5, 240, 40, SE, HS, 1),
        row(5, 240, 40, SE, HS, 1),
        row(5, 120, 48, SE, HS, 1),
        row(5, 144, 48, SE, HS, 1),
        row(5, 288, 96, SE, HS, 2),
        row(5, 576, 96, SE, HS, 1),
        row(5, 576, 96, SE, HS, 1),
    ],
    1024,
);

/// Channels before the first row.
const STEM: usize = 16;

pub(super) fn mobilenet_v3(
    (rows, hidden): Table,
    name: &str,
    images: Images,
    classes: usize,
) -> Result<Network, NetworkError> {
    let unit = |layers, conv, path: &str| conv_norm(layers, conv, Norm::TENSORFLOW, Some(HS), numbered(path));
    let stem = Conv2d::new(images.channels, STEM, 3).stride(2).padding(1);
    let mut layers = unit(Sequential::new(images.shape), stem, "features.0");
    let mut channels = STEM;
    for (index, row) in rows.iter().enumerate() {
        layers = block(row, channels).append(layers, &format!("features.{}", index + 1));
        channels = row.outputs;
    }
    let wide = 6 * channels;
    let network = unit(layers, Conv2d::new(channels, wide, 1), &format!("features.{}", rows.len() + 1))
        .adaptive_avg_pool2d(1)
        .named("avgpool")
        .flatten()
        .named("flatten")
        .linear(wide, hidden)
        .named("classifier.0")
        .layer(HS)
        .named("classifier.1")
        .dropout(0.2)
        .named("classifier.2")
        .linear(hidden, classes)
        .named("classifier.3")
        .build(name)?;
    network.with_initialisation(convolutions().then(small_linear()))
}

fn block(row: &Row, inputs: usize) -> InvertedResidual {
    let squeeze = Squeeze { channels: by_eights(row.expanded / 4), activation: RE, gate: Layer::Hardsigmoid };
    InvertedResidual {
        inputs,
        expanded: row.expanded,
        outputs: row.outputs,
        kernel: row.kernel,
        stride: row.stride,
        padding: (row.kernel / 2).into(),
        activation: row.activation,
        squeeze: row.squeeze.then_some(squeeze),
        norm: Norm::TENSORFLOW,
        drop: None,
        names,
    }
}

/// The names in a block whose every part is a `Conv2dNormActivation`.
pub(super) fn names(_: Part, place: usize) -> [String; 3] {
    numbered(&format!("block.{place}"))
}

/// The multiple of eight next to `channels`, but no more than a tenth below.
fn by_eights(channels: usize) -> usize {
    let near = ((channels + 4) / 8 * 8).max(8);
    if 10 * near < 9 * channels { near + 8 } else { near }
}

/// torchvision's for convolutions of which some have a bias: Kaiming's weights for the fan out, biases 0.
pub(super) fn convolutions() -> Initialisation {
    let biases = Rule::new(Initialiser::Zeros).layer("Conv2d").role(ParameterKind::Bias);
    Initialisation::kaiming_normal().then([biases])
}
