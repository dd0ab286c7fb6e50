//! Model files in PyTorch, PyTorch's files here, and arrays in NumPy. `cargo xtask test` sets `OCELLI_PYTHON` to an interpreter that has it; without it, nothing is
//! tested here.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::Path;
use std::process::Command;

use ocelli_data::Transform;
use ocelli_model::{Classifier, Fit, Head, read_weights, save_weights};
use ocelli_nn::plan::{InferPlan, PlanOptions};
use ocelli_nn::{Shape, TensorData, zoo};
use ocelli_testing::{Report, formula, to_channels_last};
use serde_json::json;

const IMAGES: usize = 4;
const CLASSES: usize = 10;

/// A model's images must come to the network's size; here no image is transformed.
fn resize(side: usize) -> Transform {
    serde_json::from_value(json!({ "type": "Resize", "size": [side, side] }))
        .expect("a transform as a recipe has it")
}

/// The interpreter that has PyTorch, if there is one; runs a script of `interop/` with it.
fn run(script: &str, arguments: &[&OsStr]) -> Option<Vec<u8>> {
    let Some(python) = std::env::var_os("OCELLI_PYTHON") else {
        eprintln!("skipped: OCELLI_PYTHON is not set");
        return None;
    };
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("interop").join(script);
    let output = Command::new(&python).arg(&script).args(arguments).output().expect("Python runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(output.stdout)
}

#[test]
fn files_of_pytorch_are_read_as_pytorch_reads_them() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    if run("weights_in.py", &[folder.path().as_os_str()]).is_none() {
        return;
    }
    let network = zoo::build("lesson-bn", Shape::map(3, 32, 32), CLASSES).expect("a network of the zoo");
    let mut files = 0;
    for entry in std::fs::read_dir(folder.path()).expect("a folder") {
        let path = entry.expect("a file").path();
        if path.extension().is_some_and(|extension| extension == "pth") {
            let read = read_weights(&path).unwrap_or_else(|error| panic!("{error}"));
            let expected = read_weights(path.with_extension("safetensors")).expect("what PyTorch read");
            assert_eq!(read.len(), expected.len(), "{}", path.display());
            for (name, tensor) in expected.iter() {
                assert_eq!(read.get(name), Some(tensor), "{}: {name}", path.display());
            }
            let mut weights = network.init(1);
            let fit = Fit::load(&network, &mut weights, read, Head::IfItFits);
            assert!(fit.is_whole() && fit.loaded().len() == weights.len(), "{}: {fit}", path.display());
            files += 1;
        }
    }
    assert_eq!(files, 13);
}

#[test]
fn pytorch_loads_what_is_written() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("weights.safetensors");
    let network = zoo::build("resnet18", Shape::map(3, 64, 64), CLASSES).expect("a network of the zoo");
    let weights = network.init(3);
    save_weights(&file, &weights).expect("a file that can be written");
    let Some(sums) = run("weights_out.py", &[file.as_os_str()]) else { return };
    let sums: BTreeMap<String, f64> = serde_json::from_slice(&sums).expect("a number for each name");
    assert_eq!(sums.len(), weights.len());
    for (name, tensor) in weights.iter() {
        let sum = match &tensor.data {
            TensorData::F32(values) => values.iter().copied().map(f64::from).sum::<f64>(),
            TensorData::I64(values) => values.iter().sum::<i64>() as f64,
        };
        assert!(
            (sum - sums[name]).abs() <= 1e-9 * (1.0 + sum.abs()),
            "{name}: {sum}, in PyTorch {}",
            sums[name]
        );
    }
}

#[test]
fn pytorch_computes_the_same_from_a_saved_model() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut report = Report::default();
    for (name, side) in [("lesson", 32), ("lesson-bn", 32), ("resnet18", 64)] {
        let network = zoo::build(name, Shape::map(3, side, side), CLASSES).expect("a network of the zoo");
        let weights = network.init(5);
        let classes = (0..CLASSES).map(|class| format!("class {class}")).collect();
        let model = Classifier::new(network.clone(), weights.clone(), vec![resize(side)], classes)
            .expect("parts that fit");
        let file = folder.path().join(format!("{name}.safetensors"));
        model.save(&file).expect("a file that can be written");

        let count = IMAGES.to_string();
        let arguments = [file.as_os_str(), name.as_ref(), count.as_ref()];
        let Some(theirs) = run("outputs.py", &arguments) else { return };
        let theirs: Vec<f32> = serde_json::from_slice(&theirs).expect("a list of numbers");

        let images =
            to_channels_last(&formula("interop", IMAGES * network.input().elements()), network.input());
        let options = PlanOptions { batch: IMAGES, ..PlanOptions::default() };
        let mut plan = InferPlan::new(&network, &weights, options).expect("a network of the zoo has a plan");
        report.compare(name, "outputs", plan.run(&images), &theirs, 1e-2, 5e-5);
    }
    report.finish();
}

#[test]
fn arrays_are_what_numpy_reads() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("array.npy");
    let values = [1.0, -2.5, 0.1, f32::MIN_POSITIVE, f32::MAX, 0.0];
    ocelli_report::explain::save_npy(&path, &values, 3).expect("an array is written");
    let Some(said) = run("numpy_array.py", &[path.as_os_str()]) else { return };
    let said: serde_json::Value = serde_json::from_slice(&said).expect("JSON");
    assert_eq!((said["type"].as_str(), &said["shape"]), (Some("<f4"), &json!([2, 3])));
    let read: Vec<f32> = serde_json::from_value(said["values"].clone()).expect("numbers");
    assert_eq!(read, values);
}
