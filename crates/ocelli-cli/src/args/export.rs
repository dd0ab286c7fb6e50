//! `ocelli export` and `ocelli verify`: the arguments.

use super::{threads, within};
use clap::{Args, ValueEnum};
use std::path::PathBuf;

/// What a model is exported to.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum ExportFormat {
    /// ONNX: images of any size in, probabilities out; for ONNX Runtime and whatever else reads ONNX
    Onnx,
    /// ONNX with weights and maps of eight bits: a quarter of the size, faster where the CPU can, a little less accurate
    OnnxInt8,
    /// TorchScript: one file that `torch.jit.load` opens, in Python and in C++, with the transforms and the names of the classes
    Torchscript,
    /// A folder with a page that classifies in the browser, from a disk or any web server, without asking anything of one
    Web,
    /// The same with weights and maps of eight bits, for telephones: a quarter of the model's size, a little less accurate
    WebInt8,
}

impl ExportFormat {
    /// Whether it computes with eight bits.
    pub(crate) fn eight_bits(self) -> bool {
        matches!(self, Self::OnnxInt8 | Self::WebInt8)
    }

    /// Whether it is a folder for browsers.
    pub(crate) fn is_web(self) -> bool {
        matches!(self, Self::Web | Self::WebInt8)
    }
}

/// In which order an image's numbers lie.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum ExportLayout {
    /// Images × channels × height × width, as PyTorch has them
    Nchw,
    /// Images × height × width × channels, as decoders give them
    Nhwc,
}

#[derive(Debug, Args)]
pub(crate) struct ExportArgs {
    /// A trained model (model.safetensors).
    #[arg(value_name = "MODEL")]
    pub(crate) model: PathBuf,
    /// What to write.
    #[arg(long, value_enum)]
    pub(crate) format: ExportFormat,
    /// The file to write, of web the folder; what is there is replaced, a folder only if it is an earlier export [default: beside the model,
    /// model.onnx, model.int8.onnx, standalone_model.pt or web].
    #[arg(long, value_name = "PATH")]
    pub(crate) out: Option<PathBuf>,
    /// Of ONNX: in which order the numbers of images are given to it.
    #[arg(long, value_enum, default_value = "nchw")]
    pub(crate) layout: ExportLayout,
    /// Of ONNX: leave the transforms out: it takes floats of the network's size, which they must have made.
    #[arg(long)]
    pub(crate) floats: bool,
    /// Of ONNX: keep batch normalisation as operators of its own, and do not fold it into the convolutions before it.
    #[arg(long)]
    pub(crate) keep_batch_norm: bool,
    /// Images that show how far values reach, for onnx-int8 and web-int8; their labels do not matter [default: training images of the data].
    #[arg(long, value_name = "PATH")]
    pub(crate) calibrate: Option<String>,
    /// Of web: ONNX Runtime Web from disk, as npm's package (`npm pack onnxruntime-web@1.30.0`) or a folder with its files [default: what was
    /// fetched before, else it is fetched from the registry of npm, or that which NPM_CONFIG_REGISTRY names].
    #[arg(long, value_name = "PATH")]
    pub(crate) runtime: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) images: GateArgs,
    /// Write it unseen: without running it on images first.
    #[arg(long)]
    pub(crate) no_verify: bool,
}

#[derive(Debug, Args)]
pub(crate) struct VerifyArgs {
    /// A trained model (model.safetensors).
    #[arg(value_name = "MODEL")]
    pub(crate) model: PathBuf,
    /// What was exported of it: a file of ONNX (.onnx) or TorchScript (.pt).
    #[arg(value_name = "EXPORTED")]
    pub(crate) exported: PathBuf,
    #[command(flatten)]
    pub(crate) images: GateArgs,
    /// Print one JSON document.
    #[arg(long)]
    pub(crate) json: bool,
}

/// The images that both are asked about.
#[derive(Debug, Args)]
pub(crate) struct GateArgs {
    /// Labelled images to compare the answers on, as for `train` [default: those that the model was trained with, where its run is
    /// known].
    #[arg(long, value_name = "PATH")]
    pub(crate) data: Option<String>,
    /// Which part of the data, as for `eval` [default: val, else test, else all images].
    #[arg(long, value_name = "NAME")]
    pub(crate) split: Option<String>,
    /// On how many images, spread evenly over that part [default: 64; with eight bits, whose accuracy is told, 1000].
    #[arg(long = "images", value_name = "N", value_parser = images)]
    pub(crate) count: Option<usize>,
    /// Threads to read images with [default: one for each core].
    #[arg(long, value_name = "N", value_parser = threads)]
    pub(crate) threads: Option<usize>,
}

fn images(text: &str) -> Result<usize, String> {
    within(text, 1, 1_000_000)
}
