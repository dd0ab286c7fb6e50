//! The one-dimensional transforms of F(4, 3) and of its adjoint F(3, 4), for interpolation points
//! 0, ±¾, ±3⁄2 and ∞.
//!
//! With these points a convolution rounds one to two times as much as the direct sum; with the usual 0,
//! ±1, ±2 and ∞ seven times. Their squares and the squares' product are exact in f32.

use crate::simd::Simd;

/// Outputs of a tile along one axis.
pub(super) const OUTPUTS: usize = 4;
/// Points of a tile along one axis.
pub(super) const SIDE: usize = 6;

/// The points besides 0 and ∞, with both signs.
const P: f32 = 0.75;
const Q: f32 = 1.5;
const P2: f32 = P * P;
const Q2: f32 = Q * Q;
/// The values of `Π (pᵢ − pⱼ)` by which the weights are divided.
const AT_ZERO: f32 = P2 * Q2;
const AT_P: f32 = 2.0 * P2 * (P2 - Q2);
const AT_Q: f32 = 2.0 * Q2 * (Q2 - P2);

/// `Bᵀ d`: a window of the input.
#[inline(always)]
pub(super) fn input<S: Simd>(simd: S, d: [S::V; SIDE]) -> [S::V; SIDE] {
    let (p2, q2) = (simd.splat(-P2), simd.splat(-Q2));
    let (product, sum) = (simd.splat(P2 * Q2), simd.splat(-P2 - Q2));
    let (even_p, odd_p) = (simd.fma(q2, d[2], d[4]), simd.fma(q2, d[1], d[3]));
    let (even_q, odd_q) = (simd.fma(p2, d[2], d[4]), simd.fma(p2, d[1], d[3]));
    [
        simd.fma(sum, d[2], simd.fma(product, d[0], d[4])),
        simd.fma(simd.splat(P), odd_p, even_p),
        simd.fma(simd.splat(-P), odd_p, even_p),
        simd.fma(simd.splat(Q), odd_q, even_q),
        simd.fma(simd.splat(-Q), odd_q, even_q),
        simd.fma(sum, d[3], simd.fma(product, d[1], d[5])),
    ]
}

/// `G g`: a column of the kernel.
#[inline(always)]
pub(super) fn kernel<S: Simd>(simd: S, g: [S::V; 3]) -> [S::V; SIDE] {
    let at = |even0: f32, odd: f32, even2: f32| {
        let even = simd.fma(simd.splat(even2), g[2], simd.mul(simd.splat(even0), g[0]));
        let odd = simd.mul(simd.splat(odd), g[1]);
        (simd.add(even, odd), simd.sub(even, odd))
    };
    let (plus_p, minus_p) = at(1.0 / AT_P, P / AT_P, P2 / AT_P);
    let (plus_q, minus_q) = at(1.0 / AT_Q, Q / AT_Q, Q2 / AT_Q);
    [simd.mul(simd.splat(1.0 / AT_ZERO), g[0]), plus_p, minus_p, plus_q, minus_q, g[2]]
}

/// `Aᵀ m`: products to outputs.
#[inline(always)]
pub(super) fn output<S: Simd>(simd: S, m: [S::V; SIDE]) -> [S::V; OUTPUTS] {
    let (even_p, odd_p) = (simd.add(m[1], m[2]), simd.sub(m[1], m[2]));
    let (even_q, odd_q) = (simd.add(m[3], m[4]), simd.sub(m[3], m[4]));
    let both =
        |p: f32, of_p: S::V, q: f32, of_q: S::V| simd.fma(simd.splat(p), of_p, simd.mul(simd.splat(q), of_q));
    [
        simd.add(m[0], simd.add(even_p, even_q)),
        both(P, odd_p, Q, odd_q),
        both(P2, even_p, Q2, even_q),
        simd.add(m[5], both(P * P2, odd_p, Q * Q2, odd_q)),
    ]
}

/// `A y`, the adjoint of [`output`]: gradients of outputs to gradients of products.
#[inline(always)]
pub(super) fn output_gradient<S: Simd>(simd: S, y: [S::V; OUTPUTS]) -> [S::V; SIDE] {
    let at = |p: f32| {
        let even = simd.fma(simd.splat(p * p), y[2], y[0]);
        let odd = simd.fma(simd.splat(p * p * p), y[3], simd.mul(simd.splat(p), y[1]));
        (simd.add(even, odd), simd.sub(even, odd))
    };
    let ((plus_p, minus_p), (plus_q, minus_q)) = (at(P), at(Q));
    [y[0], plus_p, minus_p, plus_q, minus_q, y[3]]
}

/// `Gᵀ m`, the adjoint of [`kernel`]: gradients of the transformed kernel to gradients of the kernel.
#[inline(always)]
pub(super) fn kernel_gradient<S: Simd>(simd: S, m: [S::V; SIDE]) -> [S::V; 3] {
    let (even_p, odd_p) = (simd.add(m[1], m[2]), simd.sub(m[1], m[2]));
    let (even_q, odd_q) = (simd.add(m[3], m[4]), simd.sub(m[3], m[4]));
    let both = |p: f32, of_p: S::V, q: f32, of_q: S::V| {
        simd.fma(simd.splat(p / AT_P), of_p, simd.mul(simd.splat(q / AT_Q), of_q))
    };
    [
        simd.fma(simd.splat(1.0 / AT_ZERO), m[0], both(1.0, even_p, 1.0, even_q)),
        both(P, odd_p, Q, odd_q),
        simd.add(m[5], both(P2, even_p, Q2, even_q)),
    ]
}
