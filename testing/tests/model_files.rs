//! Files that earlier versions of the format left behind: they are kept as they were written, and must keep loading and answering the same.

use ocelli_model::{Classifier, Prediction};
use std::path::{Path, PathBuf};

fn model(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/models").join(name)
}

fn answer(classifier: &Classifier, image: &str) -> Prediction {
    let image =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/ocelli-data/tests/fixtures").join(image);
    let mut answers = classifier.predict_files(&[image]).expect("a network that runs");
    answers.remove(0).expect("an image that can be read")
}

/// Another processor may add in another order.
fn assert_near(found: f32, expected: f32) {
    assert!((found - expected).abs() < 1e-5, "{found} is not {expected}");
}

#[test]
fn format_1_loads_and_answers_as_it_did() {
    let classifier = Classifier::load(model("format-1.safetensors")).unwrap();
    assert_eq!(classifier.classes().len(), 10);
    assert_eq!(classifier.metrics()["test_accuracy"], 0.271);
    assert_eq!(classifier.origin(), &Default::default());
    let found = answer(&classifier, "grey.png");
    assert_eq!(found.label, "Pullover");
    assert_near(found.probability, 0.157_945_48);
    assert_near(found.top[1].1, 0.128_808_04);
}

#[test]
fn format_2_loads_and_answers_as_it_did() {
    let classifier = Classifier::load(model("format-2.safetensors")).unwrap();
    assert_eq!(classifier.thresholds(), Some(&[0.5, 0.5][..]));
    let found = answer(&classifier, "rgb.png");
    let labels = found.labels.expect("several labels");
    assert_eq!(labels.len(), 1);
    assert_eq!(labels[0].0, "large");
    assert_near(labels[0].1, 0.640_799_1);
    assert_near(found.top[1].1, 0.353_432_18);
}

#[test]
fn a_later_format_is_refused_with_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("later.safetensors");
    let bytes = std::fs::read(model("format-1.safetensors")).unwrap();
    let (from, to) = (r#"{\"format\":1,"#.as_bytes(), r#"{\"format\":9,"#.as_bytes());
    let at = bytes.windows(from.len()).position(|window| window == from).unwrap();
    let later = [&bytes[..at], to, &bytes[at + from.len()..]].concat();
    std::fs::write(&path, later).unwrap();
    let said = Classifier::load(&path).unwrap_err().to_string();
    assert!(said.contains("format 9") && said.contains("reads formats 1 to 2"), "{said}");
}
