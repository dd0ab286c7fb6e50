//! Convolution in groups so narrow that a vector of output channels spans several: each lane reads the
//! inputs of its own group, picked from one vector of inputs by a permutation.
//!
//! Geometry is that of a [`Sweep`] whose run is the inputs of a group. Weights are packed as
//! `[block][row][column][input of the group][16]`: no place joins channels of different groups.

use crate::isa::{Isa, Kernel};
use crate::layout::{BLOCK, channels_of};
use crate::simd::Simd;
use crate::sweep::{Addend, Finish, Sweep};

/// Groups of channels, each with so many outputs and inputs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Lanes {
    /// Outputs of a group; groups divide a block.
    outputs: usize,
    /// Inputs of a group.
    inputs: usize,
}

/// Lanes of the widest vector.
const MOST_LANES: usize = BLOCK;

/// Where the lanes of a vector find an input of their groups.
type Pick = [u32; MOST_LANES];

/// Of each vector of a block and each input of a group.
type Picks = [[Pick; MOST_LANES]; 4];

impl Lanes {
    /// For groups of so many outputs and inputs; nothing where the inputs that a vector of 8 or 16 lanes needs do
    /// not fit a vector, or there is but one input.
    #[must_use]
    pub fn new(outputs: usize, inputs: usize) -> Option<Self> {
        let fit = |lanes: usize| lanes.div_ceil(outputs) * inputs <= lanes;
        let whole = outputs > 0 && BLOCK.is_multiple_of(outputs) && inputs > 1;
        (whole && fit(8) && fit(16)).then_some(Self { outputs, inputs })
    }

    /// Inputs of a group.
    #[must_use]
    pub fn inputs(&self) -> usize {
        self.inputs
    }

    /// The first input that the vector of outputs from `channel` on reads.
    fn first_input(&self, channel: usize) -> usize {
        channel / self.outputs * self.inputs
    }

    /// For each vector of a block and each input of a group, where in the vector of inputs each lane finds it.
    fn picks<S: Simd>(&self) -> Picks {
        std::array::from_fn(|vector| {
            let channel = vector * S::LANES % BLOCK;
            std::array::from_fn(|j| {
                std::array::from_fn(|lane| {
                    let group = (channel + lane % S::LANES) / self.outputs;
                    ((group - channel / self.outputs) * self.inputs + j) as u32
                })
            })
        })
    }
}

/// Runs a grouped sweep: `y = relu?(bias + addend + taps · x)`. Its border is not looked at: taps outside
/// the map read the zeros of its halo. Inputs are read a whole vector at a time.
///
/// # Panics
/// If a slice is too short for what the sweep reads or writes.
pub fn grouped(isa: Isa, lanes: Lanes, s: &Sweep, x: &[f32], w: &[f32], finish: Finish<'_>, y: &mut [f32]) {
    if s.images == 0 || s.rows == 0 || s.columns == 0 || s.blocks == 0 {
        return;
    }
    let width = channels_of(s.blocks);
    check(lanes, s, x.len(), w.len());
    assert!(s.reach(s.y, width) <= y.len(), "a grouped sweep writes past {} values", y.len());
    assert!(finish.bias.is_none_or(|b| b.len() >= width), "a grouped sweep needs {width} bias values");
    if let Addend::Map(map, strides) = finish.addend {
        assert!(s.reach(strides, width) <= map.len(), "a grouped sweep adds past {} values", map.len());
    }
    isa.run(Forward { lanes, s, x: x.as_ptr(), w: w.as_ptr(), finish, y: y.as_mut_ptr() });
}

/// # Panics
/// If input or weights are too short.
fn check(lanes: Lanes, s: &Sweep, x: usize, w: usize) {
    assert_eq!(s.taps.run, lanes.inputs, "a grouped sweep reads the inputs of a group");
    // The inputs of the last vector of outputs, of 16 lanes or of 8, are a whole vector. Four lanes read no more
    // than the inputs of their groups, which are among those of eight.
    let outputs = channels_of(s.blocks);
    let last = [16, 8].map(|lanes_of| lanes.first_input(outputs - lanes_of) + lanes_of);
    let window = s.window().checked_add(last[0].max(last[1])).expect("a window that fits memory");
    assert!(s.reach(s.x, window) <= x, "a grouped sweep reads past {x} input values");
    assert!(s.weights() <= w, "a grouped sweep needs more than {w} weights");
}

struct Forward<'a> {
    lanes: Lanes,
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
        let picks = self.lanes.picks::<S>();
        for n in 0..s.images {
            for c in (0..s.blocks * BLOCK).step_by(S::LANES) {
                let picks = &picks[c % BLOCK / S::LANES];
                for row in 0..s.rows {
                    let mut column = 0;
                    while column < s.columns {
                        let length = (s.columns - column).min(longest::<S>());
                        self.tile(simd, (n, row, column), length, c, picks);
                        column += length;
                    }
                }
            }
        }
    }
}

/// Outputs whose sums, with a vector of weights, one of inputs and the picks, fit registers.
#[inline(always)]
fn longest<S: Simd>() -> usize {
    if S::REGISTERS > 16 { 12 } else { 6 }
}

