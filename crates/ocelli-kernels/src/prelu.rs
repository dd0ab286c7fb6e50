//! PReLU (He et al., 2015, arXiv:1502.01852): a learned slope for what is negative, and its gradients.
//!
//! Plain loops, which the compiler makes vectors of.

use crate::isa::{Isa, Kernel};
use crate::simd::Simd;

/// Pixels that lie one after another, and the slopes of their channels.
#[derive(Clone, Copy, Debug)]
pub struct Prelu<'a> {
    /// Floats from one pixel to the next.
    pub pixel: usize,
    /// A pixel's floats, or one for all channels.
    pub slopes: &'a [f32],
}

impl Prelu<'_> {
    fn check(&self, values: usize) {
        assert!(
            self.slopes.len() == 1 || self.slopes.len() == self.pixel,
            "as many slopes as channels, or one"
        );
        assert!(values.is_multiple_of(self.pixel), "{values} values are no pixels of {}", self.pixel);
    }
}

/// `y` is `x` where that is positive, elsewhere `x` times its channel's slope.
///
/// # Panics
/// If the slices differ in length, are no whole pixels, or the slopes no pixel's.
pub fn forward(isa: Isa, p: Prelu<'_>, x: &[f32], y: &mut [f32]) {
    p.check(x.len());
    assert_eq!(x.len(), y.len());
    isa.run(Forward { p, x, y });
}

struct Forward<'a> {
    p: Prelu<'a>,
    x: &'a [f32],
    y: &'a mut [f32],
}

impl Kernel for Forward<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        let value = |x: f32, slope: f32| if x > 0.0 { x } else { slope * x };
        if let &[slope] = self.p.slopes {
            self.y.iter_mut().zip(self.x).for_each(|(y, x)| *y = value(*x, slope));
            return;
        }
        let pixel = self.p.pixel;
        for (y, x) in self.y.chunks_exact_mut(pixel).zip(self.x.chunks_exact(pixel)) {
            y.iter_mut().zip(x).zip(self.p.slopes).for_each(|((y, x), slope)| *y = value(*x, *slope));
        }
    }
}

/// `dx`, if wanted, is the gradient of `x` from `dy`, that of the output, or is added to it if `add`; each channel's
/// gradient of its slope is added to `sums`.
///
/// # Panics
/// As [`forward`], or if there are not as many sums as a pixel has floats.
pub fn backward(
    isa: Isa,
    p: Prelu<'_>,
    (x, dy): (&[f32], &[f32]),
    dx: Option<(&mut [f32], bool)>,
    sums: &mut [f32],
) {
    p.check(x.len());
    assert!(x.len() == dy.len() && dx.as_ref().is_none_or(|(dx, _)| dx.len() == x.len()));
    assert_eq!(sums.len(), p.pixel);
    isa.run(Backward { p, x, dy, dx, sums });
}

struct Backward<'a> {
    p: Prelu<'a>,
    x: &'a [f32],
    dy: &'a [f32],
    dx: Option<(&'a mut [f32], bool)>,
    sums: &'a mut [f32],
}

impl Kernel for Backward<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        let pixel = self.p.pixel;
        let pixels = || self.x.chunks_exact(pixel).zip(self.dy.chunks_exact(pixel));
        for (x, dy) in pixels() {
            for (sum, (x, dy)) in self.sums.iter_mut().zip(x.iter().zip(dy)) {
                *sum += if *x > 0.0 { 0.0 } else { x * dy };
            }
        }
        let Some((dx, add)) = self.dx else { return };
        let gradient = |x: f32, dy: f32, slope: f32| if x > 0.0 { dy } else { slope * dy };
        for (dx, (x, dy)) in dx.chunks_exact_mut(pixel).zip(pixels()) {
            let values = dx.iter_mut().zip(x.iter().zip(dy));
            match (self.p.slopes, add) {
                (&[slope], true) => values.for_each(|(dx, (x, dy))| *dx += gradient(*x, *dy, slope)),
                (&[slope], false) => values.for_each(|(dx, (x, dy))| *dx = gradient(*x, *dy, slope)),
                (slopes, true) => {
                    values.zip(slopes).for_each(|((dx, (x, dy)), slope)| *dx += gradient(*x, *dy, *slope));
                }
                (slopes, false) => {
                    values.zip(slopes).for_each(|((dx, (x, dy)), slope)| *dx = gradient(*x, *dy, *slope));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn negative_values_have_a_slope() {
        let x: Vec<f32> = (0..64_i16).map(|i| f32::from(i - 30)).collect();
        let dy: Vec<f32> = (0..64_i16).map(|i| f32::from(i % 5) - 2.0).collect();
        let own: Vec<f32> = (0..32_u8).map(f32::from).collect();
        for (isa, slopes) in Isa::available().into_iter().flat_map(|isa| [(isa, &own[..]), (isa, &own[3..4])])
        {
            let p = Prelu { pixel: 32, slopes };
            let slope = |i: usize| if x[i] > 0.0 { 1.0 } else { slopes[i % 32 % slopes.len()] };
            let (mut y, mut dx, mut sums) = (vec![9.0; 64], vec![1.0; 64], vec![0.5; 32]);
            forward(isa, p, &x, &mut y);
            backward(isa, p, (&x, &dy), Some((&mut dx, true)), &mut sums);
            assert!((0..64).all(|i| y[i] == slope(i) * x[i] && dx[i] == 1.0 + slope(i) * dy[i]));
            let of_slope = |i: usize| if x[i] > 0.0 { 0.0 } else { x[i] * dy[i] };
            assert!((0..32).all(|c| sums[c] == 0.5 + of_slope(c) + of_slope(c + 32)));
            backward(isa, p, (&x, &dy), Some((&mut dx, false)), &mut sums);
            assert!((0..64).all(|i| dx[i] == slope(i) * dy[i]));
        }
    }
}
