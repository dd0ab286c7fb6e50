//! Explanations of a small network against Captum's.

use std::sync::Arc;

use ocelli_data::dataset::MemoryDataset;
use ocelli_data::transforms::{CenterCrop, Normalize, Transform};
use ocelli_data::{Dataset, Image};
use ocelli_model::Classifier;
use ocelli_nn::{Conv2d, Sequential, Shape};
use ocelli_report::Explainer;
use ocelli_testing::{Fixture, Report, to_channels_last};
use serde::Deserialize;

/// Captum computed in f64; what is left is our f32, relative to the largest value.
const TOLERANCE: f64 = 1e-5;
const CLASSES: usize = 5;

#[derive(Deserialize)]
struct Case {
    name: String,
    channels: usize,
    side: usize,
    class: usize,
    layer: String,
}

fn classifier(fixture: &Fixture, case: &Case) -> Classifier {
    let side = case.side / 4;
    let network = Sequential::new(Shape::map(case.channels, case.side, case.side))
        .conv2d(Conv2d::new(case.channels, 8, 3).padding(1))
        .batch_norm2d(8)
        .relu()
        .conv2d(Conv2d::new(8, 12, 3).stride(2).padding(1))
        .batch_norm2d(12)
        .relu()
        .max_pool2d(2)
        .flatten()
        .linear(12 * side * side, CLASSES)
        .build("explained")
        .unwrap();
    let normalize = Normalize { mean: Some(vec![0.5; case.channels]), std: Some(vec![0.25; case.channels]) };
    let classes = (0..CLASSES).map(|class| class.to_string()).collect();
    let crop = Transform::CenterCrop(CenterCrop { size: case.side.into() });
    let transforms = vec![crop, Transform::Normalize(normalize)];
    let weights = fixture.group(&case.name, "weights");
    Classifier::new(network, weights, transforms, classes).unwrap()
}

#[test]
fn explanations_are_captums() {
    let fixture = Fixture::load("explanations");
    let mut report = Report::default();
    for case in fixture.cases::<Case>() {
        let classifier = classifier(&fixture, &case);
        let explainer = Explainer::new(&classifier);
        let shape = Shape::map(case.channels, case.side, case.side);
        let pixels = to_channels_last(fixture.values(&case.name, "image"), shape);
        let bytes: Vec<u8> = pixels.iter().map(|level| *level as u8).collect();
        let image = Image::new(case.side, case.side, case.channels, bytes);
        let seen = explainer.see(image.view()).unwrap();
        assert_eq!(seen.picture(), &image);

        let mut compare = |what: &str, got: &[f32], expected: &[f32]| {
            report.compare(&case.name, what, got, expected, 1.0, TOLERANCE);
        };
        compare("logits", &explainer.logits(&seen).unwrap(), fixture.values(&case.name, "logits"));
        let heat =
            explainer.feature_maps(&seen, &case.layer).and_then(|maps| explainer.grad_cam(&maps, case.class));
        let heat = heat.unwrap();
        compare("Grad-CAM", &heat.values, fixture.values(&case.name, "grad_cam"));
        let attribution = explainer.integrated_gradients(&seen, case.class, 50).unwrap();
        let expected = to_channels_last(fixture.values(&case.name, "integrated_gradients"), shape);
        compare("integrated gradients", &attribution.values, &expected);
        let embedding = fixture.values(&case.name, "embedding");
        compare("embedding", &explainer.embed(&[seen]).unwrap(), embedding);
        let (classes, size) = (["a", "b"].map(String::from).to_vec(), (case.side, case.side, case.channels));
        let twice = MemoryDataset::new("twice", classes, vec![1, 0], size, image.pixels().repeat(2)).unwrap();
        let twice: Arc<dyn Dataset> = Arc::new(twice);
        // What comes before the flattening has the same order.
        for layer in [None, Some("6")] {
            let found = explainer.embed_all(Arc::clone(&twice), layer, 2, |_| {}).unwrap();
            assert_eq!((found.images.as_slice(), found.columns), (&[0, 1][..], embedding.len()));
            compare("embeddings of a data set", &found.values, &embedding.repeat(2));
        }
    }
    report.finish();
}
