//! Exports in rten and, where there is an interpreter that has it, in ONNX Runtime, many at a time.

pub(crate) mod lite0;
pub(crate) mod made;
mod rten;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use ocelli_data::{Compiled, Image, Key, Workspace};
use ocelli_export::onnx::{Calibration, Input, Layout, OnnxOptions, export, export_int8};
use ocelli_model::{Classifier, PredictOptions, Prediction};
use ocelli_nn::{Layer, Shape};
use serde::Deserialize;
use serde_json::json;

/// A classifier, and what it is asked about.
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) model: Classifier,
    pub(crate) options: OnnxOptions,
    pub(crate) images: Vec<Image>,
    /// The largest difference of two probabilities.
    pub(crate) tolerance: f32,
    /// Of pixels, the share that may be a level off.
    pub(crate) strays: f64,
    /// With eight bits.
    pub(crate) calibration: Option<Calibration>,
}

/// A level of a pixel, as [`made::showing_pixels`] shows it.
const LEVEL: f32 = 1.0 / 255.0 / 4.0;

/// What ONNX Runtime says of a case.
#[derive(Deserialize)]
pub(crate) struct Found {
    #[serde(default)]
    error: Option<String>,
    #[serde(default)]
    pub(crate) operators: BTreeMap<String, usize>,
    #[serde(default)]
    answers: Vec<Vec<f32>>,
}

/// An image as the graph of a case takes it: height × width × channels numbers, each one byte or four.
pub(crate) struct Given {
    pub(crate) numbers: Vec<u8>,
    pub(crate) shape: [usize; 3],
}

/// Exports all, runs them in both runtimes, checks and compares. Gives what ONNX Runtime said, nothing without an interpreter.
pub(crate) fn run(cases: &[Case]) -> Vec<Found> {
    let python = std::env::var_os("OCELLI_PYTHON");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (mut described, mut ours, mut wrong) = (Vec::new(), Vec::new(), Vec::new());
    for (number, case) in cases.iter().enumerate() {
        let (file, images) = exported(case);
        ours.push(probabilities(case));
        let found = rten::answers(case, &file, &images);
        wrong.extend(match (found, rten::lacks(case)) {
            (Ok(found), None) => compare("rten", case, &ours[number], &found),
            (Err(error), Some(lacking)) if error.contains(lacking) => None,
            (Ok(_), Some(lacking)) => Some(format!("rten: {}: has {lacking} now", case.name)),
            (Err(error), _) => Some(format!("rten: {}: {error}", case.name)),
        });
        if python.is_some() {
            described.push(write(folder.path(), number, case, &file, &images));
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
    let Some(python) = python else {
        eprintln!("ONNX Runtime is left out: OCELLI_PYTHON is not set");
        return Vec::new();
    };
    std::fs::write(folder.path().join("cases.json"), json!(described).to_string())
        .expect("a file is written");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testing/interop/onnx_exports.py");
    let output = Command::new(python).arg(script).arg(folder.path()).output().expect("Python runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let found: Vec<Found> = serde_json::from_slice(&output.stdout).expect("what the script prints");
    for ((case, ours), found) in cases.iter().zip(&ours).zip(&found) {
        wrong.extend(match &found.error {
            Some(error) => Some(format!("{}: {error}", case.name)),
            None => compare("ONNX Runtime", case, ours, &found.answers),
        });
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
    found
}

/// Prints how far a runtime's probabilities are from ours, and says so if that is too far.
fn compare(runtime: &str, case: &Case, ours: &[Vec<f32>], theirs: &[Vec<f32>]) -> Option<String> {
    assert_eq!(ours.len(), theirs.len(), "{}", case.name);
    let mut apart = Vec::new();
    for (ours, theirs) in ours.iter().zip(theirs) {
        assert_eq!(ours.len(), theirs.len(), "{}", case.name);
        assert!(theirs.iter().all(|value| value.is_finite()), "{}", case.name);
        apart.extend(ours.iter().zip(theirs).map(|(ours, theirs)| (ours - theirs).abs()));
    }
    apart.sort_by(|a, b| b.total_cmp(a));
    let strays = apart.iter().take_while(|difference| **difference > case.tolerance).count();
    println!("{runtime}: {:.1e}, {strays} of {} strays: {}", apart[0], apart.len(), case.name);
    let few = strays as f64 <= case.strays * apart.len() as f64;
    let far = !few || (strays > 0 && apart[0] > 1.01 * LEVEL);
    far.then(|| format!("{runtime}: {}: {} apart, {strays} of {}", case.name, apart[0], apart.len()))
}

/// The file of a case, and its images.
fn exported(case: &Case) -> (Vec<u8>, Vec<Given>) {
    let file = match &case.calibration {
        None => export(&case.model, &case.options),
        Some(calibration) => export_int8(&case.model, &case.options, calibration),
    };
    let given = |image: &Image| match case.options.input {
        Input::Images => Given {
            numbers: image.pixels().to_vec(),
            shape: [image.height(), image.width(), image.channels()],
        },
        Input::Floats => floats(&case.model, image),
    };
    let file = file.unwrap_or_else(|error| panic!("{}: {error}", case.name));
    (file, case.images.iter().map(given).collect())
}

fn write(folder: &Path, number: usize, case: &Case, file: &[u8], images: &[Given]) -> serde_json::Value {
    let name = format!("{number}.onnx");
    std::fs::write(folder.join(&name), file).expect("a file is written");
    let images: Vec<_> = images
        .iter()
        .enumerate()
        .map(|(place, image)| {
            let file = format!("{number}.{place}.raw");
            std::fs::write(folder.join(&file), &image.numbers).expect("a file is written");
            json!({ "file": file, "shape": image.shape })
        })
        .collect();
    let by_batch = case.model.network().nodes().iter().any(|node| {
        matches!(node.layer, Layer::BatchNorm1d(spec) | Layer::BatchNorm2d(spec) if !spec.track_running_stats)
    });
    json!({
        "file": name,
        "type": if case.options.input == Input::Images { "uint8" } else { "<f4" },
        "channels_first": case.options.layout == Layout::Nchw,
        "by_batch": by_batch,
        "images": images,
    })
}

fn floats(model: &Classifier, image: &Image) -> Given {
    let Shape::Map { channels, height, width } = model.network().input() else { panic!("no images") };
    let compiled =
        Compiled::new(model.transforms(), (height, width, channels)).expect("a classifier's transforms");
    let mut numbers = vec![0.0; height * width * channels];
    compiled
        .run(image.view(), Key::default(), &mut Workspace::default(), &mut numbers)
        .expect("an image that fits");
    let numbers = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
    Given { numbers, shape: [height, width, channels] }
}

/// What Ocelli says of each image.
fn probabilities(case: &Case) -> Vec<Vec<f32>> {
    let classes = case.model.classes();
    let options = PredictOptions { batch: 1, top_k: classes.len(), ..PredictOptions::default() };
    let answers = case.model.predictor(options).expect("a plan").predict(&case.images).expect("answers");
    let in_order = |answer: &Prediction| {
        let by_name: BTreeMap<&str, f32> =
            answer.top.iter().map(|(name, value)| (name.as_str(), *value)).collect();
        classes.iter().map(|class| by_name[class.as_str()]).collect()
    };
    answers.iter().map(in_order).collect()
}
