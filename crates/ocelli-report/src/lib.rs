//! What a classifier has learnt, why it answers as it does, and how well: as pictures, and as a page.
//!
//! ```no_run
//! use ocelli_data::{Limits, decode};
//! use ocelli_model::Classifier;
//! use ocelli_report::{Explainer, picture};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let classifier = Classifier::load("model.safetensors")?;
//! let image = decode::read("cat.jpg", classifier.image_channels()?, &Limits::default())?;
//! let explainer = Explainer::new(&classifier);
//! let seen = explainer.see(image.view())?;
//! let maps = explainer.feature_maps(&seen, explainer.grad_cam_layer()?)?;
//! let heat = explainer.grad_cam(&maps, 0)?;
//! picture::save(&picture::overlay(seen.picture(), &heat), "grad-cam.png")?;
//! # Ok(())
//! # }
//! ```
//!
//! - [`explain`]: first-layer filters, feature maps, Grad-CAM, integrated gradients, embeddings.
//! - [`picture`]: heat maps over images, tiles, image files.
//! - [`figures`]: curves of a run, the confusion matrix.
//! - [`page`]: one HTML file about a classifier.
//! - [`projection`]: vectors of many numbers as points on paper.
//! - [`search`]: what a search for good settings found, as figures and one HTML file.
//! - [`text`]: numbers as people read them.

mod document;
mod error;
pub mod explain;
pub mod figures;
pub mod page;
pub mod picture;
pub mod projection;
pub mod search;
pub mod text;

pub use error::ReportError;
pub use explain::{Attribution, Explainer, FeatureMaps, Heat, Seen};
pub use page::{DataDigest, Page, PageOptions, RunStory, SplitDigest, Subject, Tempered};

/// A pool of so many threads; 0 takes as many as the machine has.
fn pool(threads: usize) -> Result<rayon::ThreadPool, ReportError> {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build().map_err(ReportError::Threads)
}
