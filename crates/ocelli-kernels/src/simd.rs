//! The vector type that kernels are generic over: the few operations that they need, for AVX-512,
//! AVX2 with FMA, and plain arrays.
//!
//! The `pulp` crate was measured first: on AVX-512 its generic tiles reached 93 to 97% of the same
//! tiles on this trait (109–113 against 116–117 GFLOP/s, one thread of a Zen 4 server), and its
//! portable vectors call the C library's `fmaf` for every multiply-add (0.8 GFLOP/s).

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod portable;

#[cfg(target_arch = "x86_64")]
pub(crate) use avx2::Avx2;
#[cfg(target_arch = "x86_64")]
pub(crate) use avx512::Avx512;
pub(crate) use portable::Portable;

/// A vector of `LANES` floats. A value of an implementing type proves that the CPU has it.
///
/// Pointers need no alignment. Every method is `#[inline(always)]`: it takes the features of the
/// kernel that it is inlined into.
pub(crate) trait Simd: Copy {
    /// Lanes in a vector: 4, 8 or 16, always a divisor of [`crate::BLOCK`].
    const LANES: usize;
    /// Vector registers of the CPU.
    const REGISTERS: usize;
    /// The vector.
    type V: Copy;
    /// Places in a vector, one for each lane.
    type I: Copy;

    fn splat(self, x: f32) -> Self::V;
    /// # Safety
    /// `p` is readable for `LANES` floats.
    unsafe fn load(self, p: *const f32) -> Self::V;
    /// # Safety
    /// `p` is readable for `LANES` numbers.
    unsafe fn load_index(self, p: *const u32) -> Self::I;
    /// In each lane the float of `p` at the lane's place.
    /// # Safety
    /// `p` is readable for `LANES` floats and to every place. Places are below `LANES`, or below 8 where that is more.
    unsafe fn pick(self, p: *const f32, places: Self::I) -> Self::V;
    /// Asks for the cache line at `p`, to be written to soon. Any pointer will do.
    fn prefetch_write(self, p: *const f32);
    /// # Safety
    /// `p` is writable for `LANES` floats.
    unsafe fn store(self, p: *mut f32, v: Self::V);
    /// Stores past the caches where the CPU can. Other threads see it after [`streamed`](Self::streamed).
    /// # Safety
    /// `p` is writable for `LANES` floats and aligned to a vector.
    unsafe fn stream(self, p: *mut f32, v: Self::V);
    /// Makes what was streamed visible as other stores are.
    fn streamed(self);
    fn add(self, a: Self::V, b: Self::V) -> Self::V;
    fn sub(self, a: Self::V, b: Self::V) -> Self::V;
    fn mul(self, a: Self::V, b: Self::V) -> Self::V;
    fn div(self, a: Self::V, b: Self::V) -> Self::V;
    /// `a · 2ⁿ`, where `n` are whole numbers, and both `a` and the result are normal.
    fn scale(self, a: Self::V, n: Self::V) -> Self::V;
    /// `a * b + c`, rounded once where the CPU has a fused multiply-add.
    fn fma(self, a: Self::V, b: Self::V, c: Self::V) -> Self::V;
    /// The larger lane by lane; where either is NaN, `b`.
    fn max(self, a: Self::V, b: Self::V) -> Self::V;
    /// The smaller lane by lane; where either is NaN, `b`.
    fn min(self, a: Self::V, b: Self::V) -> Self::V;
    /// `x` in the lanes where `a > b`, `y` elsewhere (NaN compares false).
    fn select_gt(self, a: Self::V, b: Self::V, x: Self::V, y: Self::V) -> Self::V;
    /// `x` in the lanes where `a == b`, `y` elsewhere.
    fn select_eq(self, a: Self::V, b: Self::V, x: Self::V, y: Self::V) -> Self::V;
    /// `x` in the lanes where `a` is NaN, `y` elsewhere.
    fn select_nan(self, a: Self::V, x: Self::V, y: Self::V) -> Self::V;
    /// Stores lanes that hold whole numbers in 0..=65535.
    /// # Safety
    /// `p` is writable for `LANES` u16.
    unsafe fn store_u16(self, p: *mut u16, v: Self::V);
    /// # Safety
    /// `p` is readable for `LANES` u16.
    unsafe fn load_u16(self, p: *const u16) -> Self::V;
}
