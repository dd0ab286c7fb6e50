//! A folder whose `index.html` classifies pictures in a browser, and asks nothing of any server.
//!
//! The model is the ONNX file of [`onnx::export`] in the form that [`OPTIONS`] says, run by ONNX Runtime Web ([`Runtime`]) in a worker.
//! Browsers give a page that was opened from a disk no other file than scripts. So what is not a script, the model above all, is the text of
//! scripts (`parts/`): packed by gzip, in base64, in pieces that every host takes. One folder works from a disk, and from any server under
//! any path.
//!
//! ```no_run
//! use ocelli_export::{onnx, web};
//! use ocelli_model::Classifier;
//!
//! let classifier = Classifier::load("runs/2026-01-31-lesson/model.safetensors")?;
//! let model = onnx::export(&classifier, &web::OPTIONS)?;
//! let runtime = web::Registry::usual().runtime(&mut |_, _| {})?;
//! web::write(&classifier, &model, &runtime, "page".as_ref())?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! [`onnx::export`]: crate::onnx::export

mod folder;
mod package;
mod parts;
mod registry;

use std::path::Path;

use ocelli_model::Classifier;
use ocelli_nn::{Shape, Summary};
use serde_json::{Value, json};

use crate::ExportError;
use crate::onnx::{Input, Layout, OnnxOptions};
pub use folder::claim;
use folder::{Draft, PARTS};
pub use package::{Runtime, VERSION};
pub use registry::Registry;

/// The form of ONNX that the page feeds: images of any size, in the order in which browsers give pixels.
pub const OPTIONS: OnnxOptions =
    OnnxOptions { input: Input::Images, layout: Layout::Nhwc, keep_batch_norm: false };

/// What is the same in every folder.
const ASSETS: [(&str, &str); 6] = [
    ("index.html", include_str!("assets/index.html")),
    ("style.css", include_str!("assets/style.css")),
    ("icon.svg", include_str!("assets/icon.svg")),
    ("app.js", include_str!("assets/app.js")),
    ("worker.js", include_str!("assets/worker.js")),
    ("LICENSE-onnxruntime.txt", include_str!("assets/LICENSE-onnxruntime.txt")),
];
/// What is known of the model, for the page.
const ABOUT: &str = "about.js";

/// Writes the folder. One that is there is replaced if it is an earlier export or empty, and only once the new one is whole. `model` is what
/// [`onnx::export`](crate::onnx::export) or [`onnx::export_int8`](crate::onnx::export_int8) made of the classifier by [`OPTIONS`]. Gives how many bytes
/// the folder has.
///
/// # Errors
/// The folder is there and has something else in it, or it cannot be written.
pub fn write(
    classifier: &Classifier,
    model: &[u8],
    runtime: &Runtime,
    folder: &Path,
) -> Result<u64, ExportError> {
    claim(folder)?;
    let mut draft = Draft::beside(folder)?;
    for (name, text) in ASSETS {
        draft.file(name, text)?;
    }
    let contents = [("runtime", runtime.script()), ("wasm", runtime.wasm()), ("model", model)];
    let mut files = Vec::new();
    for (name, bytes) in contents {
        for (number, text) in parts::scripts(name, bytes).enumerate() {
            let file = format!("{PARTS}/{name}-{number}.js");
            draft.file(&file, &text)?;
            files.push(file);
        }
    }
    let mut about = card(classifier)?;
    about["parts"] = json!(files);
    about["bytes"] = json!(model.len());
    draft.file(ABOUT, &format!("globalThis.about = {about};\n"))?;
    draft.finish()
}

/// What people want to know of a model, and the page of its answers.
fn card(classifier: &Classifier) -> Result<Value, ExportError> {
    let Shape::Map { height, width, .. } = classifier.network().input() else {
        unreachable!("a classifier takes images");
    };
    let total = Summary::new(classifier.network()).total;
    Ok(json!({
        "network": classifier.network().name(),
        "parameters": total.parameters,
        "multiply_adds": total.multiply_adds,
        "width": width,
        "height": height,
        "channels": classifier.image_channels()?.count(),
        "classes": classifier.classes(),
        "metrics": classifier.metrics(),
        "temperature": classifier.temperature(),
        "reject": classifier.reject(),
        "thresholds": classifier.thresholds(),
        "ocelli_version": env!("CARGO_PKG_VERSION"),
        "runtime_version": VERSION,
    }))
}
