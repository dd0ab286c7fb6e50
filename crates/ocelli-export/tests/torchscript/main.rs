//! TorchScript files in PyTorch. `cargo xtask test` sets `OCELLI_PYTHON` to an interpreter that has it; without it, nothing is tested
//! here.

#[path = "../exports/lite0.rs"]
mod lite0;
mod networks;
mod photographs;
mod readouts;
mod session;
mod transforms;

use ocelli_data::Transform;
use ocelli_model::{Classifier, PredictOptions, Prediction};
use ocelli_nn::{Network, Sequential, Shape};
use serde_json::Value;

/// Of probabilities: the pixels are the same to the byte, so that what differs is the order of sums in f32.
pub(crate) const TOLERANCE: f64 = 1e-4;
pub(crate) fn transforms(list: Value) -> Vec<Transform> {
    serde_json::from_value(list).expect("transforms as a recipe has them")
}

pub(crate) fn names(count: usize) -> Vec<String> {
    (0..count).map(|class| format!("class {class}, naïve “☃”")).collect()
}

/// The smallest network over images of this shape.
pub(crate) fn small(shape: Shape, classes: usize) -> Network {
    Sequential::new(shape)
        .adaptive_avg_pool2d(4)
        .flatten()
        .linear(shape.channels() * 16, classes)
        .build("small")
        .expect("a valid network")
}

pub(crate) fn predictions(classifier: &Classifier, files: &[String]) -> Vec<Prediction> {
    let options = PredictOptions { top_k: usize::MAX, batch: 4, ..PredictOptions::default() };
    let mut predictor = classifier.predictor(options).expect("a classifier that can predict");
    predictor.predict_files(files).into_iter().map(|answer| answer.expect("a photograph")).collect()
}

/// Probabilities in the order of the classes.
pub(crate) fn probabilities(classifier: &Classifier, prediction: &Prediction) -> Vec<f32> {
    let of = |class: &String| prediction.top.iter().find(|(name, _)| name == class).expect("all classes").1;
    classifier.classes().iter().map(of).collect()
}
