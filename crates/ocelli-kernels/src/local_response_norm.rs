//! Local response normalisation over channels (Krizhevsky et al., 2012), and its gradient.
//!
//! Plain loops, which the compiler makes vectors of.

use crate::isa::{Isa, Kernel};
use crate::simd::Simd;

/// `y = x / (k + alpha · mean of x² over the window)^beta`, the window being `size` channels around each; what would
/// lie outside counts as zeros.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct LocalResponseNorm {
    /// Channels of the window.
    pub size: usize,
    /// The factor of the mean.
    pub alpha: f32,
    /// The exponent.
    pub beta: f32,
    /// What is added to the mean.
    pub k: f32,
    /// Channels that mean something.
    pub channels: usize,
    /// Floats from one pixel to the next: the channels, and zeros up to whole blocks.
    pub pixel: usize,
}

impl LocalResponseNorm {
    fn check(&self, values: usize) {
        assert!(self.size > 0 && self.channels > 0 && self.channels <= self.pixel, "a window and channels");
        assert!(values.is_multiple_of(self.pixel), "{values} values are no pixels of {}", self.pixel);
    }

    /// Channels of the window before and after its own that may be there.
    fn reach(&self) -> (usize, usize) {
        let most = self.channels - 1;
        ((self.size / 2).min(most), ((self.size - 1) / 2).min(most))
    }

    /// Floats that [`forward`] and [`backward`] work in.
    #[must_use]
    pub fn scratch_len(&self) -> usize {
        4 * self.channels
    }

    /// `bases` becomes `k + alpha · mean` of each channel, `squares` what it is of.
    #[inline(always)]
    fn bases(&self, x: &[f32], squares: &mut [f32], bases: &mut [f32]) {
        squares.iter_mut().zip(x).for_each(|(square, x)| *square = x * x);
        window_sums(squares, self.reach(), bases);
        let factor = self.alpha / self.size as f32;
        bases.iter_mut().for_each(|base| *base = self.k + factor * *base);
    }

    /// `base` to the power −beta.
    #[inline(always)]
    fn power(&self, base: f32) -> f32 {
        // The usual exponent needs no logarithm.
        if self.beta == 0.75 {
            let root = base.sqrt();
            return 1.0 / (root * root.sqrt());
        }
        base.powf(-self.beta)
    }
}

/// `sums[c]` is the sum of `values[c - before..=c + after]`, as far as they are there.
#[inline(always)]
fn window_sums(values: &[f32], (before, after): (usize, usize), sums: &mut [f32]) {
    sums.copy_from_slice(values);
    let count = values.len();
    for offset in 1..=before {
        sums[offset..].iter_mut().zip(&values[..count - offset]).for_each(|(sum, value)| *sum += value);
    }
    for offset in 1..=after {
        sums[..count - offset].iter_mut().zip(&values[offset..]).for_each(|(sum, value)| *sum += value);
    }
}

/// `y` is the pixels of `x`, normalised.
///
/// # Panics
/// If the slices differ in length, are no whole pixels, or `scratch` is too short.
pub fn forward(isa: Isa, n: &LocalResponseNorm, x: &[f32], y: &mut [f32], scratch: &mut [f32]) {
    n.check(x.len());
    assert_eq!(x.len(), y.len());
    isa.run(Forward { n, x, y, scratch: &mut scratch[..n.scratch_len()] });
}

struct Forward<'a> {
    n: &'a LocalResponseNorm,
    x: &'a [f32],
    y: &'a mut [f32],
    scratch: &'a mut [f32],
}

impl Kernel for Forward<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        let (n, channels) = (self.n, self.n.channels);
        let (squares, rest) = self.scratch.split_at_mut(channels);
        let bases = &mut rest[..channels];
        for (y, x) in self.y.chunks_exact_mut(n.pixel).zip(self.x.chunks_exact(n.pixel)) {
            let (y, padding) = y.split_at_mut(channels);
            n.bases(&x[..channels], squares, bases);
            y.iter_mut().zip(x).zip(&*bases).for_each(|((y, x), base)| *y = x * n.power(*base));
            padding.fill(0.0);
        }
    }
}

/// Adds to `dx` the gradient of `x` from `dy`, that of the output.
///
/// # Panics
/// As [`forward`].
pub fn backward(
    isa: Isa,
    n: &LocalResponseNorm,
    (x, dy): (&[f32], &[f32]),
    dx: &mut [f32],
    scratch: &mut [f32],
) {
    n.check(x.len());
    assert!(x.len() == dy.len() && x.len() == dx.len());
    isa.run(Backward { n, x, dy, dx, scratch: &mut scratch[..n.scratch_len()] });
}

