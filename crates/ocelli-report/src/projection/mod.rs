//! Vectors of many numbers as points on paper.

mod figure;
mod pca;

pub use figure::figure;
pub use pca::Pca;
