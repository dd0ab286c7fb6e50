//! Model files in PyTorch. `cargo xtask test` sets `OCELLI_PYTHON` to an interpreter that has it; without it, nothing is
//! tested here.

use std::path::Path;
use std::process::Command;

use ocelli_data::Transform;
use ocelli_model::Classifier;
use ocelli_nn::plan::{InferPlan, PlanOptions};
use ocelli_nn::{Shape, zoo};
use ocelli_testing::{Report, formula, to_channels_last};
use serde_json::json;

const IMAGES: usize = 4;
const CLASSES: usize = 10;

/// A model's images must come to the network's size; here no image is transformed.
fn resize(side: usize) -> Transform {
    serde_json::from_value(json!({ "type": "Resize", "size": [side, side] }))
        .expect("a transform as a recipe has it")
}

#[test]
fn pytorch_computes_the_same_from_a_saved_model() {
    let Some(python) = std::env::var_os("OCELLI_PYTHON") else {
        eprintln!("skipped: OCELLI_PYTHON is not set");
        return;
    };
    let folder = tempfile::tempdir().expect("a temporary folder");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("interop/outputs.py");
    let mut report = Report::default();
    for (name, side) in [("lesson", 32), ("lesson-bn", 32), ("resnet18", 64)] {
        let network = zoo::build(name, Shape::map(3, side, side), CLASSES).expect("a network of the zoo");
        let weights = network.init(5);
        let classes = (0..CLASSES).map(|class| format!("class {class}")).collect();
        let model = Classifier::new(network.clone(), weights.clone(), vec![resize(side)], classes)
            .expect("parts that fit");
        let file = folder.path().join(format!("{name}.safetensors"));
        model.save(&file).expect("a file that can be written");

        let mut command = Command::new(&python);
        let output =
            command.arg(&script).arg(&file).args([name, &IMAGES.to_string()]).output().expect("Python runs");
        assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
        let theirs: Vec<f32> = serde_json::from_slice(&output.stdout).expect("a list of numbers");

        let images =
            to_channels_last(&formula("interop", IMAGES * network.input().elements()), network.input());
        let options = PlanOptions { batch: IMAGES, ..PlanOptions::default() };
        let mut plan = InferPlan::new(&network, &weights, options).expect("a network of the zoo has a plan");
        report.compare(name, "outputs", plan.run(&images), &theirs, 1e-2, 5e-5);
    }
    report.finish();
}
