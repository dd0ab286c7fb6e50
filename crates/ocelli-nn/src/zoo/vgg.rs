//! VGG (Simonyan & Zisserman, 2014, arXiv:1409.1556) and AlexNet (Krizhevsky, 2014, arXiv:1404.5997), as torchvision
//! has them: convolutions, and a classifier of three linear layers on a map pooled to one size.

use super::Images;
use crate::builder::Sequential;
use crate::error::NetworkError;
use crate::init::{FanMode, Initialisation, Initialiser, ParameterKind, Rule};
use crate::layers::{Conv2d, MaxPool2d};
use crate::network::Network;

/// Output channels of the convolutions of each stage; max pooling halves the map after it.
pub(super) type Stages = [&'static [usize]; 5];

pub(super) const VGG11: Stages = [&[64], &[128], &[256, 256], &[512, 512], &[512, 512]];
pub(super) const VGG13: Stages = [&[64, 64], &[128, 128], &[256, 256], &[512, 512], &[512, 512]];
pub(super) const VGG16: Stages = [&[64, 64], &[128, 128], &[256; 3], &[512; 3], &[512; 3]];
pub(super) const VGG19: Stages = [&[64, 64], &[128, 128], &[256; 4], &[512; 4], &[512; 4]];

/// `features`, whose layers are named by their place.
struct Features {
    layers: Sequential,
    place: usize,
}

impl Features {
    fn push(mut self, add: impl FnOnce(Sequential) -> Sequential) -> Self {
        self.layers = add(self.layers).named(format!("features.{}", self.place));
        self.place += 1;
        self
    }
}

pub(super) fn vgg(
    stages: &Stages,
    batch_norm: bool,
    name: &str,
    images: Images,
    classes: usize,
) -> Result<Network, NetworkError> {
    let mut features = Features { layers: Sequential::new(images.shape), place: 0 };
    let mut channels = images.channels;
    for stage in stages {
        for &filters in *stage {
            features = features.push(|layers| layers.conv2d(Conv2d::new(channels, filters, 3).padding(1)));
            if batch_norm {
                features = features.push(|layers| layers.batch_norm2d(filters));
            }
            features = features.push(Sequential::relu);
            channels = filters;
        }
        features = features.push(|layers| layers.max_pool2d(2));
    }
    pooled(features.layers, 7)
        .linear(channels * 49, 4096)
        .named("classifier.0")
        .relu()
        .named("classifier.1")
        .dropout(0.5)
        .named("classifier.2")
        .linear(4096, 4096)
        .named("classifier.3")
        .relu()
        .named("classifier.4")
        .dropout(0.5)
        .named("classifier.5")
        .linear(4096, classes)
        .named("classifier.6")
        .build(name)?
        .with_initialisation(initialisation())
}

/// torchvision's: convolutions normal by fan_out, linear layers normal with standard deviation 0.01, all biases 0.
fn initialisation() -> Initialisation {
    let weights = |layer: &str, init| Rule::new(init).layer(layer).role(ParameterKind::Weight);
    Initialisation::new(vec![
        weights("Conv2d", Initialiser::kaiming_normal(FanMode::FanOut)),
        weights("Linear", Initialiser::normal(0.01)),
        Rule::new(Initialiser::Zeros).role(ParameterKind::Bias),
    ])
}

fn pooled(features: Sequential, side: usize) -> Sequential {
    features.adaptive_avg_pool2d(side).named("avgpool").flatten().named("flatten")
}

pub(super) fn alexnet(name: &str, images: Images, classes: usize) -> Result<Network, NetworkError> {
    let features = Features { layers: Sequential::new(images.shape), place: 0 };
    let pool = |layers: Sequential| layers.max_pool2d(MaxPool2d::new(3).stride(2));
    let convolutions = [
        (Conv2d::new(images.channels, 64, 11).stride(4).padding(2), true),
        (Conv2d::new(64, 192, 5).padding(2), true),
        (Conv2d::new(192, 384, 3).padding(1), false),
        (Conv2d::new(384, 256, 3).padding(1), false),
        (Conv2d::new(256, 256, 3).padding(1), true),
    ];
    let features = convolutions.into_iter().fold(features, |features, (conv, pools)| {
        let features = features.push(|layers| layers.conv2d(conv)).push(Sequential::relu);
        if pools { features.push(pool) } else { features }
    });
    pooled(features.layers, 6)
        .dropout(0.5)
        .named("classifier.0")
        .linear(256 * 36, 4096)
        .named("classifier.1")
        .relu()
        .named("classifier.2")
        .dropout(0.5)
        .named("classifier.3")
        .linear(4096, 4096)
        .named("classifier.4")
        .relu()
        .named("classifier.5")
        .linear(4096, classes)
        .named("classifier.6")
        .build(name)
}
