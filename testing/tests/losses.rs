//! Losses and their gradients against PyTorch and torchvision in double precision.

use ocelli_data::Mixing;
use ocelli_testing::{Fixture, Report};
use ocelli_train::{BinaryCrossEntropy, CrossEntropy, Distillation, Focal, SigmoidFocal};
use serde::Deserialize;

const TOLERANCE: f64 = 1e-6;

/// A loss with its options, in a recipe's names.
#[derive(Deserialize)]
struct Case {
    name: String,
    #[serde(default)]
    kind: String,
    #[serde(default)]
    temperature: f64,
    #[serde(default)]
    label_smoothing: f64,
    #[serde(default)]
    gamma: f64,
    #[serde(default)]
    alpha: f64,
    /// How much of each image is its own, where images are mixed with the one before.
    share: Option<f32>,
}

impl Case {
    fn mixing(&self, labels: &[u32]) -> Option<Mixing> {
        let mut partners = labels.to_vec();
        partners.rotate_right(1);
        self.share.map(|share| Mixing { partners, share })
    }

    fn cross_entropy(&self, weight: Option<Vec<f32>>) -> CrossEntropy {
        CrossEntropy { weight, label_smoothing: self.label_smoothing }
    }
}

fn labels(fixture: &Fixture, case: &str) -> Vec<u32> {
    let labels =
        fixture.get(case, "labels").and_then(ocelli_nn::Tensor::as_i64).expect("labels are integers");
    labels.iter().map(|&label| label as u32).collect()
}

fn weight(fixture: &Fixture, case: &str) -> Option<Vec<f32>> {
    fixture.get(case, "weight").map(|_| fixture.values(case, "weight").to_vec())
}

fn compare(report: &mut Report, fixture: &Fixture, case: &str, loss: f64, gradient: &[f32]) {
    report.compare(case, "loss", &[loss as f32], fixture.values(case, "loss"), 1e-2, TOLERANCE);
    report.compare(case, "gradient", gradient, fixture.values(case, "grad"), 1e-3, TOLERANCE);
}

#[test]
fn cross_entropy_follows_pytorch() {
    let fixture = Fixture::load("losses");
    let mut report = Report::default();
    for case in fixture.cases::<String>() {
        let logits = fixture.values(&case, "logits");
        let mut gradient = vec![0.0; logits.len()];
        let loss = CrossEntropy::default().forward(logits, &labels(&fixture, &case), &mut gradient);
        compare(&mut report, &fixture, &case, loss, &gradient);
    }
    report.finish();
}

#[test]
fn losses_with_options_follow_pytorch() {
    let fixture = Fixture::load("loss_options");
    let mut report = Report::default();
    for case in fixture.cases::<Case>() {
        let logits = fixture.values(&case.name, "logits");
        let weight = weight(&fixture, &case.name);
        // What was there before must not matter.
        let mut gradient = vec![f32::NAN; logits.len()];
        let loss = match case.kind.as_str() {
            "binary-cross-entropy" => {
                let targets = fixture.values(&case.name, "targets");
                BinaryCrossEntropy { pos_weight: weight }.forward(logits, targets, &mut gradient)
            }
            "sigmoid-focal" => {
                let targets = fixture.values(&case.name, "targets");
                SigmoidFocal { gamma: case.gamma, alpha: case.alpha }.forward(logits, targets, &mut gradient)
            }
            kind => {
                let labels = labels(&fixture, &case.name);
                let mixing = case.mixing(&labels);
                let entropy = case.cross_entropy(weight.clone());
                let focal = Focal { gamma: case.gamma, weight };
                match (kind, mixing) {
                    ("cross-entropy", None) => entropy.forward(logits, &labels, &mut gradient),
                    ("cross-entropy", Some(mixing)) => {
                        entropy.forward_mixed(logits, &labels, &mixing, &mut gradient)
                    }
                    ("focal", None) => focal.forward(logits, &labels, &mut gradient),
                    ("focal", Some(mixing)) => focal.forward_mixed(logits, &labels, &mixing, &mut gradient),
                    _ => panic!("{}: no loss is called {kind}", case.name),
                }
            }
        };
        compare(&mut report, &fixture, &case.name, loss, &gradient);
    }
    report.finish();
}

#[test]
fn distillation_follows_pytorch() {
    let fixture = Fixture::load("distillation");
    let mut report = Report::default();
    for case in fixture.cases::<Case>() {
        let [logits, teacher] = ["logits", "teacher"].map(|name| fixture.values(&case.name, name));
        let labels = labels(&fixture, &case.name);
        let entropy = case.cross_entropy(weight(&fixture, &case.name));
        let mut gradient = vec![f32::NAN; logits.len()];
        let of_labels = match case.mixing(&labels) {
            None => entropy.forward(logits, &labels, &mut gradient),
            Some(mixing) => entropy.forward_mixed(logits, &labels, &mixing, &mut gradient),
        };
        let distillation = Distillation { temperature: case.temperature, alpha: case.alpha };
        let classes = logits.len() / labels.len();
        let loss = distillation.forward(logits, teacher, classes, of_labels, &mut gradient);
        compare(&mut report, &fixture, &case.name, loss, &gradient);
    }
    report.finish();
}
