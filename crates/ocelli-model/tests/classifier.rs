//! A classifier goes to its file and back unchanged, and predicts the same however it is asked.

use ocelli_data::{Channels, Division, Image, Transform};
use ocelli_model::{Attachment, Classifier, PredictOptions};
use ocelli_nn::plan::{InferPlan, PlanOptions};
use ocelli_nn::{Conv2d, Network, Sequential, Shape, Tensor, Weights};
use std::collections::BTreeMap;

fn network(classes: usize) -> Network {
    Sequential::new(Shape::map(1, 8, 8))
        .conv2d(Conv2d::new(1, 4, 3).padding(1))
        .batch_norm2d(4)
        .relu()
        .max_pool2d(2)
        .flatten()
        .linear(64, classes)
        .build("small")
        .unwrap()
}

fn transforms() -> Vec<Transform> {
    vec![Transform::resize((8, 8)), Transform::normalize_with(&[0.4], &[0.3])]
}

fn names(count: usize) -> Vec<String> {
    (0..count).map(|class| format!("class {class}")).collect()
}

fn classifier() -> Classifier {
    let network = network(3);
    let weights = network.init(5);
    Classifier::new(network, weights, transforms(), names(3)).unwrap()
}

fn images(count: usize) -> Vec<Image> {
    let pixels = |image: usize| (0..64).map(|pixel| (pixel * 7 + image * 31) as u8).collect();
    (0..count).map(|image| Image::new(8, 8, 1, pixels(image))).collect()
}

#[test]
fn a_file_gives_back_what_was_saved() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    let division = Division { seed: u64::MAX, validation: 0.15, test: 0.0, images: u64::MAX - 1 };
    let saved = classifier().with_metrics(BTreeMap::from([("val_accuracy".to_string(), 0.5)]));
    assert_eq!(saved.division(), None);
    assert_eq!(saved.image_channels().ok(), Some(Channels::Grey), "as the network");
    let saved = saved.with_division(division).with_image_channels(Channels::Rgb);
    saved.save(&path).unwrap();
    let loaded = Classifier::load(&path).unwrap();
    assert_eq!(loaded.image_channels().ok(), Some(Channels::Rgb));
    assert_eq!(loaded.division(), Some(&division));
    assert_eq!(loaded.network(), saved.network());
    assert_eq!(loaded.weights(), saved.weights());
    assert_eq!(loaded.transforms(), saved.transforms());
    assert_eq!(loaded.classes(), saved.classes());
    assert_eq!(loaded.metrics(), saved.metrics());
    let keys: Vec<&str> = loaded.weights().names().collect();
    let of_network: Vec<String> = saved.network().parameters().into_iter().map(|spec| spec.name).collect();
    assert_eq!(keys, of_network, "the order of a state_dict");
    let first = std::fs::read(&path).unwrap();
    saved.save(&path).unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), first, "the same classifier, the same bytes");
}

#[test]
fn a_file_in_memory_loads_as_it_does_from_the_disk() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    classifier().with_reject(0.4).unwrap().save(&path).unwrap();
    let bytes = std::fs::read(&path).unwrap();
    let (loaded, read) = (Classifier::load(&path).unwrap(), Classifier::from_bytes(&bytes).unwrap());
    assert_eq!(read.network(), loaded.network());
    assert_eq!(read.weights(), loaded.weights());
    assert_eq!(read.classes(), loaded.classes());
    assert_eq!(read.reject(), Some(0.4));
    for end in [0, 7, 8, 100, bytes.len() - 1] {
        let said = Classifier::from_bytes(&bytes[..end]).unwrap_err().to_string();
        assert!(said.starts_with("the model: "), "{end} bytes: {said}");
    }
}

