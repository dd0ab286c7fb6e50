//! A run: a recipe made ready on its data, then trained.

mod lists;
mod network;
mod prepare;
mod start;
mod train;

pub use network::build as build_network;
pub use prepare::{DataInfo, Run, RunOptions};
pub use train::{claim, resume};
