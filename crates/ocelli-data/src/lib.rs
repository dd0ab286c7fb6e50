//! Images for Ocelli: decoding, datasets, transforms and the loader.
//!
//! ```no_run
//! use std::sync::Arc;
//! use ocelli_data::{
//!     AdaptiveOptions, Loader, LoaderOptions, MeasureOptions, OpenOptions, Pipeline, Source, SourceOptions, open,
//! };
//!
//! # fn main() -> Result<(), ocelli_data::DataError> {
//! let splits = open("photos", &OpenOptions::default())?;
//! for problem in &splits.problems {
//!     eprintln!("{problem}");
//! }
//! let mut pipeline = Pipeline::adaptive(&AdaptiveOptions {
//!     images: splits.train.extent(),
//!     height: 32,
//!     width: 32,
//!     augment: true,
//! });
//! let source = Arc::new(Source::new(splits.train, &pipeline.train, &SourceOptions::default())?);
//! pipeline.resolve(&source, &MeasureOptions::default())?; // measures the mean and std of Normalize
//! let mut loader = Loader::new(source, &pipeline.train, &LoaderOptions::default())?;
//! for epoch in 0..5 {
//!     for batch in loader.epoch(epoch) {
//!         let batch = batch?;
//!         // batch.images(): N×H×W×C f32, batch.labels(): u32, batch.samples(): u64
//! #       let _ = batch;
//!     }
//!     for problem in loader.take_problems() {
//!         eprintln!("{problem}");
//!     }
//! }
//! # Ok(())
//! # }
//! ```
//!
//! - [`decode`]: image files become 8-bit [`Image`]s; hostile files become errors.
//! - [`dataset`]: [`open`] recognises class-per-folder trees, manifests, IDX and CIFAR files; [`Dataset`] is the trait.
//! - [`cache`]: decoded images on disk, for later epochs and runs.
//! - [`check`]: what is wrong with a dataset: unusable files, duplicates and leakage, imbalance, odd images.
//! - [`transforms`]: [`Transform`]s as data, [`Pipeline`]s of them, their pure functions.
//! - [`mod@preview`]: what transforms make of images, to be looked at.
//! - [`loader`]: a [`Source`] keeps decoded images, a [`Loader`] makes batches of them in the background.

pub mod cache;
pub mod check;
pub mod dataset;
pub mod decode;
mod error;
mod image;
pub mod loader;
mod places;
mod portion;
pub mod preview;
pub mod transforms;

pub use crate::cache::CacheOptions;
pub use crate::dataset::{Dataset, Division, Extent, OpenOptions, Splits, Undivided, open, open_undivided};
pub use crate::decode::Limits;
pub use crate::error::{DataError, ErrorKind, Problem, printable};
pub use crate::image::{Channels, Image, ImageView};
pub use crate::loader::{Batch, CacheUse, Loader, LoaderOptions, Oversample, Sampler, Source, SourceOptions};
pub use crate::places::cache_folder;
pub use crate::portion::{Place, Portion, Wanted};
pub use crate::transforms::{
    AdaptiveOptions, BatchTransform, Compiled, Key, MeasureOptions, Mixing, Pipeline, Statistics, Transform,
    Workspace, measure,
};

/// As many threads as asked for; 0 stands for as many as the machine has.
fn threads(asked: usize) -> usize {
    match asked {
        0 => std::thread::available_parallelism().map_or(1, usize::from),
        asked => asked,
    }
}
