//! What happens to an image between its file and the network.
//!
//! A [`Transform`] is data with torchvision's names, so recipes can write it. Using it has three steps:
//! [`Transform::draw`] takes the image's size and the sample's own random stream and gives an
//! [`Operation`], in which nothing is left to chance; [`functional`] has what the operations do as
//! pure functions; [`Compiled`] runs a whole list of them over one image and ends in f32 numbers,
//! going over the pixels once for all crops and flips together.
//!
//! Every list ends in torchvision's `ToTensor` (bytes / 255), written or not, and then `Normalize` if it has one.

mod adaptive;
mod compiled;
pub mod functional;
mod measure;
mod operation;
mod pipeline;
mod size;
mod spec;
mod window;

pub use adaptive::AdaptiveOptions;
pub use compiled::{Compiled, Key, Workspace};
pub(crate) use compiled::{check, deterministic_prefix, run_to_image};
pub use measure::{MeasureOptions, Statistics, measure};
pub use operation::Operation;
pub use pipeline::Pipeline;
pub use size::{Padding, Size};
pub use spec::{CenterCrop, Normalize, RandomCrop, RandomHorizontalFlip, Resize, Transform};
