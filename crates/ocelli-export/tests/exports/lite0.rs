//! A network that tells photographs apart, so that it shows where pixels differ, and photographs of many sizes.

use std::path::{Path, PathBuf};
use std::process::Command;

use ocelli_data::Transform;
use ocelli_model::{Classifier, read_weights};
use ocelli_nn::{Shape, zoo};
use serde_json::json;

/// EfficientNet-Lite0's weights as a package of Python's has them, and photographs of many sizes, written into a folder.
///
/// # Panics
/// If the interpreter does not run, or lacks the package.
pub(crate) fn photographs(python: &Path, folder: &Path) -> (PathBuf, Vec<String>) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testing/interop/photographs_of_sizes.py");
    let output = Command::new(python).arg(script).arg(folder).output().expect("Python runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("what the script prints")
}

/// EfficientNet-Lite0 with its published weights and preprocessing.
///
/// # Panics
/// If the weights cannot be read.
pub(crate) fn lite0(weights: &Path, classes: Vec<String>) -> Classifier {
    let transforms: Vec<Transform> = serde_json::from_value(json!([
        { "type": "Resize", "size": 256 },
        { "type": "CenterCrop", "size": 224 },
        { "type": "Normalize", "mean": vec![127.0 / 255.0; 3], "std": vec![128.0 / 255.0; 3] },
    ]))
    .expect("transforms as a recipe has them");
    let network =
        zoo::build("efficientnet_lite0", Shape::map(3, 224, 224), 1000).expect("a network of the zoo");
    let weights = read_weights(weights).expect("a .pth file that can be read");
    Classifier::new(network, weights, transforms, classes).expect("parts that fit")
}
