//! Classifiers for other runtimes: what training made, in the formats that the rest of the world runs.
//!
//! An export is one file that needs nothing of Ocelli: preprocessing, network, softmax and class names are in it. [`onnx`] writes
//! ONNX, [`torchscript`] what `torch.jit.load` opens, in Python and in C++; [`web`] puts the former into a folder, with a page and a runtime
//! for browsers. [`verify`] runs an exported file in its own runtime on real images and compares its answers with the classifier's.
//!
//! ```no_run
//! use ocelli_export::onnx::{self, OnnxOptions};
//! use ocelli_model::Classifier;
//!
//! let classifier = Classifier::load("runs/2026-01-31-lesson/model.safetensors")?;
//! std::fs::write("model.onnx", onnx::export(&classifier, &OnnxOptions::default())?)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod error;
pub mod onnx;
pub mod torchscript;
pub mod verify;
pub mod web;

pub use error::ExportError;
