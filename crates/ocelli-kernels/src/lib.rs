//! The arithmetic of convolutional networks on slices of `f32`: forward and backward, one file per
//! operation, single-threaded functions over a range of images or rows.
//!
//! Memory is channels-last. A map is described by a [`MapLayout`]: its channels are padded to a
//! multiple of [`BLOCK`] (the padding holds zeros) and it may carry a halo of zero pixels, so that
//! a convolution's inner loop needs no case for the border.
//!
//! Every operation takes an [`Isa`], a token that only detection makes, and runs the same code for
//! AVX-512, AVX2 with FMA, or portable vectors.

pub mod activation;
pub mod adaptive_max_pool;
pub mod avg_pool;
pub mod batch_norm;
pub mod bytes;
pub mod channels;
pub mod conv;
mod cross_entropy;
pub mod dropout;
pub mod epilogue;
pub mod group_norm;
pub mod grouped;
mod isa;
pub mod layer_norm;
mod layout;
pub mod local_response_norm;
pub mod matrix;
pub mod multiply;
pub mod optimizer;
pub mod outer;
pub mod peak;
pub mod prelu;
pub mod random;
pub mod scale;
mod simd;
pub mod softmax;
pub mod sparse;
pub mod stream;
pub mod sweep;
pub mod upsample;
pub mod winograd;

pub use cross_entropy::cross_entropy;
pub use isa::{ISA_VARIABLE, Isa, Loop, UnknownIsa};
pub use layout::{BLOCK, MapLayout, Strides, padded};
