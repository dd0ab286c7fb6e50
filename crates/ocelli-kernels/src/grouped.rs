//! Convolution in groups so narrow that a vector of output channels spans several: each lane reads the
//! inputs of its own group. Depthwise, where every channel is a group, vectors of inputs are taken as
//! they are; else each lane picks its input from one vector by a permutation.
//!
//! Geometry is that of a [`Sweep`] whose run is the inputs of a group. Weights are packed as
//! `[block][row][column][input of the group][16]`: no place joins channels of different groups.

use crate::isa::{Isa, Kernel};
use crate::layout::{BLOCK, channels_of};
use crate::simd::Simd;
use crate::sweep::{Addend, Finish, Sweep};

/// Groups with as many outputs as inputs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Lanes {
    /// Channels of a group: 1, 2, 4 or 8, which divide every vector of eight lanes or more.
    channels: usize,
}

/// Where the lanes of a vector find an input of their groups.
type Pick = [u32; BLOCK];

/// Of each vector of a block and each input of a group.
type Picks = [[Pick; BLOCK]; 4];

impl Lanes {
    /// For groups of so many outputs and inputs; nothing if they differ or vectors hold no whole groups.
    #[must_use]
    pub fn new(outputs: usize, inputs: usize) -> Option<Self> {
        (outputs == inputs && matches!(outputs, 1 | 2 | 4 | 8)).then_some(Self { channels: outputs })
    }

    /// Channels of a group.
    #[must_use]
    pub fn channels(&self) -> usize {
        self.channels
    }

    /// The first input that the vector of outputs from `channel` on reads.
    #[inline(always)]
    fn first_input(&self, channel: usize) -> usize {
        // A power of two; a division would show in every tile.
        channel & !(self.channels - 1)
    }

    /// For each vector of a block and each input of a group, where in the vector of inputs each lane finds it.
    fn picks<S: Simd>(&self) -> Picks {
        std::array::from_fn(|vector| {
            let channel = vector * S::LANES % BLOCK;
            std::array::from_fn(|j| {
                std::array::from_fn(|lane| {
                    let of_group = self.first_input(channel + lane % S::LANES) - self.first_input(channel);
                    (of_group + j) as u32
                })
            })
        })
    }
}

/// How the lanes of a vector of outputs come by their inputs.
trait Inputs<S: Simd>: Copy {
    /// Where the lanes find an input of their groups.
    type Place: Copy;
    /// Outputs whose sums fit registers beside what else a tile holds.
    const OUTPUTS: usize;

    /// Inputs of a group, `channels` of which there are.
    fn count(self, channels: usize) -> usize;

    /// Where the vector whose first channel is `c` finds the input of number `j` of its lanes' groups.
    fn place(self, simd: S, c: usize, j: usize) -> Self::Place;

    /// The inputs at that place, from the vector of inputs at `p`.
    ///
    /// # Safety
    /// `p` is readable for a vector, and for the group that it is a part of.
    unsafe fn value(self, simd: S, p: *const f32, place: Self::Place) -> S::V;
}

/// Each lane its own.
#[derive(Clone, Copy)]
struct Own;

impl<S: Simd> Inputs<S> for Own {
    type Place = ();
    const OUTPUTS: usize = if S::REGISTERS > 16 { 14 } else { 7 };

    #[inline(always)]
    fn count(self, _: usize) -> usize {
        1
    }

    #[inline(always)]
    fn place(self, _: S, _: usize, _: usize) {}

    #[inline(always)]
    unsafe fn value(self, simd: S, p: *const f32, (): ()) -> S::V {
        // SAFETY: the caller's promise.
        unsafe { simd.load(p) }
    }
}

/// Each lane that of its group.
#[derive(Clone, Copy)]
struct Picked<'p>(&'p Picks);