struct Backward<'a> {
    n: &'a LocalResponseNorm,
    x: &'a [f32],
    dy: &'a [f32],
    dx: &'a mut [f32],
    scratch: &'a mut [f32],
}

impl Kernel for Backward<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        let (n, channels) = (self.n, self.n.channels);
        let (squares, rest) = self.scratch.split_at_mut(channels);
        let (bases, rest) = rest.split_at_mut(channels);
        let (shares, windows) = rest.split_at_mut(channels);
        let (before, after) = n.reach();
        let factor = 2.0 * n.alpha * n.beta / n.size as f32;
        let pixels = self.x.chunks_exact(n.pixel).zip(self.dy.chunks_exact(n.pixel));
        for (dx, (x, dy)) in self.dx.chunks_exact_mut(n.pixel).zip(pixels) {
            let (x, dy, dx) = (&x[..channels], &dy[..channels], &mut dx[..channels]);
            n.bases(x, squares, bases);
            for ((share, base), (x, dy)) in shares.iter_mut().zip(&*bases).zip(x.iter().zip(dy)) {
                *share = dy * x * n.power(*base) / base;
            }
            // A channel is in the windows of those that reach it: the window turned around.
            window_sums(shares, (after, before), windows);
            let of_others = windows.iter().zip(&*bases);
            for ((dx, (x, dy)), (window, base)) in dx.iter_mut().zip(x.iter().zip(dy)).zip(of_others) {
                *dx += dy * n.power(*base) - factor * x * window;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layout::padded;
    use crate::random::Stream;

    fn exact(n: &LocalResponseNorm, x: &[f64]) -> Vec<f64> {
        let value = |c: usize| {
            let (first, end) = (c.saturating_sub(n.size / 2), (c + n.size.div_ceil(2)).min(x.len()));
            let sum: f64 = x[first..end].iter().map(|v| v * v).sum();
            let base = f64::from(n.k) + f64::from(n.alpha) * sum / n.size as f64;
            x[c] / base.powf(f64::from(n.beta))
        };
        (0..x.len()).map(value).collect()
    }

    fn check(n: &LocalResponseNorm) {
        let mut stream = Stream::new(n.channels as u64, n.size as u64, 0, 0);
        let mut pixel = || {
            let mut values = vec![0.0; n.pixel];
            values[..n.channels].iter_mut().for_each(|v| *v = stream.normal());
            values
        };
        let (x, dy) = (pixel(), pixel());
        let wide: Vec<f64> = x[..n.channels].iter().map(|&v| f64::from(v)).collect();
        let loss = |x: &[f64]| -> f64 { exact(n, x).iter().zip(&dy).map(|(y, d)| y * f64::from(*d)).sum() };
        for isa in Isa::available() {
            let (mut y, mut dx) = (vec![9.0; n.pixel], vec![1.0; n.pixel]);
            let mut scratch = vec![9.0; n.scratch_len()];
            forward(isa, n, &x, &mut y, &mut scratch);
            backward(isa, n, (&x, &dy), &mut dx, &mut scratch);
            for (c, expected) in exact(n, &wide).into_iter().enumerate() {
                assert!((f64::from(y[c]) - expected).abs() < 1e-5 * (1.0 + expected.abs()), "{n:?}");
                let moved = |step: f64| {
                    let mut x = wide.clone();
                    x[c] += step;
                    loss(&x)
                };
                let slope = (moved(1e-5) - moved(-1e-5)) / 2e-5;
                let got = f64::from(dx[c]) - 1.0;
                assert!((got - slope).abs() < 1e-4 * (1.0 + slope.abs()), "{got} is not {slope}: {n:?}");
            }
            assert!(y[n.channels..].iter().all(|&v| v == 0.0) && dx[n.channels..].iter().all(|&v| v == 1.0));
        }
    }

    #[test]
    fn is_the_definition() {
        for (size, channels) in [(5, 16), (4, 17), (1, 3), (2, 1), (3, 33), (100, 17)] {
            for (alpha, beta, k) in [(0.5, 0.75, 1.0), (2.0, 0.4, 2.0), (1e-4, 1.0, 0.5)] {
                check(&LocalResponseNorm { size, alpha, beta, k, channels, pixel: padded(channels) });
            }
        }
    }
}
