//! ONNX: one file that takes images of any size and gives the probabilities of named classes.
//!
//! The graph does all that [`Classifier::predict`] does: it resizes and crops with the bytes that Ocelli (and torchvision) get, scales
//! and normalises, runs the network, and ends in the softmax or, for images of several labels, the sigmoid, with the temperature that
//! the classifier has. What else is known of the classifier is in the file's metadata, lists and numbers as JSON:
//!
//! | key | is |
//! | --- | --- |
//! | `classes` | the names, in the order of the output |
//! | `labels_per_image` | `one` or `any number` |
//! | `precision` | `float32`, or `int8` for [`export_int8`] |
//! | `network` | the network's name |
//! | `transforms` | what happens to an image before the network: in the graph, or, with [`Input::Floats`], to be done before it |
//! | `temperature`, `reject`, `thresholds` | those of the classifier, where it has them; the temperature is applied in the graph |
//! | `metrics` | figures that were noted when it was trained |
//! | `ocelli_version` | the version that wrote the file |

mod graph;
mod header;
mod layers;
mod metadata;
mod preprocess;
mod proto;
mod quantize;
mod readout;

use crate::ExportError;
use graph::Graph;
pub(crate) use header::{Header, header_of};
use ocelli_data::Compiled;
use ocelli_model::Classifier;
use ocelli_nn::Shape;
use prost::Message;
use proto::{DataType, Dimension, Length, ValueInfo};
pub use quantize::Calibration;

/// The version of the operators: the first with all that is used here, `Gelu` above all. ONNX Runtime has it since 1.17.
const OPSET: i64 = 20;
/// The version of the file format that goes with it.
const IR_VERSION: i64 = 9;
/// The most bytes that a protocol buffer may have.
const MAX_BYTES: u64 = i32::MAX as u64;
/// The name of the graph's input.
pub const INPUT: &str = "images";
/// The name of the graph's output.
pub const OUTPUT: &str = "probabilities";

/// In which order an image's numbers lie.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Layout {
    /// Images × channels × height × width, as PyTorch has them. The default.
    #[default]
    Nchw,
    /// Images × height × width × channels, as decoders give them.
    Nhwc,
}

/// What the graph takes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Input {
    /// Images as decoded: bytes, of any height and width (the same for those of one batch). The default.
    #[default]
    Images,
    /// What the classifier's transforms make of them: floats of the network's height and width.
    Floats,
}

/// How to export to ONNX.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct OnnxOptions {
    /// What the graph takes. Default: images.
    pub input: Input,
    /// In which order. Default: channels first.
    pub layout: Layout,
    /// Whether batch normalisation stays an operator of its own; else it is folded into the convolution or linear layer before it,
    /// where there is one that nothing else reads. Default: false.
    pub keep_batch_norm: bool,
}

/// The classifier as the bytes of an ONNX file.
///
/// The input `images` has the dimensions `batch` and, of images, `height` and `width` free; the output `probabilities` is batch × classes.
///
/// # Errors
/// A transform cannot be said in ONNX, [`Input::Floats`] is asked of a classifier that looks at several views of an image, or the file
/// would have more than 2 GiB.
pub fn export(classifier: &Classifier, options: &OnnxOptions) -> Result<Vec<u8>, ExportError> {
    write(classifier, options, None)
}

/// The same with weights and maps of eight bits, a quarter of the size: by pairs of `QuantizeLinear` and `DequantizeLinear`, for each output
/// channel of a weight a scale. Answers differ; what that costs in accuracy must be measured.
///
/// # Errors
/// As [`export`].
pub fn export_int8(
    classifier: &Classifier,
    options: &OnnxOptions,
    calibration: &Calibration,
) -> Result<Vec<u8>, ExportError> {
    write(classifier, options, Some(calibration))
}

