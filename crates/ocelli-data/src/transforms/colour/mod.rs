//! Transforms that change colours.

mod color_jitter;
mod gaussian_blur;
mod grayscale;
mod random_adjust_sharpness;
mod random_autocontrast;
mod random_equalize;
mod random_erasing;
mod random_grayscale;
mod random_invert;
mod random_posterize;
mod random_solarize;

pub use color_jitter::ColorJitter;
pub use gaussian_blur::GaussianBlur;
pub use grayscale::Grayscale;
pub use random_adjust_sharpness::RandomAdjustSharpness;
pub use random_autocontrast::RandomAutocontrast;
pub use random_equalize::RandomEqualize;
pub use random_erasing::{Erasure, Noise, RandomErasing};
pub use random_grayscale::RandomGrayscale;
pub use random_invert::RandomInvert;
pub use random_posterize::RandomPosterize;
pub use random_solarize::RandomSolarize;
