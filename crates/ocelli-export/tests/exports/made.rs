//! Classifiers whose exports are tried: networks of single layers, lists of transforms, pictures of many sizes.

use ocelli_data::{Image, Transform};
use ocelli_kernels::random::Stream;
use ocelli_model::Classifier;
use ocelli_nn::{Layer, Network, Node, Role, Shape, Source, Tensor, TensorData, Weights};

/// A picture with edges, slopes and noise, as photographs have them.
pub(crate) fn picture(height: usize, width: usize, channels: usize, seed: u64) -> Image {
    let mut random = Stream::new(seed, 1, 0, 0);
    let mut pixels = Vec::with_capacity(height * width * channels);
    for y in 0..height {
        for x in 0..width {
            for c in 0..channels {
                let slope =
                    90.0 + 60.0 * ((x * (c + 1)) as f32 / 17.0).sin() + 50.0 * (y as f32 / 11.0).cos();
                let edge = if (x / 9 + y / 7) % 2 == 0 { 40.0 } else { 0.0 };
                pixels.push((slope + edge + 30.0 * random.uniform()).clamp(0.0, 255.0) as u8);
            }
        }
    }
    Image::new(height, width, channels, pixels)
}

/// Layers one after another.
///
/// # Panics
/// If they do not fit.
pub(crate) fn chain(input: Shape, layers: Vec<Layer>) -> Network {
    let node = |(index, layer): (usize, Layer)| {
        let before = index.checked_sub(1).map_or(Source::Input, Source::Node);
        Node { name: format!("{index}"), layer, inputs: vec![before] }
    };
    let nodes = layers.into_iter().enumerate().map(node).collect();
    Network::new("chain", input, nodes).unwrap_or_else(|error| panic!("{error}"))
}

/// Weights of which none is what it is by default.
pub(crate) fn weights(network: &Network, seed: u64) -> Weights {
    let mut weights = network.init(seed);
    let mut random = Stream::new(seed, 2, 0, 0);
    for spec in network.parameters() {
        let tensor: &mut Tensor = weights.get_mut(&spec.name).expect("the network's weights");
        let TensorData::F32(values) = &mut tensor.data else { continue };
        let (least, span) = match spec.role {
            Role::Weight => continue,
            Role::NormWeight | Role::LayerScale => (0.5, 1.0),
            Role::RunningVar => (0.25, 2.0),
            Role::Bias | Role::NormBias | Role::RunningMean => (-0.3, 0.6),
            Role::Slope => (0.05, 0.3),
            Role::NumBatchesTracked => continue,
        };
        values.iter_mut().for_each(|value| *value = least + span * random.uniform());
    }
    weights
}

/// A classifier of a network, with classes that have numbers.
///
/// # Panics
/// If the parts do not fit.
pub(crate) fn classifier(network: &Network, weights: Weights, transforms: Vec<Transform>) -> Classifier {
    let classes = (0..network.output().channels()).map(|class| format!("class {class}")).collect();
    Classifier::new(network.clone(), weights, transforms, classes).unwrap_or_else(|error| panic!("{error}"))
}

/// A classifier whose probabilities are the pixels that its transforms make: their sigmoids. A level more or less is a thousandth of
/// them.
///
/// # Panics
/// If the transforms do not make such pixels.
pub(crate) fn showing_pixels(transforms: Vec<Transform>, shape: Shape) -> Classifier {
    let network = chain(shape, vec![Layer::Flatten]);
    let classes = shape.elements();
    classifier(&network, Weights::new(), transforms)
        .with_thresholds(vec![0.5; classes])
        .unwrap_or_else(|error| panic!("{error}"))
}
