//! What functions keep between images.

use std::sync::OnceLock;

pub(super) use ocelli_kernels::bytes::truncate as cut;
use ocelli_kernels::{Isa, Loop, bytes};

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
    isa().compile(plain)
}

/// The instruction set that [`fast`] uses.
pub(in crate::transforms) fn isa() -> Isa {
    static ISA: OnceLock<Isa> = OnceLock::new();
    // A variable that names an instruction set wrongly is told where networks are planned.
    *ISA.get_or_init(|| Isa::detect().unwrap_or_else(|_| Isa::available()[0]))
}

/// Replaces every byte by what `change` makes of it.
pub(super) fn each_byte<F: Fn(u8) -> u8>(bytes: &mut [u8], change: F) {
    if bytes::looks_up_vectors(isa()) {
        let table = fast(Changed { change });
        return bytes::look_up(isa(), &table, bytes);
    }
    fast(Each { bytes, change });
}

struct Each<'a, F> {
    bytes: &'a mut [u8],
    change: F,
}

impl<F: Fn(u8) -> u8> Loop for Each<'_, F> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        for byte in self.bytes {
            *byte = (self.change)(*byte);
        }
    }
}

/// What every byte is changed to.
struct Changed<F> {
    change: F,
}

impl<F: Fn(u8) -> u8> Loop for Changed<F> {
    type Output = [u8; 256];

    #[inline(always)]
    fn run(self) -> [u8; 256] {
        std::array::from_fn(|byte| (self.change)(byte as u8))
    }
}

/// Adding this to a number of 0..2²² rounds it to the nearest whole one, the even one of two, which then lies in the lowest bits.
/// Casts to whole numbers, which must mind infinities, are not made vectors of.
const SHIFT: f32 = 8_388_608.0;

/// What is left of a number of 0..2²² after the point is cut off.
#[inline(always)]
pub(super) fn whole(value: f32) -> f32 {
    let nearest = (value + SHIFT) - SHIFT;
    if nearest > value { nearest - 1.0 } else { nearest }
}

/// The nearest byte, the even one of two.
#[inline(always)]
pub(super) fn round(value: f32) -> u8 {
    (value.clamp(0.0, 255.0) + SHIFT).to_bits() as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_what_casts_make() {
        for i in -2_000..20_000i32 {
            for value in [i as f32 / 64.0, (i as f32 / 64.0).next_up(), (i as f32 / 64.0).next_down()] {
                assert_eq!(round(value), value.clamp(0.0, 255.0).round_ties_even() as u8, "{value}");
            }
        }
        assert_eq!(round(f32::INFINITY), 255);
    }
}
