//! SqueezeNet 1.1 (Iandola et al., 2016, arXiv:1602.07360), as torchvision has it.

use super::Images;
use crate::builder::Sequential;
use crate::error::NetworkError;
use crate::init::{Initialisation, Initialiser, Kaiming, ParameterKind, Rule};
use crate::layers::{Conv2d, Layer, MaxPool2d};
use crate::network::Network;
use crate::pattern::Pattern;

/// What follows the first convolution: fire modules with so many squeezing filters and so many of each kind of expanding
/// ones, and max pooling where there are none.
const FEATURES: [Option<(usize, usize)>; 11] = [
    None,
    Some((16, 64)),
    Some((16, 64)),
    None,
    Some((32, 128)),
    Some((32, 128)),
    None,
    Some((48, 192)),
    Some((48, 192)),
    Some((64, 256)),
    Some((64, 256)),
];

pub(super) fn squeezenet1_1(name: &str, images: Images, classes: usize) -> Result<Network, NetworkError> {
    let stem = Sequential::new(images.shape)
        .conv2d(Conv2d::new(images.channels, 64, 3).stride(2))
        .named("features.0")
        .relu()
        .named("features.1");
    let (layers, channels) =
        FEATURES.into_iter().zip(2..).fold((stem, 64), |(layers, channels), (part, place)| {
            let path = format!("features.{place}");
            match part {
                Some((squeezed, expanded)) => {
                    (fire(layers, &path, channels, squeezed, expanded), 2 * expanded)
                }
                None => {
                    let pool = MaxPool2d::new(3).stride(2).ceil_mode(true);
                    (layers.max_pool2d(pool).named(path), channels)
                }
            }
        });
    layers
        .dropout(0.5)
        .named("classifier.0")
        .conv2d(Conv2d::new(channels, classes, 1))
        .named("classifier.1")
        .relu()
        .named("classifier.2")
        .adaptive_avg_pool2d(1)
        .named("classifier.3")
        .flatten()
        .named("flatten")
        .build(name)?
        .with_initialisation(initialisation())
}

/// A fire module: a 1×1 convolution to few channels, and 1×1 and 3×3 ones side by side from these.
fn fire(layers: Sequential, path: &str, channels: usize, squeezed: usize, expanded: usize) -> Sequential {
    let relu = |layers: Sequential, part: &str| layers.relu().named(format!("{path}.{part}_activation"));
    let conv = |layers: Sequential, part: &str, conv: Conv2d| {
        relu(layers.conv2d(conv).named(format!("{path}.{part}")), part)
    };
    let squeeze = conv(layers, "squeeze", Conv2d::new(channels, squeezed, 1));
    let few = squeeze.output();
    let narrow = conv(squeeze, "expand1x1", Conv2d::new(squeezed, expanded, 1));
    let one = narrow.output();
    let wide = conv(narrow.reading(few), "expand3x3", Conv2d::new(squeezed, expanded, 3).padding(1));
    let three = wide.output();
    wide.combine(Layer::Concat, [one, three]).named(path)
}

/// torchvision's: weights uniform by fan_in for ReLU, those of the last convolution normal with standard deviation 0.01, all
/// biases 0.
fn initialisation() -> Initialisation {
    let weights = |init| Rule::new(init).role(ParameterKind::Weight);
    let last = Pattern::new("classifier.*").expect("a short pattern");
    Initialisation::new(vec![
        weights(Initialiser::KaimingUniform(Kaiming::default())),
        weights(Initialiser::normal(0.01)).pattern(last),
        Rule::new(Initialiser::Zeros).role(ParameterKind::Bias),
    ])
}
