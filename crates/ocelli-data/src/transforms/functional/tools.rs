//! What functions keep between images.

use std::sync::OnceLock;

use ocelli_kernels::{Isa, Loop};

use super::Resizer;

/// The buffers that functions need, kept between images.
#[derive(Debug, Default)]
pub struct Tools {
    pub(crate) resizer: Resizer,
    /// Rows and planes of numbers.
    pub(crate) numbers: [Vec<f32>; 3],
    /// Rows of bytes.
    pub(crate) bytes: Vec<u8>,
}

/// Runs a loop on this CPU's best vectors. Results do not depend on which: nothing here is summed in another order.
pub(super) fn fast<L: Loop>(plain: L) -> L::Output {
    static ISA: OnceLock<Isa> = OnceLock::new();
    // A variable that names an instruction set wrongly is told where networks are planned.
    let isa = ISA.get_or_init(|| Isa::detect().unwrap_or_else(|_| Isa::available()[0]));
    isa.compile(plain)
}

/// What is left of a number after the point is cut off, as a byte.
#[inline(always)]
pub(super) fn cut(value: f32) -> u8 {
    value.clamp(0.0, 255.0) as i32 as u8
}

/// The nearest byte, the even one of two.
#[inline(always)]
pub(super) fn round(value: f32) -> u8 {
    value.round_ties_even().clamp(0.0, 255.0) as i32 as u8
}
