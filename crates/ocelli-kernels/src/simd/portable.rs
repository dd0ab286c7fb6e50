//! 4 lanes as a plain array: the compiler makes SSE2 or NEON of it, whichever the target always has.

use super::Simd;

/// Needs nothing of the CPU.
#[derive(Clone, Copy)]
pub(crate) struct Portable;

const LANES: usize = 4;

/// Sixteen-byte alignment lets the compiler keep the array in one register.
#[derive(Clone, Copy)]
#[repr(align(16))]
pub(crate) struct F32x4([f32; LANES]);

#[inline(always)]
fn map2(a: F32x4, b: F32x4, f: impl Fn(f32, f32) -> f32) -> F32x4 {
    F32x4(std::array::from_fn(|i| f(a.0[i], b.0[i])))
}

#[inline(always)]
fn select(x: F32x4, y: F32x4, f: impl Fn(usize) -> bool) -> F32x4 {
    F32x4(std::array::from_fn(|i| if f(i) { x.0[i] } else { y.0[i] }))
}

/// `mul_add` is one instruction only where the target always has it; elsewhere it would call the C
/// library's software version.
#[inline(always)]
fn multiply_add(a: f32, b: f32, c: f32) -> f32 {
    if cfg!(any(target_arch = "aarch64", target_feature = "fma")) { a.mul_add(b, c) } else { a * b + c }
}

impl Simd for Portable {
    const LANES: usize = LANES;
    const REGISTERS: usize = if cfg!(target_arch = "aarch64") { 32 } else { 16 };
    type V = F32x4;
    type I = [u32; LANES];

    #[inline(always)]
    fn splat(self, x: f32) -> F32x4 {
        F32x4([x; LANES])
    }
    #[inline(always)]
    unsafe fn load(self, p: *const f32) -> F32x4 {
        // SAFETY: the caller's promise about the pointer.
        F32x4(unsafe { p.cast::<[f32; LANES]>().read_unaligned() })
    }
    #[inline(always)]
    unsafe fn load_index(self, p: *const u32) -> [u32; LANES] {
        // SAFETY: the caller's promise about the pointer.
        unsafe { p.cast::<[u32; LANES]>().read_unaligned() }
    }
    #[inline(always)]
    unsafe fn pick(self, p: *const f32, places: [u32; LANES]) -> F32x4 {
        // SAFETY: the caller's promise about the pointer and the places.
        F32x4(std::array::from_fn(|lane| unsafe { *p.add(places[lane] as usize) }))
    }
    #[inline(always)]
    fn prefetch_write(self, _: *const f32) {}
    #[inline(always)]
    unsafe fn store(self, p: *mut f32, v: F32x4) {
        // SAFETY: the caller's promise about the pointer.
        unsafe { p.cast::<[f32; LANES]>().write_unaligned(v.0) }
    }
    #[inline(always)]
    unsafe fn stream(self, p: *mut f32, v: F32x4) {
        // SAFETY: the caller's promise about the pointer.
        unsafe { self.store(p, v) }
    }
    #[inline(always)]
    fn streamed(self) {}
    #[inline(always)]
    fn add(self, a: F32x4, b: F32x4) -> F32x4 {
        map2(a, b, |a, b| a + b)
    }
    #[inline(always)]
    fn sub(self, a: F32x4, b: F32x4) -> F32x4 {
        map2(a, b, |a, b| a - b)
    }
    #[inline(always)]
    fn mul(self, a: F32x4, b: F32x4) -> F32x4 {
        map2(a, b, |a, b| a * b)
    }
    #[inline(always)]
    fn div(self, a: F32x4, b: F32x4) -> F32x4 {
        map2(a, b, |a, b| a / b)
    }
    #[inline(always)]
    fn scale(self, a: F32x4, n: F32x4) -> F32x4 {
        map2(a, n, |a, n| f32::from_bits(a.to_bits().wrapping_add(((n as i32) << 23) as u32)))
    }
    #[inline(always)]
    fn fma(self, a: F32x4, b: F32x4, c: F32x4) -> F32x4 {
        F32x4(std::array::from_fn(|i| multiply_add(a.0[i], b.0[i], c.0[i])))
    }
    #[inline(always)]
    fn max(self, a: F32x4, b: F32x4) -> F32x4 {
        map2(a, b, |a, b| if a > b { a } else { b })
    }
    #[inline(always)]
    fn min(self, a: F32x4, b: F32x4) -> F32x4 {
        map2(a, b, |a, b| if a < b { a } else { b })
    }
    #[inline(always)]
    fn select_gt(self, a: F32x4, b: F32x4, x: F32x4, y: F32x4) -> F32x4 {
        select(x, y, |i| a.0[i] > b.0[i])
    }
    #[inline(always)]
    fn select_eq(self, a: F32x4, b: F32x4, x: F32x4, y: F32x4) -> F32x4 {
        select(x, y, |i| a.0[i] == b.0[i])
    }
    #[inline(always)]
    fn select_nan(self, a: F32x4, x: F32x4, y: F32x4) -> F32x4 {
        select(x, y, |i| a.0[i].is_nan())
    }
    #[inline(always)]
    unsafe fn store_u16(self, p: *mut u16, v: F32x4) {
        // SAFETY: the caller's promise about the pointer.
        unsafe { p.cast::<[u16; LANES]>().write_unaligned(v.0.map(|x| x as u16)) }
    }
    #[inline(always)]
    unsafe fn load_u16(self, p: *const u16) -> F32x4 {
        // SAFETY: the caller's promise about the pointer.
        F32x4(unsafe { p.cast::<[u16; LANES]>().read_unaligned() }.map(f32::from))
    }
}
