//! The gate: an exported file is run by its own runtime on real images, and must answer as the classifier does.
//!
//! The runtime is ONNX Runtime or PyTorch as an interpreter of Python has it: the one that `OCELLI_PYTHON` names, else `python3`. Where there
//! is none, nothing is compared, and the [`Outcome`] says so.

mod runtime;

use crate::ExportError;
use crate::onnx::{Header, Input, Layout, header_of};
use ocelli_data::{Compiled, Image, Key, Workspace};
use ocelli_model::{Classifier, PredictOptions};
use ocelli_nn::Shape;
use runtime::{Asked, Ran};
use std::path::Path;

/// The largest difference between two probabilities of a class that counts as agreement.
pub const TOLERANCE: f32 = 1e-4;

/// The least share of answers that are the same from an export with eight bits.
pub const SAME: f64 = 0.9;

/// The formats that can be verified.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Format {
    /// Run by ONNX Runtime.
    Onnx,
    /// Run by PyTorch.
    TorchScript,
}

impl Format {
    /// The format that a file's name tells: `.onnx`, or `.pt`, `.pth` and `.torchscript`.
    pub fn of(path: &Path) -> Option<Self> {
        match path.extension()?.to_str()?.to_ascii_lowercase().as_str() {
            "onnx" => Some(Self::Onnx),
            "pt" | "pth" | "torchscript" => Some(Self::TorchScript),
            _ => None,
        }
    }

    /// The package of PyPI that runs it.
    pub fn package(self) -> &'static str {
        match self {
            Self::Onnx => "onnxruntime",
            Self::TorchScript => "torch",
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Onnx => "onnx",
            Self::TorchScript => "torchscript",
        }
    }
}

/// What came of a verification.
#[derive(Clone, PartialEq, Debug)]
pub enum Outcome {
    /// The runtime was there, and answered.
    Compared(Comparison),
    /// There is no runtime, and why.
    NoRuntime(String),
}

/// The answers of an exported file beside the classifier's.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Comparison {
    /// The runtime's name and version.
    pub runtime: String,
    /// Whether the export computes with eight bits.
    pub eight_bits: bool,
    /// Of how many images both told the same label, or the same labels.
    pub same: usize,
    /// The largest difference between two probabilities of a class.
    pub worst: f32,
    /// The place of the image that it is of.
    pub worst_image: usize,
    /// The classifier's probabilities, a row for each image.
    pub ours: Vec<Vec<f32>>,
    /// Those of the exported file.
    pub theirs: Vec<Vec<f32>>,
}

impl Comparison {
    /// How many images both looked at.
    pub fn images(&self) -> usize {
        self.ours.len()
    }

    /// Whether no probability is further apart than [`TOLERANCE`]; labels can differ then only where two classes are as good as equal.
    /// With eight bits: whether at least [`SAME`] of the answers are the same.
    pub fn agrees(&self) -> bool {
        if self.eight_bits {
            return self.same as f64 >= SAME * self.images() as f64;
        }
        self.worst <= TOLERANCE
    }
}

/// Lets an exported file and the classifier that it was made of answer about images, which have the channels that
/// [`Classifier::image_channels`] says.
///
/// # Errors
/// The file cannot be read, the runtime refuses it or is refused an image by it, its classes are not the classifier's, or the
/// classifier cannot be run.
pub fn verify(
    classifier: &Classifier,
    exported: &Path,
    format: Format,
    images: &[Image],
) -> Result<Outcome, ExportError> {
    let Header { input, layout, eight_bits } = match format {
        Format::Onnx => header_of(exported)?,
        Format::TorchScript => Header { input: Input::Images, layout: Layout::Nchw, eight_bits: false },
    };
    let asked = Asked { format, channels_first: layout == Layout::Nchw };
    let ran = match input {
        Input::Images => asked.about(exported, images.iter().map(|image| (shape(image), image.pixels()))),
        Input::Floats => {
            let rows = floats(classifier, images)?;
            let shape = classifier_shape(classifier);
            asked.about(exported, rows.iter().map(|row| (shape, row.as_slice())))
        }
    };
    let answers = match ran? {
        Ran::Answers(answers) => answers,
        Ran::NoRuntime(reason) => return Ok(Outcome::NoRuntime(reason)),
    };
    let refused = |reason: String| ExportError::Runtime {
        runtime: answers.runtime.clone(),
        path: exported.to_owned(),
        reason,
    };
    if answers.classes.as_ref().is_some_and(|classes| classes != classifier.classes()) {
        return Err(refused("its classes are not the model's: it was exported from another".to_owned()));
    }
    let classes = classifier.classes().len();
    if answers.answers.len() != images.len() || answers.answers.iter().any(|row| row.len() != classes) {
        return Err(refused(format!("it does not give {classes} probabilities for each image")));
    }
    let ours = probabilities(classifier, images)?;
    let (runtime, theirs) = (answers.runtime, answers.answers);
    Ok(Outcome::Compared(Comparison { runtime, eight_bits, ..compare(classifier, ours, theirs) }))
}

