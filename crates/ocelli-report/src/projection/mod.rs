//! Vectors of many numbers as points on paper.

mod figure;
mod pca;

pub use figure::{NAMED, figure};
pub use pca::Pca;
