//! Figures of what training and evaluation found, as SVG and as PNG: one description, drawn by two pens.
//!
//! ```
//! use ocelli_plot::{Axis, Figure};
//! let losses = [(1e-4, 2.3), (1e-3, 1.9), (1e-2, 0.8), (1e-1, 1.4)];
//! let figure = Figure::new("Learning-rate finder")
//!     .x(Axis::log("learning rate"))
//!     .y(Axis::linear("loss"))
//!     .line("loss", losses)
//!     .mark("suggestion", (1e-2, 0.8));
//! assert!(figure.svg().starts_with("<svg"));
//! assert!(figure.png().starts_with(b"\x89PNG"));
//! ```
//!
//! Beside lines, points and bars there are parallel coordinates, and values over a plane as bands of colours (`Figure::z` says what these mean).
//!
//! The crate knows nothing of networks: numbers go in, files come out. No font of the system is needed; SVG names a generic family, PNG
//! has its glyphs within.

mod axis;
mod field;
mod figure;
mod heat;
mod layout;
mod names;
mod parallel;
mod png;
mod shade;
mod shape;
mod svg;

pub use axis::Axis;
pub use figure::{Figure, FigureError};
