//! Golden fixtures from PyTorch and the conformance and interoperability tests that read them.
//!
//! `fixtures/` holds the files and the scripts that made them (`cargo xtask fixtures`); this library reads them,
//! and `tests/` runs them through plans with every instruction set of this CPU, passes on and off.

mod counting;
mod fixture;
mod formula;
pub mod fuzz;
mod images;
mod network;
mod report;

pub use counting::Counting;
pub use fixture::Fixture;
pub use formula::{formula, initial_weights};
pub use images::{to_channels_first, to_channels_last};
pub use network::{Case, NodeOfCase, with_probe};
pub use report::Report;