impl<S: Simd> Inputs<S> for Picked<'_> {
    type Place = S::I;
    const OUTPUTS: usize = if S::REGISTERS > 16 { 12 } else { 6 };

    #[inline(always)]
    fn count(self, channels: usize) -> usize {
        channels
    }

    #[inline(always)]
    fn place(self, simd: S, c: usize, j: usize) -> S::I {
        // SAFETY: a pick is as long as any vector.
        unsafe { simd.load_index(self.0[c % BLOCK / S::LANES][j].as_ptr()) }
    }

    #[inline(always)]
    unsafe fn value(self, simd: S, p: *const f32, place: S::I) -> S::V {
        // SAFETY: the caller's promise; `Lanes::picks` keeps to the groups of a vector.
        unsafe { simd.pick(p, place) }
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
/// If input or weights are too short, or the taps do not read the inputs of a group.
fn check(lanes: Lanes, s: &Sweep, x: usize, w: usize) {
    assert_eq!(s.taps.run, lanes.channels, "a grouped sweep reads the inputs of a group");
    // Vectors of outputs read the inputs of their groups, of which whole blocks have as many.
    let window = (s.window() - s.taps.run).checked_add(channels_of(s.blocks));
    let window = window.expect("a window that fits memory");
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
        if self.lanes.channels == 1 {
            self.rows(simd, Own);
        } else {
            self.rows(simd, Picked(&self.lanes.picks::<S>()));
        }
    }
}

