//! Copies that leave the caches alone.

use crate::isa::{Isa, Kernel};
use crate::simd::Simd;

/// Copies `from` to `to` past the caches: for what is read only after much else. A usual copy first brings in what it overwrites, and
/// then drives out what is still needed.
///
/// # Panics
/// If the lengths differ.
pub fn copy(isa: Isa, from: &[f32], to: &mut [f32]) {
    assert_eq!(from.len(), to.len(), "numbers that are copied");
    isa.run(Copy { from, to });
}

struct Copy<'a> {
    from: &'a [f32],
    to: &'a mut [f32],
}

impl Kernel for Copy<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        // Whole cache lines go out as they are; at both ends are parts of lines.
        let head = self.to.as_ptr().align_offset(LINE * size_of::<f32>()).min(self.to.len());
        let (first, to) = self.to.split_at_mut(head);
        let (first_from, from) = self.from.split_at(head);
        first.copy_from_slice(first_from);
        let (lines, rest) = to.as_chunks_mut::<LINE>();
        let (from_lines, from_rest) = from.as_chunks::<LINE>();
        for (to, from) in lines.iter_mut().zip(from_lines) {
            for at in (0..LINE).step_by(S::LANES) {
                // SAFETY: a line holds whole vectors, and lines of `to` begin where cache lines do.
                unsafe { simd.stream(to.as_mut_ptr().add(at), simd.load(from.as_ptr().add(at))) };
            }
        }
        rest.copy_from_slice(from_rest);
        // Other threads must see it all.
        simd.streamed();
    }
}

/// Floats of a cache line.
const LINE: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_are_whole_wherever_they_begin() {
        for isa in Isa::available() {
            for (start, len) in [(0, 0), (0, 16), (1, 3), (3, 14), (5, 300), (16, 1000)] {
                let from: Vec<f32> = (0..len).map(|i| i as f32 + 0.5).collect();
                let mut to = vec![-1.0; start + len + 1];
                copy(isa, &from, &mut to[start..start + len]);
                assert_eq!(to[start..start + len], from, "{}", isa.name());
                assert!(to[..start].iter().chain(&to[start + len..]).all(|value| *value == -1.0));
            }
        }
    }
}
