//! A factor for each channel, and its gradients.
//!
//! Plain loops, which the compiler makes vectors of.

use crate::isa::{Isa, Kernel};
use crate::simd::Simd;

/// `y` is `x`, pixels of as many floats as `scale` has, each channel times its factor.
///
/// # Panics
/// If the slices differ in length or are no whole pixels.
pub fn forward(isa: Isa, scale: &[f32], x: &[f32], y: &mut [f32]) {
    check(scale, x.len());
    assert_eq!(x.len(), y.len());
    isa.run(Forward { scale, x, y });
}

fn check(scale: &[f32], values: usize) {
    assert!(values.is_multiple_of(scale.len()), "{values} values are no pixels of {}", scale.len());
}

struct Forward<'a> {
    scale: &'a [f32],
    x: &'a [f32],
    y: &'a mut [f32],
}

impl Kernel for Forward<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        let pixel = self.scale.len();
        for (y, x) in self.y.chunks_exact_mut(pixel).zip(self.x.chunks_exact(pixel)) {
            for ((y, x), s) in y.iter_mut().zip(x).zip(self.scale) {
                *y = x * s;
            }
        }
    }
}

/// `dx`, if wanted, is the gradient of `x` from `dy`, that of the output, or is added to it if `add`; the factors'
/// gradients are added to `sums`.
///
/// # Panics
/// As [`forward`], or if there are not as many sums as factors.
pub fn backward(
    isa: Isa,
    scale: &[f32],
    (x, dy): (&[f32], &[f32]),
    dx: Option<(&mut [f32], bool)>,
    sums: &mut [f32],
) {
    check(scale, x.len());
    assert!(x.len() == dy.len() && dx.as_ref().is_none_or(|(dx, _)| dx.len() == x.len()));
    assert_eq!(sums.len(), scale.len());
    isa.run(Backward { scale, x, dy, dx, sums });
}

struct Backward<'a> {
    scale: &'a [f32],
    x: &'a [f32],
    dy: &'a [f32],
    dx: Option<(&'a mut [f32], bool)>,
    sums: &'a mut [f32],
}

impl Kernel for Backward<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        let pixel = self.scale.len();
        for (x, dy) in self.x.chunks_exact(pixel).zip(self.dy.chunks_exact(pixel)) {
            for ((sum, x), dy) in self.sums.iter_mut().zip(x).zip(dy) {
                *sum += x * dy;
            }
        }
        let Some((dx, add)) = self.dx else { return };
        for (dx, dy) in dx.chunks_exact_mut(pixel).zip(self.dy.chunks_exact(pixel)) {
            let triples = dx.iter_mut().zip(dy.iter().zip(self.scale));
            if add {
                triples.for_each(|(dx, (dy, s))| *dx += dy * s);
            } else {
                triples.for_each(|(dx, (dy, s))| *dx = dy * s);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scales_and_sums() {
        let scale: Vec<f32> = (0..32_u8).map(f32::from).collect();
        let (x, dy) = (vec![2.0; 64], vec![3.0; 64]);
        for isa in Isa::available() {
            let (mut y, mut dx, mut sums) = (vec![9.0; 64], vec![1.0; 64], vec![0.5; 32]);
            forward(isa, &scale, &x, &mut y);
            backward(isa, &scale, (&x, &dy), Some((&mut dx, true)), &mut sums);
            assert!((0..64).all(|i| y[i] == 2.0 * scale[i % 32] && dx[i] == 1.0 + 3.0 * scale[i % 32]));
            assert!(sums.iter().all(|&sum| sum == 12.5));
            backward(isa, &scale, (&x, &dy), Some((&mut dx, false)), &mut sums);
            assert!((0..64).all(|i| dx[i] == 3.0 * scale[i % 32]));
            backward(isa, &scale, (&x, &dy), None, &mut sums);
            assert!(sums.iter().all(|&sum| sum == 36.5));
        }
    }
}
