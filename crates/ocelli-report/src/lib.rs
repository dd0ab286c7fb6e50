//! Pictures of what a classifier has learnt and of why it answers as it does.
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
//! - [`picture`]: heat maps over images, tiles, PNG files.

mod error;
pub mod explain;
pub mod picture;

pub use error::ReportError;
pub use explain::{Attribution, Explainer, FeatureMaps, Heat, Seen};
