//! Depthwise convolution: each channel with a kernel of its own. Vectors hold channels, so both
//! operands are vectors, and an output is as many multiply-adds as the kernel has taps.
//!
//! Geometry is that of a [`Sweep`] whose run is 1: an input vector and a weight vector for each tap.
//! Weights are packed as `[block][row][column][16]`.

use crate::isa::{Isa, Kernel};
use crate::layout::{BLOCK, channels_of};
use crate::simd::Simd;
use crate::sweep::{Addend, Finish, Relu, Sweep};

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
        // All rows of a block before the next: the rows that neighbouring outputs share stay in the
        // first-level cache.
        for n in 0..s.images {
            for c in (0..s.blocks * BLOCK).step_by(S::LANES) {
                for row in 0..s.rows {
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
            let (floor, ceiling) = Relu::limits(self.finish.relu);
            let (floor, ceiling) = (simd.splat(floor), simd.splat(ceiling));
            for t in 0..T {
                // `max` and `min` return their second operand for NaN, which must not be hidden.
                simd.store(y.add(t * s.y.pixel), simd.min(ceiling, simd.max(floor, acc[t])));
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

/// Columns of taps whose sums go through the pixels together, and pixels that go together: enough sums at
/// once that no multiply-add waits for the one before.
const TAPS: usize = 3;
const PIXELS: usize = 4;

impl Kernel for Gradient<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let taps = self.s.taps;
        for c in (0..self.s.blocks * BLOCK).step_by(S::LANES) {
            for row in 0..taps.rows {
                for column in (0..taps.columns).step_by(TAPS) {
                    // SAFETY: `depthwise_gradient` bounded every output, its window and its channels.
                    unsafe {
                        match taps.columns - column {
                            1 => self.sums::<S, 1>(simd, (row, column), c),
                            2 => self.sums::<S, 2>(simd, (row, column), c),
                            _ => self.sums::<S, TAPS>(simd, (row, column), c),
                        }
                    }
                }
            }
        }
    }
}

impl Gradient<'_> {
    /// # Safety
    /// `K` taps from the one given are in a row of the sweep's, and `c` is one of its channels.
    #[inline(always)]
    unsafe fn sums<S: Simd, const K: usize>(&self, simd: S, (row, column): (usize, usize), c: usize) {
        let (s, taps) = (self.s, self.s.taps);
        // SAFETY: the caller's promise covers every pointer below.
        unsafe {
            let mut acc = [[simd.splat(0.0); PIXELS]; K];
            let x = self.x.add(row * taps.row_stride + column * taps.column_stride + c);
            for (n, y) in (0..s.images).flat_map(|n| (0..s.rows).map(move |y| (n, y))) {
                let (x, g) = (x.add(s.x.at(n, y, 0)), self.g.add(s.y.at(n, y, 0) + c));
                let whole = s.columns / PIXELS * PIXELS;
                for first in (0..whole).step_by(PIXELS) {
                    let (x, g) = (x.add(first * s.x.pixel), g.add(first * s.y.pixel));
                    for t in 0..PIXELS {
                        let gradient = simd.load(g.add(t * s.y.pixel));
                        for k in 0..K {
                            let value = simd.load(x.add(t * s.x.pixel + k * taps.column_stride));
                            acc[k][t] = simd.fma(value, gradient, acc[k][t]);
                        }
                    }
                }
                for last in whole..s.columns {
                    let gradient = simd.load(g.add(last * s.y.pixel));
                    for k in 0..K {
                        let value = simd.load(x.add(last * s.x.pixel + k * taps.column_stride));
                        acc[k][0] = simd.fma(value, gradient, acc[k][0]);
                    }
                }
            }
            let place = (row * taps.columns + column) * BLOCK;
            let dw = self.dw.add(c / BLOCK * taps.block_len() + place + c % BLOCK);
            for k in 0..K {
                let [a, b, c, d] = acc[k];
                simd.store(dw.add(k * BLOCK), simd.add(simd.add(a, b), simd.add(c, d)));
            }
        }
    }
}
