//! Products of two maps, value by value or channel by channel, and their gradients.

use crate::isa::{Isa, Kernel};
use crate::layout::BLOCK;
use crate::simd::Simd;

/// `y = a · b`, or `y += a · b` if `add`, value by value. A `b` that is shorter repeats: one pixel of factors
/// weighs the channels of every pixel of `a`.
///
/// # Panics
/// If `a` and `y` differ in length, or `b` is no whole blocks or does not divide them.
pub fn product(isa: Isa, a: &[f32], b: &[f32], y: &mut [f32], add: bool) {
    check(a, b.len());
    assert_eq!(a.len(), y.len(), "values and products");
    isa.run(Product { a, b, y, add });
}

fn check(a: &[f32], repeat: usize) {
    assert!(
        repeat > 0 && repeat.is_multiple_of(BLOCK) && a.len().is_multiple_of(repeat),
        "{repeat} factors for {} values",
        a.len()
    );
}

struct Product<'a> {
    a: &'a [f32],
    b: &'a [f32],
    y: &'a mut [f32],
    add: bool,
}

impl Kernel for Product<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let len = self.b.len();
        for (a, y) in self.a.chunks_exact(len).zip(self.y.chunks_exact_mut(len)) {
            for i in (0..len).step_by(S::LANES) {
                // SAFETY: `a`, `b` and `y` are `len` floats long, which is whole blocks.
                unsafe {
                    let (a, b) = (simd.load(a.as_ptr().add(i)), simd.load(self.b.as_ptr().add(i)));
                    let target = y.as_mut_ptr().add(i);
                    let v = if self.add { simd.fma(a, b, simd.load(target)) } else { simd.mul(a, b) };
                    simd.store(target, v);
                }
            }
        }
    }
}

/// Adds to each of `sums` the products of `a` and `b` at its place and at every `sums.len()` after it: the gradient
/// of factors that [`product`] repeats.
///
/// # Panics
/// If `a` and `b` differ in length, or `sums` is no whole blocks or does not divide them.
pub fn add_products(isa: Isa, a: &[f32], b: &[f32], sums: &mut [f32]) {
    check(a, sums.len());
    assert_eq!(a.len(), b.len(), "values of the two factors");
    isa.run(Sums { a, b, sums });
}

struct Sums<'a> {
    a: &'a [f32],
    b: &'a [f32],
    sums: &'a mut [f32],
}

impl Kernel for Sums<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let len = self.sums.len();
        for i in (0..len).step_by(S::LANES) {
            // SAFETY: `a` and `b` are a whole number of times `len` floats long, which is whole blocks.
            unsafe {
                let target = self.sums.as_mut_ptr().add(i);
                let mut sum = simd.load(target);
                for at in (i..self.a.len()).step_by(len) {
                    let (a, b) = (simd.load(self.a.as_ptr().add(at)), simd.load(self.b.as_ptr().add(at)));
                    sum = simd.fma(a, b, sum);
                }
                simd.store(target, sum);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use super::*;
    use crate::random::Stream;

    #[test]
    fn products_and_sums_are_those_of_f64() {
        let mut random = Stream::new(1, 0, 0, 0);
        for isa in Isa::available() {
            for (len, repeat) in [(16, 16), (48, 16), (7 * 48, 48), (64, 64)] {
                let mut noise = |len: usize| (0..len).map(|_| random.normal()).collect::<Vec<f32>>();
                let (a, b, before) = (noise(len), noise(repeat), noise(len));
                let close = |got: f32, expected: f64| (f64::from(got) - expected).abs() < 1e-5;
                for add in [false, true] {
                    let mut y = before.clone();
                    product(isa, &a, &b, &mut y, add);
                    let right = |i: usize| {
                        let there = if add { f64::from(before[i]) } else { 0.0 };
                        close(y[i], f64::from(a[i]) * f64::from(b[i % repeat]) + there)
                    };
                    assert!((0..len).all(right), "{} of {len}", isa.name());
                }
                let mut sums = b.clone();
                add_products(isa, &a, &before, &mut sums);
                let right = |c: usize| {
                    let product = |i: usize| f64::from(a[i]) * f64::from(before[i]);
                    close(sums[c], f64::from(b[c]) + (c..len).step_by(repeat).map(product).sum::<f64>())
                };
                assert!((0..repeat).all(right), "{} of {len}", isa.name());
            }
        }
    }

    #[test]
    fn lengths_that_do_not_fit_are_refused() {
        let isa = Isa::available()[0];
        for (a, b, y) in [(16, 0, 16), (16, 8, 16), (48, 32, 48), (32, 16, 16), (16, 32, 16)] {
            let (a, b, mut y) = (vec![0.0; a], vec![0.0; b], vec![0.0; y]);
            let refused = catch_unwind(AssertUnwindSafe(|| product(isa, &a, &b, &mut y, false)));
            assert!(refused.is_err(), "{} {} {}", a.len(), b.len(), y.len());
        }
        for (a, b, sums) in [(32, 16, 16), (16, 32, 16), (48, 48, 32), (16, 16, 0)] {
            let (a, b, mut sums) = (vec![0.0; a], vec![0.0; b], vec![0.0; sums]);
            assert!(catch_unwind(AssertUnwindSafe(|| add_products(isa, &a, &b, &mut sums))).is_err());
        }
    }
}
