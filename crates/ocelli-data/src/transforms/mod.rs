//! What happens to an image between its file and the network.
//!
//! A [`Transform`] is data with torchvision's names, so recipes can write it: a struct of settings in a file of its own, in
//! `geometry`, `colour`, `auto`, `combine` or `convert`. Using it has three steps: [`Transform::draw`] takes the image's
//! size and the sample's own random stream and gives [`Operation`]s, in which nothing is left to chance; [`functional`] has
//! what they do as pure functions; [`Compiled`] runs a whole list of transforms over one image and ends in f32 numbers,
//! going over the pixels once for all crops and flips together.
//!
//! Every list ends in torchvision's `ToTensor` (bytes / 255), written or not, and then `Normalize` if it has one, and then
//! `RandomErasing` if that is to see numbers.

mod adaptive;
mod auto;
mod batch;
mod canvas;
mod colour;
mod combine;
mod compiled;
mod convert;
mod draw;
mod fill;
pub mod functional;
mod gamma;
mod geometry;
mod interpolation;
mod measure;
mod operation;
mod pipeline;
mod size;
mod span;
mod transform;
mod window;

pub use adaptive::AdaptiveOptions;
pub use auto::{AugMix, AutoAugment, AutoAugmentPolicy, RandAugment, TrivialAugmentWide};
pub use batch::{BatchTransform, CutMix, MixUp, Mixing, RandomBatchApply, RandomBatchChoice};
pub use canvas::Workspace;
pub use colour::{
    ColorJitter, Erasure, GaussianBlur, Grayscale, Noise, RandomAdjustSharpness, RandomAutocontrast,
    RandomEqualize, RandomErasing, RandomGrayscale, RandomInvert, RandomPosterize, RandomSolarize,
};
pub use combine::{RandomApply, RandomChoice, RandomOrder};
pub use compiled::{Compiled, Key};
pub(crate) use compiled::{check, deterministic_prefix, run_to_image, steps_on_bytes};
pub use convert::{ConvertImageDtype, Dtype, Normalize, PILToTensor, ToDtype, ToImage, ToTensor};
pub(crate) use draw::Drawing;
pub use fill::Fill;
pub use geometry::{
    AlternatingHorizontalFlip, CenterCrop, ElasticTransform, FiveCrop, Pad, RandomAffine, RandomCrop,
    RandomHorizontalFlip, RandomPerspective, RandomResizedCrop, RandomRotation, RandomVerticalFlip, Resize,
    Shear, TenCrop,
};
pub use interpolation::Interpolation;
pub(crate) use measure::Sums;
pub use measure::{MeasureOptions, Statistics, measure};
pub use operation::{Colour, Geometry, Operation};
pub use pipeline::Pipeline;
pub use size::{Padding, Size};
pub use span::Span;
pub use transform::Transform;