impl Forward<'_> {
    /// All channels of a row before the next row: pixels are read in the order of memory, however many
    /// channels they have.
    #[inline(always)]
    fn rows<S: Simd, I: Inputs<S>>(&self, simd: S, inputs: I) {
        let s = self.s;
        for (n, row) in (0..s.images).flat_map(|n| (0..s.rows).map(move |row| (n, row))) {
            for c in (0..s.blocks * BLOCK).step_by(S::LANES) {
                let mut column = 0;
                while column < s.columns {
                    let length = (s.columns - column).min(I::OUTPUTS);
                    self.tile(simd, inputs, (n, row, column), length, c);
                    column += length;
                }
            }
        }
    }

    #[inline(always)]
    fn tile<S: Simd, I: Inputs<S>>(
        &self,
        simd: S,
        inputs: I,
        at: (usize, usize, usize),
        length: usize,
        c: usize,
    ) {
        macro_rules! tiles {
            ($($t:literal)*) => {
                match length {
                    // SAFETY: `grouped` bounded every output, its window and its channels.
                    $($t => unsafe { self.outputs::<S, I, $t>(simd, inputs, at, c) },)*
                    _ => unreachable!("a tile of {length} outputs"),
                }
            };
        }
        if S::REGISTERS > 16 { tiles!(1 2 3 4 5 6 7 8 9 10 11 12 13 14) } else { tiles!(1 2 3 4 5 6 7) }
    }

    /// # Safety
    /// `T` outputs from the one given are in a row of the sweep's, and `c` is the first channel of a vector of its.
    #[inline(always)]
    unsafe fn outputs<S: Simd, I: Inputs<S>, const T: usize>(
        &self,
        simd: S,
        inputs: I,
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
            let x = self.x.add(s.x.at(n, row, column) + self.lanes.first_input(c));
            let mut w = self.w.add(c / BLOCK * taps.block_len() + c % BLOCK);
            for tap_row in 0..taps.rows {
                let mut x = x.add(tap_row * taps.row_stride);
                for _ in 0..taps.columns {
                    for j in 0..inputs.count(taps.run) {
                        let (weight, place) = (simd.load(w), inputs.place(simd, c, j));
                        for t in 0..T {
                            let value = inputs.value(simd, x.add(t * s.x.pixel), place);
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

impl Kernel for Gradient<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        if self.lanes.channels == 1 {
            self.rows(simd, Own);
        } else {
            self.rows(simd, Picked(&self.lanes.picks::<S>()));
        }
    }
}

/// Taps whose sums, of `J` inputs each, fit registers together: as many as do, so that pixels are read seldom
/// and no multiply-add waits for the one before.
const fn most_taps<S: Simd, const J: usize>() -> usize {
    match (S::REGISTERS > 16, J) {
        (true, 1) => 13,
        (true, _) => 12 / J,
        (false, 1) => 9,
        (false, _) => 8 / J,
    }
}

impl Gradient<'_> {
    #[inline(always)]
    fn rows<S: Simd, I: Inputs<S>>(&self, simd: S, inputs: I) {
        match inputs.count(self.lanes.channels) {
            1 => self.parts::<S, I, 1>(simd, inputs),
            2 => self.parts::<S, I, 2>(simd, inputs),
            _ => self.parts::<S, I, 4>(simd, inputs),
        }
    }

    /// Row by row, so that what the blocks of a row's pixels share of the cache is read once; `J` inputs of a
    /// group together.
    #[inline(always)]
    fn parts<S: Simd, I: Inputs<S>, const J: usize>(&self, simd: S, inputs: I) {
        let (s, taps) = (self.s, self.s.taps.rows * self.s.taps.columns);
        let together = taps.div_ceil(taps.div_ceil(const { most_taps::<S, J>() }));
        for (n, y) in (0..s.images).flat_map(|n| (0..s.rows).map(move |y| (n, y))) {
            for c in (0..s.blocks * BLOCK).step_by(S::LANES) {
                for j in (0..inputs.count(s.taps.run)).step_by(J) {
                    for tap in (0..taps).step_by(together) {
                        self.taps::<S, I, J>(simd, inputs, (n, y), c, (tap, together.min(taps - tap)), j);
                    }
                }
            }
        }
    }

    #[inline(always)]
    fn taps<S: Simd, I: Inputs<S>, const J: usize>(
        &self,
        simd: S,
        inputs: I,
        row: (usize, usize),
        c: usize,
        (tap, count): (usize, usize),
        j: usize,
    ) {
        macro_rules! sums {
            ($($n:literal)*) => {
                match count {
                    // SAFETY: `grouped_gradient` bounded every output, its window and its channels.
                    $($n => unsafe { self.sums::<S, I, J, $n>(simd, inputs, row, c, tap, j) },)*
                    _ => unreachable!("{count} taps together"),
                }
            };
        }
        match J {
            1 => sums!(1 2 3 4 5 6 7 8 9 10 11 12 13),
            2 => sums!(1 2 3 4 5 6),
            _ => sums!(1 2 3),
        }
    }

    /// # Safety
    /// The row is the sweep's, `N` taps from the one given are, `c` is the first channel of a vector of its, and groups
    /// have `J` inputs from `j` on.
    #[inline(always)]
    unsafe fn sums<S: Simd, I: Inputs<S>, const J: usize, const N: usize>(
        &self,
        simd: S,
        inputs: I,
        (n, y): (usize, usize),
        c: usize,
        first: usize,
        j: usize,
    ) {
        let (s, taps) = (self.s, self.s.taps);
        let offsets: [usize; N] = std::array::from_fn(|k| {
            let tap = first + k;
            let place = tap / taps.columns * taps.row_stride + tap % taps.columns * taps.column_stride;
            place + self.lanes.first_input(c)
        });
        let places: [I::Place; J] = std::array::from_fn(|k| inputs.place(simd, c, j + k));
        // SAFETY: the caller's promise covers every pointer below.
        unsafe {
            let dw = self.dw.add(c / BLOCK * taps.block_len() + c % BLOCK);
            let weight = |tap: usize, k: usize| dw.add(((first + tap) * taps.run + j + k) * BLOCK);
            let mut acc = [[simd.splat(0.0); J]; N];
            if n + y > 0 {
                for tap in 0..N {
                    for k in 0..J {
                        acc[tap][k] = simd.load(weight(tap, k));
                    }
                }
            }
            let (mut x, mut g) = (self.x.add(s.x.at(n, y, 0)), self.g.add(s.y.at(n, y, 0) + c));
            for _ in 0..s.columns {
                let gradient = simd.load(g);
                for tap in 0..N {
                    for k in 0..J {
                        let value = inputs.value(simd, x.add(offsets[tap]), places[k]);
                        acc[tap][k] = simd.fma(value, gradient, acc[tap][k]);
                    }
                }
                // The step past the last pixel is not read through.
                x = x.wrapping_add(s.x.pixel);
                g = g.wrapping_add(s.y.pixel);
            }
            for tap in 0..N {
                for k in 0..J {
                    simd.store(weight(tap, k), acc[tap][k]);
                }
            }
        }
    }
}