#[test]
fn an_attachment_travels_without_being_part_of_the_model() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("last.safetensors");
    let tensors: Weights = [("0.weight", Tensor::f32([2], vec![1.0, 2.0]))].into_iter().collect();
    let attachment = Attachment { note: serde_json::json!({ "epoch": 3 }), tensors };
    classifier().save_with(&path, &attachment).unwrap();
    let (loaded, found) = Classifier::load_with(&path).unwrap();
    let found = found.unwrap();
    assert_eq!(loaded.weights(), classifier().weights());
    assert_eq!((found.note, found.tensors), (attachment.note, attachment.tensors));
    assert_eq!(Classifier::load(&path).unwrap().weights(), classifier().weights());
    classifier().save(&path).unwrap();
    assert!(Classifier::load_with(&path).unwrap().1.is_none());
}

#[test]
fn batches_and_threads_change_no_answer() {
    let (classifier, images) = (classifier(), images(7));
    let ask = |batch, threads| {
        let options = PredictOptions { batch, threads, ..PredictOptions::default() };
        classifier.predictor(options).unwrap().predict(&images).unwrap()
    };
    let expected = classifier.predict(&images).unwrap();
    for (batch, threads) in [(1, 1), (2, 1), (3, 2), (7, 2), (32, 4)] {
        for (answer, expected) in ask(batch, threads).iter().zip(&expected) {
            assert_eq!(answer.label, expected.label);
            assert!(
                (answer.probability - expected.probability).abs() < 1e-6,
                "batch {batch}, {threads} threads"
            );
        }
    }
}

#[test]
fn a_prediction_is_the_softmax_of_the_networks_output() {
    let (classifier, images) = (classifier(), images(1));
    let prediction = classifier.predict(&images).unwrap().remove(0);
    let pixels: Vec<f32> =
        images[0].pixels().iter().map(|byte| (f32::from(*byte) / 255.0 - 0.4) / 0.3).collect();
    let options = PlanOptions { batch: 1, ..PlanOptions::default() };
    let mut plan = InferPlan::new(classifier.network(), classifier.weights(), options).unwrap();
    let powers: Vec<f32> = plan.run(&pixels).iter().map(|logit| logit.exp()).collect();
    let sum: f32 = powers.iter().sum();
    assert_eq!(prediction.top.len(), 3);
    assert_eq!((&prediction.top[0].0, prediction.top[0].1), (&prediction.label, prediction.probability));
    for (name, probability) in &prediction.top {
        let class = classifier.classes().iter().position(|class| class == name).unwrap();
        assert!((probability - powers[class] / sum).abs() < 1e-6, "{prediction:?}");
    }
    assert!(prediction.top.windows(2).all(|pair| pair[0].1 >= pair[1].1));
}

#[test]
fn an_image_of_other_channels_is_refused() {
    let colour = Image::new(8, 8, 3, vec![0; 192]);
    let error = classifier().predict(&[colour]).unwrap_err().to_string();
    assert!(error.contains("3"), "{error}");
}

#[test]
fn parts_that_do_not_fit_are_refused() {
    let refused = |network: Network, weights: Weights, transforms: Vec<Transform>, classes: Vec<String>| {
        Classifier::new(network, weights, transforms, classes).unwrap_err().to_string()
    };
    let weights = || network(3).init(1);
    let said = refused(network(3), weights(), transforms(), names(4));
    assert!(said.contains("there are 4 classes"), "{said}");
    let said = refused(network(4), weights(), transforms(), names(4));
    assert!(said.contains("weights are not this network's"), "{said}");
    let said = refused(network(3), weights(), vec![Transform::resize((9, 8))], names(3));
    assert!(said.contains("9×8") && said.contains("8×8"), "{said}");
    let said = refused(network(3), weights(), Vec::new(), names(3));
    assert!(said.contains("any size"), "{said}");
    let twice = ["a", "b", "a"].map(String::from).to_vec();
    let said = refused(network(3), weights(), transforms(), twice);
    assert!(said.contains("two classes are called a"), "{said}");
    let random = vec![Transform::random_crop((8, 8), 1)];
    let said = refused(network(3), weights(), random, names(3));
    assert!(said.contains("random"), "{said}");
}

