//! BatchNorm's statistics (Ioffe & Szegedy, 2015). Its normalisation is the affine map of an
//! [`crate::epilogue`], which also has its gradient.

use crate::isa::{Isa, Kernel};
use crate::layout::{BLOCK, Strides, channels_of};
use crate::simd::Simd;

/// The maps that BatchNorm reduces over.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Maps {
    /// Images.
    pub images: usize,
    /// Rows and columns.
    pub size: (usize, usize),
    /// Blocks of channels.
    pub blocks: usize,
}

impl Maps {
    fn is_empty(&self) -> bool {
        self.images == 0 || self.size.0 == 0 || self.size.1 == 0
    }

    fn reach(&self, strides: Strides) -> usize {
        strides.reach((self.images, self.size.0, self.size.1), channels_of(self.blocks))
    }

    /// Floats of one image's [`moments`].
    #[must_use]
    pub fn moments_len(&self) -> usize {
        3 * self.blocks * BLOCK
    }

    /// Floats of one image's [`crate::epilogue::norm_sums`].
    #[must_use]
    pub fn sums_len(&self) -> usize {
        2 * self.blocks * BLOCK
    }
}

/// For each image and channel: the mean `s` of the first row, then `Σ (x − s)`, then `Σ (x − s)²`.
/// Subtracting something near the mean keeps the variance of channels far from zero accurate.
///
/// # Panics
/// If a slice is too short.
pub fn moments(isa: Isa, m: Maps, x: &[f32], x_strides: Strides, sums: &mut [f32]) {
    if m.is_empty() {
        return;
    }
    assert!(m.reach(x_strides) <= x.len() && m.images * m.moments_len() <= sums.len(), "slices too short");
    isa.run(Moments { m, x, x_strides, sums });
}

struct Moments<'a> {
    m: Maps,
    x: &'a [f32],
    x_strides: Strides,
    sums: &'a mut [f32],
}

impl Kernel for Moments<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let (m, width) = (self.m, self.m.blocks * BLOCK);
        for n in 0..m.images {
            let out = &mut self.sums[n * m.moments_len()..][..m.moments_len()];
            for c in (0..width).step_by(S::LANES) {
                // SAFETY: `moments` bounded every pixel's channels.
                unsafe {
                    let at = |y, x| self.x.as_ptr().add(self.x_strides.at(n, y, x) + c);
                    let mut first_row = simd.splat(0.0);
                    for x in 0..m.size.1 {
                        first_row = simd.add(first_row, simd.load(at(0, x)));
                    }
                    let shift = simd.mul(first_row, simd.splat(1.0 / m.size.1 as f32));
                    // Four pairs of sums hide the latency of the additions.
                    let mut sum = [simd.splat(0.0); 4];
                    let mut square = [simd.splat(0.0); 4];
                    for y in 0..m.size.0 {
                        for first in (0..m.size.1).step_by(4) {
                            for i in 0..4 {
                                if first + i < m.size.1 {
                                    let d = simd.sub(simd.load(at(y, first + i)), shift);
                                    sum[i] = simd.add(sum[i], d);
                                    square[i] = simd.fma(d, d, square[i]);
                                }
                            }
                        }
                    }
                    let total = |v: [S::V; 4]| simd.add(simd.add(v[0], v[1]), simd.add(v[2], v[3]));
                    simd.store(out.as_mut_ptr().add(c), shift);
                    simd.store(out.as_mut_ptr().add(width + c), total(sum));
                    simd.store(out.as_mut_ptr().add(2 * width + c), total(square));
                }
            }
        }
    }
}

/// Adds up moments of parts: counts, means and sums of squared deviations (Chan, Golub & LeVeque),
/// in f64 and in the order given.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Combined {
    /// Values.
    pub count: f64,
    /// Their mean.
    pub mean: f64,
    /// The sum of their squared distances from it.
    pub deviation: f64,
}

impl Combined {
    /// Joins `count` values given as a shift, `Σ (x − shift)` and `Σ (x − shift)²`.
    pub fn push(&mut self, count: f64, shift: f32, sum: f32, square: f32) {
        let (sum, square) = (f64::from(sum), f64::from(square));
        let mean = f64::from(shift) + sum / count;
        let deviation = (square - sum * sum / count).max(0.0);
        let total = self.count + count;
        let delta = mean - self.mean;
        self.mean += delta * count / total;
        self.deviation += deviation + delta * delta * self.count * count / total;
        self.count = total;
    }
}
