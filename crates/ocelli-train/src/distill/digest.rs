//! A number that tells one teacher from another.

use ocelli_data::transforms::Normalize;
use ocelli_model::Classifier;
use ocelli_nn::TensorData;
use xxhash_rust::xxh3::Xxh3;

/// A digest of all that decides what a classifier says of images that were made for its network: the network, its weights, its
/// classes and how it normalises. Figures and temperatures may be noted in its file without it becoming another one.
pub(super) fn digest(classifier: &Classifier) -> u128 {
    let mut digest = Xxh3::new();
    let weights = classifier.weights();
    let names: Vec<&str> = weights.names().collect();
    let described = serde_json::to_vec(&(
        classifier.network(),
        Normalize::of(classifier.transforms()),
        classifier.classes(),
        names,
    ));
    digest.update(&described.expect("networks and transforms are plain data"));
    for (_, tensor) in weights.iter() {
        match &tensor.data {
            TensorData::F32(values) => values.iter().for_each(|value| digest.update(&value.to_le_bytes())),
            TensorData::I64(values) => values.iter().for_each(|value| digest.update(&value.to_le_bytes())),
        }
    }
    digest.digest128()
}
