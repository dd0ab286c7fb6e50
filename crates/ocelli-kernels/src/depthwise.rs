//! Depthwise convolution: each channel with a kernel of its own. Vectors hold channels, so both
//! operands are vectors, and an output is as many multiply-adds as the kernel has taps.
//!
//! Geometry is that of a [`Sweep`] whose run is 1: an input vector and a weight vector for each tap.
//! Weights are packed as `[block][row][column][16]`.

use crate::isa::{Isa, Kernel};
use crate::layout::{BLOCK, channels_of};
use crate::simd::Simd;
use crate::sweep::{Addend, Finish, Sweep};

/// Runs a depthwise sweep: `y = relu?(bias + addend + taps · x)`, channel by channel. The sweep's border
/// is not looked at: taps outside the map read the zeros of its halo.
///
/// # Panics
/// If a slice is too short for what the sweep reads or writes.
pub fn depthwise(isa: Isa, s: &Sweep, x: &[f32], w: &[f32], finish: Finish<'_>, y: &mut [f32]) {
    if s.images == 0 || s.rows == 0 || s.columns == 0 || s.blocks == 0 {
        return;
    }
    let width = channels_of(s.blocks);
    check(s, x.len(), w.len());
    assert!(s.reach(s.y, width) <= y.len(), "a depthwise sweep writes past {} values", y.len());
    assert!(finish.bias.is_none_or(|b| b.len() >= width), "a depthwise sweep needs {width} bias values");
    if let Addend::Map(map, strides) = finish.addend {
        assert!(s.reach(strides, width) <= map.len(), "a depthwise sweep adds past {} values", map.len());
    }
    isa.run(Forward { s, x: x.as_ptr(), w: w.as_ptr(), finish, y: y.as_mut_ptr() });
}

/// # Panics
/// If input or weights are too short.
fn check(s: &Sweep, x: usize, w: usize) {
    assert_eq!(s.taps.run, 1, "a depthwise sweep reads one vector for each tap");
    let window = s.window().checked_add(channels_of(s.blocks) - 1).expect("a window that fits memory");
    assert!(s.reach(s.x, window) <= x, "a depthwise sweep reads past {x} input values");
    assert!(s.weights() <= w, "a depthwise sweep needs more than {w} weights");
}

struct Forward<'a> {
    s: &'a Sweep,
    x: *const f32,
    w: *const f32,
    finish: Finish<'a>,
    y: *mut f32,
}

impl Kernel for Forward<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let s = self.s;
        // All channels of a row before the next row: pixels are read in the order of memory, however many
        // channels they have.
        for n in 0..s.images {
            for row in 0..s.rows {
                for c in (0..s.blocks * BLOCK).step_by(S::LANES) {
                    let mut column = 0;
                    while column < s.columns {
                        let length = (s.columns - column).min(longest::<S>());
                        self.tile(simd, (n, row, column), length, c);
                        column += length;
                    }
                }
            }
        }
    }
}

/// Outputs whose sums, with a vector of weights and one of inputs, fit registers.
#[inline(always)]
fn longest<S: Simd>() -> usize {
    if S::REGISTERS > 16 { 14 } else { 7 }
}

impl Forward<'_> {
    #[inline(always)]
    fn tile<S: Simd>(&self, simd: S, (n, row, column): (usize, usize, usize), length: usize, c: usize) {
        macro_rules! tiles {
            ($($t:literal)*) => {
                match length {
                    // SAFETY: `depthwise` bounded every output, its window and its channels.
                    $($t => unsafe { self.outputs::<S, $t>(simd, (n, row, column), c) },)*
                    _ => unreachable!("a tile of {length} outputs"),
                }
            };
        }
        if S::REGISTERS > 16 { tiles!(1 2 3 4 5 6 7 8 9 10 11 12 13 14) } else { tiles!(1 2 3 4 5 6 7) }
    }

    /// # Safety
    /// `T` outputs from the one given are in a row of the sweep's, and `c` is one of its channels.
    #[inline(always)]
    unsafe fn outputs<S: Simd, const T: usize>(
        &self,
        simd: S,
        (n, row, column): (usize, usize, usize),
        c: usize,
    ) {
        let (s, taps) = (self.s, self.s.taps);
        // SAFETY: the caller's promise covers every pointer below.
        unsafe {
            let bias = self.finish.bias.map_or(simd.splat(0.0), |b| simd.load(b.as_ptr().add(c)));
            let mut acc = [bias; T];
            let y = self.y.add(s.y.at(n, row, column) + c);
            // The outputs come to the cache while their sums are made.
            for t in 0..T {
                simd.prefetch_write(y.add(t * s.y.pixel));
            }
            let add = match self.finish.addend {
                Addend::None => None,
                Addend::Output => Some((y.cast_const(), s.y.pixel)),
                Addend::Map(map, strides) => {
                    Some((map.as_ptr().add(strides.at(n, row, column) + c), strides.pixel))
                }
            };
            if let Some((add, step)) = add {
                for t in 0..T {
                    acc[t] = simd.add(acc[t], simd.load(add.add(t * step)));
                }
            }
            let x = self.x.add(s.x.at(n, row, column) + c);
            let mut w = self.w.add(c / BLOCK * taps.block_len() + c % BLOCK);
            for tap_row in 0..taps.rows {
                let mut x = x.add(tap_row * taps.row_stride);
                for _ in 0..taps.columns {
                    let weight = simd.load(w);
                    for t in 0..T {
                        acc[t] = simd.fma(simd.load(x.add(t * s.x.pixel)), weight, acc[t]);
                    }
                    // The step past the last column is not read through.
                    x = x.wrapping_add(taps.column_stride);
                    w = w.wrapping_add(BLOCK);
                }
            }
            if let Some(relu) = self.finish.relu {
                let (floor, ceiling) = (simd.splat(0.0), simd.splat(relu.ceiling));
                for t in 0..T {
                    // `max` and `min` return their second operand for NaN, which must not be hidden.
                    acc[t] = simd.min(ceiling, simd.max(floor, acc[t]));
                }
            }
            for t in 0..T {
                simd.store(y.add(t * s.y.pixel), acc[t]);
            }
        }
    }
}