impl Forward<'_> {
    #[inline(always)]
    fn tile<S: Simd>(
        &self,
        simd: S,
        at: (usize, usize, usize),
        length: usize,
        c: usize,
        picks: &[Pick; MOST_LANES],
    ) {
        macro_rules! tiles {
            ($($t:literal)*) => {
                match length {
                    // SAFETY: `grouped` bounded every output, its window and its channels.
                    $($t => unsafe { self.outputs::<S, $t>(simd, at, c, picks) },)*
                    _ => unreachable!("a tile of {length} outputs"),
                }
            };
        }
        if S::REGISTERS > 16 { tiles!(1 2 3 4 5 6 7 8 9 10 11 12) } else { tiles!(1 2 3 4 5 6) }
    }

    /// # Safety
    /// `T` outputs from the one given are in a row of the sweep's, and `c` is one of its channels.
    #[inline(always)]
    unsafe fn outputs<S: Simd, const T: usize>(
        &self,
        simd: S,
        (n, row, column): (usize, usize, usize),
        c: usize,
        picks: &[Pick; MOST_LANES],
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
            let x = self.x.add(s.x.at(n, row, column) + self.lanes.first_input(c));
            let mut w = self.w.add(c / BLOCK * taps.block_len() + c % BLOCK);
            for tap_row in 0..taps.rows {
                let mut x = x.add(tap_row * taps.row_stride);
                for _ in 0..taps.columns {
                    for pick in &picks[..taps.run] {
                        let (weight, pick) = (simd.load(w), simd.load_index(pick.as_ptr()));
                        for t in 0..T {
                            let value = simd.pick(x.add(t * s.x.pixel), pick);
                            acc[t] = simd.fma(value, weight, acc[t]);
                        }
                        w = w.wrapping_add(BLOCK);
                    }
                    // The step past the last column is not read through.
                    x = x.wrapping_add(taps.column_stride);
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

/// Writes to `dw`, packed as the weights of the grouped sweep `s` are, `Σ x · g` over all its outputs,
/// where `g` is the gradient of its output, laid out as `s.y` says.
///
/// # Panics
/// If a slice is too short for what the sweep reads or writes.
pub fn grouped_gradient(isa: Isa, lanes: Lanes, s: &Sweep, x: &[f32], g: &[f32], dw: &mut [f32]) {
    if s.images == 0 || s.rows == 0 || s.columns == 0 || s.blocks == 0 {
        dw[..s.weights()].fill(0.0);
        return;
    }
    check(lanes, s, x.len(), dw.len());
    let reach = s.reach(s.y, channels_of(s.blocks));
    assert!(reach <= g.len(), "a grouped sweep reads past {} gradients", g.len());
    isa.run(Gradient { lanes, s, x: x.as_ptr(), g: g.as_ptr(), dw: dw.as_mut_ptr() });
}

struct Gradient<'a> {
    lanes: Lanes,
    s: &'a Sweep,
    x: *const f32,
    g: *const f32,
    dw: *mut f32,
}

/// Weights whose sums go through the pixels together: as many as fit registers with their picks and a
/// gradient, so that pixels are read seldom and no multiply-add waits for the one before.
#[inline(always)]
fn most_weights<S: Simd>() -> usize {
    if S::REGISTERS > 16 { 12 } else { 6 }
}

impl Kernel for Gradient<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let taps = self.s.taps;
        let all = taps.rows * taps.columns * taps.run;
        let together = all.div_ceil(all.div_ceil(most_weights::<S>()));
        let rows = (0..self.s.images).flat_map(|n| (0..self.s.rows).map(move |y| (n, y)));
        let channels = (0..self.s.blocks * BLOCK).step_by(S::LANES);
        let picks = self.lanes.picks::<S>();
        // Row by row, so that what the blocks of a row's pixels share of the cache is read once.
        for (row, c) in rows.flat_map(|row| channels.clone().map(move |c| (row, c))) {
            let picks = &picks[c % BLOCK / S::LANES];
            for first in (0..all).step_by(together) {
                macro_rules! sums {
                    ($($n:literal)*) => {
                        match together.min(all - first) {
                            // SAFETY: `grouped_gradient` bounded every output, its window and its channels.
                            $($n => unsafe { self.sums::<S, $n>(simd, row, first, c, picks) },)*
                            count => unreachable!("{count} weights together"),
                        }
                    };
                }
                sums!(1 2 3 4 5 6 7 8 9 10 11 12);
            }
        }
    }
}

impl Gradient<'_> {
    /// # Safety
    /// The row is the sweep's, `N` weights from the one given are those of one channel's taps, and `c` is one of
    /// its channels.
    #[inline(always)]
    unsafe fn sums<S: Simd, const N: usize>(
        &self,
        simd: S,
        (n, y): (usize, usize),
        first: usize,
        c: usize,
        picks: &[Pick; MOST_LANES],
    ) {
        let (s, taps) = (self.s, self.s.taps);
        let offsets: [usize; N] = std::array::from_fn(|k| {
            let tap = (first + k) / taps.run;
            let place = tap / taps.columns * taps.row_stride + tap % taps.columns * taps.column_stride;
            place + self.lanes.first_input(c)
        });
        // SAFETY: the caller's promise covers every pointer below.
        unsafe {
            let pick: [_; N] =
                std::array::from_fn(|k| simd.load_index(picks[(first + k) % taps.run].as_ptr()));
            let dw = self.dw.add(c / BLOCK * taps.block_len() + first * BLOCK + c % BLOCK);
            let begun = n + y > 0;
            let mut acc: [S::V; N] =
                std::array::from_fn(|k| if begun { simd.load(dw.add(k * BLOCK)) } else { simd.splat(0.0) });
            let (mut x, mut g) = (self.x.add(s.x.at(n, y, 0)), self.g.add(s.y.at(n, y, 0) + c));
            for _ in 0..s.columns {
                let gradient = simd.load(g);
                for k in 0..N {
                    acc[k] = simd.fma(simd.pick(x.add(offsets[k]), pick[k]), gradient, acc[k]);
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
