//! `libocelli`: a classifier is loaded, asked and freed from C. What callers see is `include/ocelli.h`, which documents it.
//!
//! [`ffi`] takes what crosses from C and makes references and slices of it; behind it all is safe Rust.

mod error;
mod ffi;
mod model;
mod pixels;