/// Writes to `dw`, packed as the weights of the depthwise sweep `s` are, `Σ x · g` over all its outputs,
/// where `g` is the gradient of its output, laid out as `s.y` says.
///
/// # Panics
/// If a slice is too short for what the sweep reads or writes.
pub fn depthwise_gradient(isa: Isa, s: &Sweep, x: &[f32], g: &[f32], dw: &mut [f32]) {
    if s.images == 0 || s.rows == 0 || s.columns == 0 || s.blocks == 0 {
        dw[..s.weights()].fill(0.0);
        return;
    }
    check(s, x.len(), dw.len());
    let reach = s.reach(s.y, channels_of(s.blocks));
    assert!(reach <= g.len(), "a depthwise sweep reads past {} gradients", g.len());
    isa.run(Gradient { s, x: x.as_ptr(), g: g.as_ptr(), dw: dw.as_mut_ptr() });
}

struct Gradient<'a> {
    s: &'a Sweep,
    x: *const f32,
    g: *const f32,
    dw: *mut f32,
}

/// Taps whose sums go through the pixels together: as many as fit registers with a gradient, so that pixels
/// are read seldom and no multiply-add waits for the one before.
#[inline(always)]
fn most_taps<S: Simd>() -> usize {
    if S::REGISTERS > 16 { 13 } else { 9 }
}

impl Kernel for Gradient<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let taps = self.s.taps;
        let all = taps.rows * taps.columns;
        let together = all.div_ceil(all.div_ceil(most_taps::<S>()));
        let rows = (0..self.s.images).flat_map(|n| (0..self.s.rows).map(move |y| (n, y)));
        let channels = (0..self.s.blocks * BLOCK).step_by(S::LANES);
        // Row by row, so that what the blocks of a row's pixels share of the cache is read once.
        for (row, c) in rows.flat_map(|row| channels.clone().map(move |c| (row, c))) {
            for first in (0..all).step_by(together) {
                macro_rules! sums {
                    ($($n:literal)*) => {
                        match together.min(all - first) {
                            // SAFETY: `depthwise_gradient` bounded every output, its window and its channels.
                            $($n => unsafe { self.sums::<S, $n>(simd, row, first, c) },)*
                            count => unreachable!("{count} taps together"),
                        }
                    };
                }
                sums!(1 2 3 4 5 6 7 8 9 10 11 12 13);
            }
        }
    }
}

impl Gradient<'_> {
    /// # Safety
    /// The row and `N` taps from the one given are the sweep's, and `c` is one of its channels.
    #[inline(always)]
    unsafe fn sums<S: Simd, const N: usize>(&self, simd: S, (n, y): (usize, usize), first: usize, c: usize) {
        let (s, taps) = (self.s, self.s.taps);
        let offsets: [usize; N] = std::array::from_fn(|k| {
            let tap = first + k;
            tap / taps.columns * taps.row_stride + tap % taps.columns * taps.column_stride + c
        });
        // SAFETY: the caller's promise covers every pointer below.
        unsafe {
            let dw = self.dw.add(c / BLOCK * taps.block_len() + first * BLOCK + c % BLOCK);
            let begun = n + y > 0;
            let mut acc: [S::V; N] =
                std::array::from_fn(|k| if begun { simd.load(dw.add(k * BLOCK)) } else { simd.splat(0.0) });
            let (mut x, mut g) = (self.x.add(s.x.at(n, y, 0)), self.g.add(s.y.at(n, y, 0) + c));
            for _ in 0..s.columns {
                let gradient = simd.load(g);
                for k in 0..N {
                    acc[k] = simd.fma(simd.load(x.add(offsets[k])), gradient, acc[k]);
                }
                // The step past the last pixel is not read through.
                x = x.wrapping_add(s.x.pixel);
                g = g.wrapping_add(s.y.pixel);
            }
            for k in 0..N {
                simd.store(dw.add(k * BLOCK), acc[k]);
            }
        }
    }
}