fn write(
    classifier: &Classifier,
    options: &OnnxOptions,
    calibration: Option<&Calibration>,
) -> Result<Vec<u8>, ExportError> {
    let parameters: u64 =
        classifier.network().parameters().iter().map(|spec| 4 * spec.elements() as u64).sum();
    let too_large = |bytes| ExportError::TooLarge { format: "ONNX", bytes, most: MAX_BYTES };
    if parameters > MAX_BYTES {
        return Err(too_large(parameters));
    }
    let mut graph = Graph::default();
    let input = input(classifier, options)?;
    let (numbers, views) = numbers(&mut graph, classifier, options)?;
    let (network, weights) = (classifier.network(), classifier.weights());
    let manner = layers::Manner { keep_batch_norm: options.keep_batch_norm, calibration };
    let logits = layers::add(&mut graph, network, weights, numbers, manner);
    readout::add(&mut graph, classifier, &logits, views);
    let classes = classifier.classes().len() as i64;
    let batch = Length::Name("batch".to_owned());
    let output = value_info(OUTPUT, DataType::Float, vec![batch, Length::Value(classes)], "of each class");
    let model = proto::Model {
        ir_version: IR_VERSION,
        producer_name: "ocelli".to_owned(),
        producer_version: env!("CARGO_PKG_VERSION").to_owned(),
        doc_string: format!("{}, an image classifier of {classes} classes", network.name()),
        graph: Some(graph.finish(network.name(), input, output)),
        opset_import: vec![proto::OperatorSet { domain: String::new(), version: OPSET }],
        metadata_props: metadata::of(classifier, calibration.is_some()),
    };
    let bytes = model.encoded_len() as u64;
    if bytes > MAX_BYTES { Err(too_large(bytes)) } else { Ok(model.encode_to_vec()) }
}

/// The channels of what the graph takes.
fn channels(classifier: &Classifier, options: &OnnxOptions) -> Result<usize, ExportError> {
    match options.input {
        Input::Images => Ok(classifier.image_channels()?.count()),
        Input::Floats => Ok(classifier.network().input().channels()),
    }
}

/// The graph's input.
fn input(classifier: &Classifier, options: &OnnxOptions) -> Result<ValueInfo, ExportError> {
    let channels = Length::Value(channels(classifier, options)? as i64);
    let name = |name: &str| Length::Name(name.to_owned());
    let (data_type, sides, what) = match options.input {
        Input::Images => (DataType::Uint8, [name("height"), name("width")], "images as decoded, 0 to 255"),
        Input::Floats => {
            let size = classifier.network().input().size().expect("a classifier takes images");
            let sides = [size.height, size.width].map(|side| Length::Value(side as i64));
            (DataType::Float, sides, "images after the transforms that the metadata has")
        }
    };
    let [height, width] = sides;
    let dimensions = match options.layout {
        Layout::Nchw => vec![name("batch"), channels, height, width],
        Layout::Nhwc => vec![name("batch"), height, width, channels],
    };
    Ok(value_info(INPUT, data_type, dimensions, what))
}

/// From the input to what the network takes, and how many views of each image that has.
fn numbers(
    graph: &mut Graph,
    classifier: &Classifier,
    options: &OnnxOptions,
) -> Result<(graph::Value, usize), ExportError> {
    graph.enter("preprocess");
    let images = match options.layout {
        Layout::Nchw => INPUT.to_owned(),
        Layout::Nhwc => graph.transpose(INPUT, &[0, 3, 1, 2]),
    };
    let transforms = classifier.transforms();
    let Shape::Map { channels, height, width } = classifier.network().input() else {
        unreachable!("a classifier takes images");
    };
    if options.input == Input::Images {
        let (numbers, views) =
            preprocess::run(graph, &images, self::channels(classifier, options)?, transforms)?;
        // What the transforms come to is known here, and so are the shapes of all that follows; whoever reads the graph should know too.
        let shape = [channels, height, width].map(|length| length as i64);
        return Ok((graph.reshape(&numbers, &[&[-1], shape.as_slice()].concat()), views));
    }
    match Compiled::new(transforms, (height, width, channels))?.views() {
        1 => Ok((images, 1)),
        views => {
            let reason = format!(
                "the transforms show {views} views of an image, whose mean is taken: leave --floats out"
            );
            Err(ExportError::unsupported("the form that takes floats", reason))
        }
    }
}

fn value_info(name: &str, data_type: DataType, dimensions: Vec<Length>, what: &str) -> ValueInfo {
    let dim = dimensions.into_iter().map(|length| Dimension { length: Some(length) }).collect();
    let tensor_type = proto::TensorType { elem_type: data_type.into(), shape: Some(proto::Shape { dim }) };
    ValueInfo {
        name: name.to_owned(),
        r#type: Some(proto::Type { tensor_type: Some(tensor_type) }),
        doc_string: what.to_owned(),
    }
}
