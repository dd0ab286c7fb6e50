//! Kernels between packed weights and the space of products.

use super::transform::{self, SIDE};
use super::{POINTS, Winograd};
use crate::isa::Kernel;
use crate::layout::{BLOCK, padded};
use crate::simd::Simd;

impl Winograd {
    /// Calls `each` with the place of the first of sixteen outputs' weights of an input channel: in
    /// packed weights, and in transformed ones.
    #[inline(always)]
    fn weights<S: Simd>(&self, mut each: impl FnMut(usize, usize)) {
        let channels = self.conv.x.pixel;
        for block in 0..padded(self.conv.y.channels) / BLOCK {
            for i in 0..channels {
                for lane in (0..BLOCK).step_by(S::LANES) {
                    let packed = (block * 3 * self.conv.run() + i) * BLOCK + lane;
                    each(packed, (block * channels + i) * BLOCK + lane);
                }
            }
        }
    }

    /// Floats from a kernel's row and column to the next in packed weights.
    fn packed_steps(&self) -> (usize, usize) {
        (self.conv.run() * BLOCK, self.conv.x.pixel * BLOCK)
    }

    /// Floats from a point to the next in transformed weights.
    pub(super) fn point_weights(&self) -> usize {
        self.conv.x.pixel * padded(self.conv.y.channels)
    }
}

/// Packed weights to `G g Gᵀ`.
pub(super) struct Transform<'a> {
    pub(super) w: &'a Winograd,
    pub(super) packed: &'a [f32],
    pub(super) transformed: &'a mut [f32],
}

impl Kernel for Transform<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let ((row, column), point) = (self.w.packed_steps(), self.w.point_weights());
        assert!(self.packed.len() >= self.w.conv.weights_len(), "too few weights");
        assert!(self.transformed.len() >= self.w.weights_len(), "too few transformed weights");
        self.w.weights::<S>(|from, to| {
            // SAFETY: the assertions above bound both slices.
            unsafe {
                let (from, to) = (self.packed.as_ptr().add(from), self.transformed.as_mut_ptr().add(to));
                let mut half = [[simd.splat(0.0); 3]; SIDE];
                for x in 0..3 {
                    let g = std::array::from_fn(|y| simd.load(from.add(y * row + x * column)));
                    let g = transform::kernel(simd, g);
                    for y in 0..SIDE {
                        half[y][x] = g[y];
                    }
                }
                for y in 0..SIDE {
                    let g = transform::kernel(simd, half[y]);
                    for x in 0..SIDE {
                        simd.store(to.add((y * SIDE + x) * point), g[x]);
                    }
                }
            }
        });
    }
}

/// The gradient of transformed weights to that of packed ones.
pub(super) struct TransformGradient<'a> {
    pub(super) w: &'a Winograd,
    pub(super) transformed: &'a [f32],
    pub(super) packed: &'a mut [f32],
}

impl Kernel for TransformGradient<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let ((row, column), point) = (self.w.packed_steps(), self.w.point_weights());
        assert!(self.packed.len() >= self.w.conv.weights_len(), "too few weights");
        assert!(self.transformed.len() >= POINTS * point, "too few transformed weights");
        self.w.weights::<S>(|to, from| {
            // SAFETY: the assertions above bound both slices.
            unsafe {
                let (from, to) = (self.transformed.as_ptr().add(from), self.packed.as_mut_ptr().add(to));
                let mut half = [[simd.splat(0.0); SIDE]; 3];
                for x in 0..SIDE {
                    let m = std::array::from_fn(|y| simd.load(from.add((y * SIDE + x) * point)));
                    let m = transform::kernel_gradient(simd, m);
                    for y in 0..3 {
                        half[y][x] = m[y];
                    }
                }
                for y in 0..3 {
                    let g = transform::kernel_gradient(simd, half[y]);
                    for x in 0..3 {
                        simd.store(to.add(y * row + x * column), g[x]);
                    }
                }
            }
        });
    }
}