#[test]
fn temperature_and_reject_threshold_travel_and_bear_on_answers() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    let plain = classifier();
    let expected = plain.predict(&images(4)).unwrap();
    assert!((plain.temperature(), plain.reject()) == (None, None) && expected.iter().all(|p| !p.rejected));
    plain.with_temperature(3.0).unwrap().with_reject(0.5).unwrap().save(&path).unwrap();
    let loaded = Classifier::load(&path).unwrap();
    assert_eq!((loaded.temperature(), loaded.reject()), (Some(3.0), Some(0.5)));
    for (found, expected) in loaded.predict(&images(4)).unwrap().iter().zip(&expected) {
        assert_eq!(found.label, expected.label);
        assert!(found.probability < expected.probability, "{found:?}");
        assert_eq!(found.rejected, found.probability < 0.5);
        let cubes: f32 = expected.top.iter().map(|(_, p)| p.cbrt()).sum();
        assert!((found.probability - expected.probability.cbrt() / cubes).abs() < 1e-5);
    }
    for wrong in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        assert!(classifier().with_temperature(wrong).unwrap_err().to_string().contains("temperature is"));
    }
    assert!(classifier().with_reject(1.5).unwrap_err().to_string().contains("reject is 1.5"));
}

#[test]
fn a_file_whose_temperature_cannot_be_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    classifier().with_temperature(3.0).unwrap().save(&path).unwrap();
    let mut file = std::fs::read(&path).unwrap();
    let written = b"temperature\\\":3.0";
    let at = file.windows(written.len()).position(|part| part == written).expect("it is in the header");
    file[at + written.len() - 3..at + written.len()].copy_from_slice(b"-30");
    std::fs::write(&path, file).unwrap();
    let said = Classifier::load(&path).unwrap_err().to_string();
    assert!(said.contains("model.safetensors: temperature is -30"), "{said}");
}

#[test]
fn several_labels_have_a_sigmoid_and_a_threshold_each() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    let plain = classifier();
    let several = plain.clone().with_thresholds(vec![0.0, 0.5, 1.0]).unwrap();
    several.save(&path).unwrap();
    let loaded = Classifier::load(&path).unwrap();
    assert!(loaded.is_multi_label() && loaded.thresholds() == Some(&[0.0, 0.5, 1.0][..]));
    let (one, all) = (plain.predict(&images(3)).unwrap(), loaded.predict(&images(3)).unwrap());
    for (one, all) in one.iter().zip(&all) {
        assert!(one.labels.is_none());
        assert_eq!(
            (&all.label, all.rejected),
            (&one.label, false),
            "the largest output is the likeliest either way"
        );
        let labels: Vec<&str> = all.labels.as_ref().unwrap().iter().map(|(name, _)| name.as_str()).collect();
        let sure = all.top.iter().find(|(name, _)| name == "class 1").unwrap().1 >= 0.5;
        assert!(
            labels.contains(&"class 0")
                && labels.contains(&"class 1") == sure
                && !labels.contains(&"class 2")
        );
        // The odds of the sigmoid are exp(logit), in proportion to the softmax.
        let odds = |place: usize| all.top[place].1 / (1.0 - all.top[place].1);
        assert!((odds(0) / odds(1) / (one.top[0].1 / one.top[1].1) - 1.0).abs() < 1e-4);
    }
    let refused = |made: Result<Classifier, ocelli_model::ModelError>| made.unwrap_err().to_string();
    assert!(refused(loaded.clone().with_temperature(2.0)).contains("they may have several"));
    assert!(refused(loaded.clone().with_reject(0.5)).contains("they may have several"));
    assert!(
        refused(plain.clone().with_thresholds(vec![0.5])).contains("1 thresholds, but there are 3 classes")
    );
    assert!(refused(plain.clone().with_thresholds(vec![0.5, 0.5, 1.5])).contains("have 1.5"));
    assert!(
        refused(plain.with_reject(0.5).unwrap().with_thresholds(vec![0.5; 3]))
            .contains("images of one class")
    );
}
