//! Exports in ONNX Runtime, many at a time.

pub(crate) mod made;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use ocelli_data::{Compiled, Image, Key, Workspace};
use ocelli_export::onnx::{Calibration, Input, Layout, OnnxOptions, export, export_int8};
use ocelli_model::{Classifier, PredictOptions};
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

/// Exports all, checks and runs them, and compares; nothing without an interpreter.
pub(crate) fn run(cases: &[Case]) -> Vec<Found> {
    let Some(python) = std::env::var_os("OCELLI_PYTHON") else {
        eprintln!("skipped: OCELLI_PYTHON is not set");
        return Vec::new();
    };
    let folder = tempfile::tempdir().expect("a temporary folder");
    let described: Vec<_> =
        cases.iter().enumerate().map(|(number, case)| write(folder.path(), number, case)).collect();
    std::fs::write(folder.path().join("cases.json"), json!(described).to_string())
        .expect("a file is written");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testing/interop/onnx_exports.py");
    let output = Command::new(python).arg(script).arg(folder.path()).output().expect("Python runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let found: Vec<Found> = serde_json::from_slice(&output.stdout).expect("what the script prints");
    let mut wrong = Vec::new();
    for (case, found) in cases.iter().zip(&found) {
        if let Some(error) = &found.error {
            wrong.push(format!("{}: {error}", case.name));
            continue;
        }
        let mut apart = differences(case, &found.answers);
        apart.sort_by(|a, b| b.total_cmp(a));
        let strays = apart.iter().take_while(|difference| **difference > case.tolerance).count();
        println!("{:.1e}, {strays} of {} strays: {}", apart[0], apart.len(), case.name);
        let few = strays as f64 <= case.strays * apart.len() as f64;
        if !few || (strays > 0 && apart[0] > 1.01 * LEVEL) {
            wrong.push(format!("{}: {} apart, {strays} of {}", case.name, apart[0], apart.len()));
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
    found
}

fn write(folder: &Path, number: usize, case: &Case) -> serde_json::Value {
    let file = format!("{number}.onnx");
    let bytes = match &case.calibration {
        None => export(&case.model, &case.options),
        Some(calibration) => export_int8(&case.model, &case.options, calibration),
    };
    let bytes = bytes.unwrap_or_else(|error| panic!("{}: {error}", case.name));
    std::fs::write(folder.join(&file), bytes).expect("a file is written");
    let of_bytes = case.options.input == Input::Images;
    let images: Vec<_> = case
        .images
        .iter()
        .enumerate()
        .map(|(place, image)| {
            let file = format!("{number}.{place}.raw");
            let (numbers, shape) = match of_bytes {
                true => (image.pixels().to_vec(), [image.height(), image.width(), image.channels()]),
                false => floats(&case.model, image),
            };
            std::fs::write(folder.join(&file), numbers).expect("a file is written");
            json!({ "file": file, "shape": shape })
        })
        .collect();
    let by_batch = case.model.network().nodes().iter().any(|node| {
        matches!(node.layer, Layer::BatchNorm1d(spec) | Layer::BatchNorm2d(spec) if !spec.track_running_stats)
    });
    json!({
        "file": file,
        "type": if of_bytes { "uint8" } else { "<f4" },
        "channels_first": case.options.layout == Layout::Nchw,
        "by_batch": by_batch,
        "images": images,
    })
}

fn floats(model: &Classifier, image: &Image) -> (Vec<u8>, [usize; 3]) {
    let Shape::Map { channels, height, width } = model.network().input() else { panic!("no images") };
    let compiled =
        Compiled::new(model.transforms(), (height, width, channels)).expect("a classifier's transforms");
    let mut numbers = vec![0.0; height * width * channels];
    compiled
        .run(image.view(), Key::default(), &mut Workspace::default(), &mut numbers)
        .expect("an image that fits");
    (numbers.iter().flat_map(|number| number.to_le_bytes()).collect(), [height, width, channels])
}

/// How far probabilities are apart.
fn differences(case: &Case, theirs: &[Vec<f32>]) -> Vec<f32> {
    let classes = case.model.classes();
    let options = PredictOptions { batch: 1, top_k: classes.len(), ..PredictOptions::default() };
    let ours = case.model.predictor(options).expect("a plan").predict(&case.images).expect("answers");
    assert_eq!(ours.len(), theirs.len(), "{}", case.name);
    let mut apart = Vec::new();
    for (ours, theirs) in ours.iter().zip(theirs) {
        assert_eq!(theirs.len(), classes.len(), "{}", case.name);
        assert!(theirs.iter().all(|value| value.is_finite()), "{}", case.name);
        let by_name: BTreeMap<&str, f32> =
            ours.top.iter().map(|(name, value)| (name.as_str(), *value)).collect();
        apart.extend(
            classes.iter().zip(theirs).map(|(class, theirs)| (by_name[class.as_str()] - theirs).abs()),
        );
    }
    apart
}