fn shape(image: &Image) -> [usize; 3] {
    [image.height(), image.width(), image.channels()]
}

/// Height, width and channels of the network's input.
fn classifier_shape(classifier: &Classifier) -> [usize; 3] {
    match classifier.network().input() {
        Shape::Map { channels, height, width } => [height, width, channels],
        Shape::Features(_) => unreachable!("a classifier takes images"),
    }
}

/// What the classifier's transforms make of images.
fn floats(classifier: &Classifier, images: &[Image]) -> Result<Vec<Vec<f32>>, ExportError> {
    let [height, width, channels] = classifier_shape(classifier);
    let transforms = Compiled::new(classifier.transforms(), (height, width, channels))?;
    let mut space = Workspace::default();
    let mut prepare = |image: &Image| {
        let mut row = vec![0.0; transforms.views() * height * width * channels];
        transforms.run(image.view(), Key::default(), &mut space, &mut row).map(|()| row)
    };
    images.iter().map(|image| prepare(image).map_err(ExportError::from)).collect()
}

/// The classifier's own answers. Images go one at a time, as they go to the runtime: what a network says of one may depend on those beside it
/// where it normalises by the batch.
fn probabilities(classifier: &Classifier, images: &[Image]) -> Result<Vec<Vec<f32>>, ExportError> {
    let classes = classifier.classes();
    let options = PredictOptions { batch: 1, top_k: classes.len(), ..PredictOptions::default() };
    let answers = classifier.predictor(options)?.predict(images)?;
    let row = |answer: ocelli_model::Prediction| {
        let of: std::collections::HashMap<String, f32> = answer.top.into_iter().collect();
        classes.iter().map(|class| of[class]).collect()
    };
    Ok(answers.into_iter().map(row).collect())
}

fn compare(classifier: &Classifier, ours: Vec<Vec<f32>>, theirs: Vec<Vec<f32>>) -> Comparison {
    let (mut worst, mut worst_image, mut same) = (0.0, 0, 0);
    for (image, (ours, theirs)) in ours.iter().zip(&theirs).enumerate() {
        for (a, b) in ours.iter().zip(theirs) {
            let difference = (a - b).abs();
            // What is no number is further off than anything.
            let difference = if difference.is_nan() { f32::INFINITY } else { difference };
            if difference > worst {
                (worst, worst_image) = (difference, image);
            }
        }
        same += usize::from(labels(classifier, ours) == labels(classifier, theirs));
    }
    Comparison { same, worst, worst_image, ours, theirs, ..Comparison::default() }
}

/// The places of the classes that probabilities say: the likeliest, or, of a classifier that tells several, those that reach their
/// thresholds.
pub fn labels(classifier: &Classifier, probabilities: &[f32]) -> Vec<usize> {
    match classifier.thresholds() {
        Some(thresholds) => {
            (0..probabilities.len()).filter(|&class| probabilities[class] >= thresholds[class]).collect()
        }
        None => {
            let better = |best: usize, class: usize| {
                if probabilities[class] > probabilities[best] { class } else { best }
            };
            (0..probabilities.len()).reduce(better).into_iter().collect()
        }
    }
}
