//! The one inner loop of convolution and linear layers, forward and input gradient: register tiles
//! of multiply-adds over channels-last memory.
//!
//! For dilation 1 the taps of one kernel row read `kernel width × pixel` consecutive floats of a
//! channels-last row, so a convolution is, for each output pixel,
//! `y[o] = bias[o] + Σ_row Σ_j x[row · row_stride + j] · w[row][j][o]`:
//! a sum over a few rows of long dot products, whose left operand is broadcast and whose right
//! operand is a vector of output channels. A linear layer is the same with one row and images for
//! pixels; the input gradient is the same over transposed weights. Where a kernel is dilated, or reads
//! some of the channels, a row has several columns of taps, each with a shorter dot product.

mod tile;

use std::ops::Range;

use crate::isa::{Isa, Kernel};
use crate::layout::{BLOCK, Strides, channels_of};
use crate::simd::Simd;
use tile::{Tile, run_tile};

/// Weights of a sweep, packed as `[output block][tap row][tap column][j][16]`, `room` values of j each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Taps {
    /// Rows of taps (the kernel's height).
    pub rows: usize,
    /// Floats of the input from one row of taps to the next.
    pub row_stride: usize,
    /// Columns of taps: 1 if the taps of a row lie side by side.
    pub columns: usize,
    /// Floats of the input from one column of taps to the next.
    pub column_stride: usize,
    /// Consecutive floats that the taps of one row and column read.
    pub run: usize,
    /// Floats that the weights have places for, at least `run`: more where the last channels of a pixel are
    /// padding.
    pub room: usize,
}

impl Taps {
    /// Floats of packed weights for one block of output channels.
    #[must_use]
    pub fn block_len(&self) -> usize {
        self.rows * self.columns * self.room * BLOCK
    }

    /// One run of consecutive floats.
    #[must_use]
    pub const fn of_run(run: usize) -> Self {
        Self { rows: 1, row_stride: 0, columns: 1, column_stride: 0, run, room: run }
    }
}

/// Which taps lie inside the map: those outside read zeros and may be left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Border {
    /// Rows and columns of the input map.
    pub size: (usize, usize),
    /// Input rows and columns between neighbouring outputs.
    pub stride: (usize, usize),
    /// Input row and column (counted from inside the map) of the first output's first tap, negated.
    pub padding: (isize, isize),
    /// Input rows and columns between neighbouring taps.
    pub dilation: (usize, usize),
    /// Columns of taps, be they columns of [`Taps`] or parts of its run.
    pub columns: usize,
}

/// A sweep over `images × rows × columns` outputs of `blocks` blocks of channels.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Sweep {
    /// Images.
    pub images: usize,
    /// Output rows of each image that this call computes.
    pub rows: usize,
    /// The first of them, counted in the whole output (for [`Border`]).
    pub first_row: usize,
    /// Outputs in a row.
    pub columns: usize,
    /// Blocks of 16 output channels.
    pub blocks: usize,
    /// Steps through the input, from one output's taps to the next's.
    pub x: Strides,
    /// The taps.
    pub taps: Taps,
    /// Steps through the output.
    pub y: Strides,
    /// The map's border, if the taps may cross it.
    pub border: Option<Border>,
    /// Floats from an image's weights to the next's: 0, unless each image has weights of its own.
    pub weights_image: usize,
}

/// What a sweep adds to its products.
#[derive(Clone, Copy)]
pub enum Addend<'a> {
    /// Nothing.
    None,
    /// What the output holds already.
    Output,
    /// Another map, with its own steps.
    Map(&'a [f32], Strides),
}

/// What becomes of a sweep's products before they are written.
#[derive(Clone, Copy)]
pub struct Finish<'a> {
    /// One value for each output channel, padded to whole blocks.
    pub bias: Option<&'a [f32]>,
    /// A map to add.
    pub addend: Addend<'a>,
    /// Whether to replace negative results by zero, and those above a ceiling by that.
    pub relu: Option<Relu>,
}

/// max(x, 0), or with a ceiling min(max(x, 0), ceiling).
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Relu {
    /// The largest result.
    pub ceiling: f32,
}

impl Relu {
    /// ReLU.
    pub const PLAIN: Self = Self { ceiling: f32::INFINITY };
    /// ReLU6.
    pub const SIX: Self = Self { ceiling: 6.0 };

    /// The least and the largest result with or without it.
    pub(crate) fn limits(relu: Option<Self>) -> (f32, f32) {
        relu.map_or((f32::NEG_INFINITY, f32::INFINITY), |relu| (0.0, relu.ceiling))
    }
}

impl Finish<'_> {
    /// The products as they are.
    pub const NONE: Finish<'static> = Finish { bias: None, addend: Addend::None, relu: None };
}

/// Runs a sweep: `y = relu?(bias + addend + taps · x)`, with `w` packed as [`Taps`] says.
///
/// # Panics
/// If a slice is too short for what the sweep reads or writes.
pub fn sweep(isa: Isa, s: &Sweep, x: &[f32], w: &[f32], finish: Finish<'_>, y: &mut [f32]) {
    if s.images == 0 || s.rows == 0 || s.columns == 0 || s.blocks == 0 {
        return;
    }
    check(s, x, w, &finish, y);
    isa.run(Run { s, x: x.as_ptr(), w: w.as_ptr(), finish, y: y.as_mut_ptr() });
}

impl Sweep {
    /// Floats that a map with these steps and `width` values for each output reaches to.
    pub(crate) fn reach(&self, strides: Strides, width: usize) -> usize {
        strides.reach((self.images, self.rows, self.columns), width)
    }

    /// Floats that the taps of one output span.
    pub(crate) fn window(&self) -> usize {
        let Taps { rows, row_stride, columns, column_stride, run, .. } = self.taps;
        let span = || {
            let rows = rows.saturating_sub(1).checked_mul(row_stride)?;
            let columns = columns.saturating_sub(1).checked_mul(column_stride)?;
            rows.checked_add(columns)?.checked_add(run)
        };
        span().expect("taps that fit memory")
    }

    /// Floats of one image's weights.
    ///
    /// # Panics
    /// If they do not fit `usize`, or the columns of a border are not whole parts of the run.
    pub(crate) fn weights(&self) -> usize {
        if let Some(border) = &self.border {
            let Taps { columns, run, .. } = self.taps;
            let parts = columns == 1 && border.columns > 0 && run.is_multiple_of(border.columns);
            assert!(parts || columns == border.columns, "a run of {run} in {} columns", border.columns);
        }
        assert!(self.taps.run <= self.taps.room, "{} taps in {} places", self.taps.run, self.taps.room);
        let taps = self.taps.rows.checked_mul(self.taps.columns);
        taps.and_then(|taps| taps.checked_mul(self.taps.room))
            .and_then(|taps| taps.checked_mul(channels_of(self.blocks)))
            .expect("weights that fit memory")
    }
}

fn check(s: &Sweep, x: &[f32], w: &[f32], finish: &Finish<'_>, y: &[f32]) {
    let reach = s.reach(s.x, s.window());
    assert!(reach <= x.len(), "sweep reads {reach} of {} input values", x.len());
    let width = channels_of(s.blocks);
    assert!(s.reach(s.y, width) <= y.len(), "sweep writes past {} output values", y.len());
    let weights = Strides { start: 0, image: s.weights_image, row: 0, pixel: 0 };
    assert!(s.reach(weights, s.weights()) <= w.len(), "sweep needs more than {} weights", w.len());
    assert!(finish.bias.is_none_or(|b| b.len() >= width), "sweep needs {width} bias values");
    if let Addend::Map(map, strides) = finish.addend {
        assert!(s.reach(strides, width) <= map.len(), "sweep adds past {} values", map.len());
    }
}

struct Run<'a> {
    s: &'a Sweep,
    x: *const f32,
    w: *const f32,
    finish: Finish<'a>,
    y: *mut f32,
}

/// Weights up to this many bytes stay in the second-level cache while the rows of an image pass.
const WEIGHTS_IN_CACHE: usize = 512 * 1024;

impl Kernel for Run<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let s = self.s;
        let shape = TileShape::choose::<S>(s);
        let weight_bytes = s.blocks * s.taps.block_len() * size_of::<f32>();
        if shape.over_images || weight_bytes > WEIGHTS_IN_CACHE {
            for blocks in steps(s.blocks, shape.blocks) {
                for n in steps(s.images, if shape.over_images { shape.length } else { 1 }) {
                    for row in 0..s.rows {
                        self.row(simd, &shape, n.clone(), row, blocks.clone());
                    }
                }
            }
        } else {
            for n in 0..s.images {
                for row in 0..s.rows {
                    for blocks in steps(s.blocks, shape.blocks) {
                        self.row(simd, &shape, n..n + 1, row, blocks);
                    }
                }
            }
        }
    }
}

impl Run<'_> {
    #[inline(always)]
    fn row<S: Simd>(
        &self,
        simd: S,
        shape: &TileShape,
        images: Range<usize>,
        row: usize,
        blocks: Range<usize>,
    ) {
        let s = self.s;
        if shape.over_images {
            for column in 0..s.columns {
                let taps = self.taps_inside(row, Some(column));
                self.tile(simd, images.start, row, column, images.len(), true, &blocks, taps);
            }
        } else {
            let taps = self.taps_inside(row, None);
            for columns in steps(s.columns, shape.length) {
                self.tile(
                    simd,
                    images.start,
                    row,
                    columns.start,
                    columns.len(),
                    false,
                    &blocks,
                    taps.clone(),
                );
            }
        }
    }

    /// The taps that lie inside the map for this output. Without a column, for a whole row of outputs.
    #[inline(always)]
    fn taps_inside(&self, row: usize, column: Option<usize>) -> Inside {
        let s = self.s;
        let mut taps = Inside { rows: 0..s.taps.rows, columns: 0..s.taps.columns, run: 0..s.taps.run };
        let Some(b) = &s.border else { return taps };
        let first = (s.first_row + row) as isize * b.stride.0 as isize - b.padding.0;
        taps.rows = inside(first, s.taps.rows, b.dilation.0, b.size.0);
        if let Some(column) = column {
            let first = column as isize * b.stride.1 as isize - b.padding.1;
            let columns = inside(first, b.columns, b.dilation.1, b.size.1);
            if s.taps.columns == 1 {
                let one = s.taps.run / b.columns;
                taps.run = columns.start * one..columns.end * one;
            } else {
                taps.columns = columns;
            }
        }
        taps
    }

    #[inline(always)]
    fn tile<S: Simd>(
        &self,
        simd: S,
        n: usize,
        row: usize,
        column: usize,
        length: usize,
        over_images: bool,
        blocks: &Range<usize>,
        taps: Inside,
    ) {
        let s = self.s;
        let step = |strides: Strides| if over_images { strides.image } else { strides.pixel };
        let channel = blocks.start * BLOCK;
        let add = match self.finish.addend {
            Addend::None => None,
            Addend::Output => {
                // SAFETY: `check` bounded every output of the sweep.
                let output = unsafe { self.y.add(s.y.at(n, row, column) + channel) };
                Some((output.cast_const(), step(s.y)))
            }
            Addend::Map(map, strides) => {
                // SAFETY: `check` bounded every value of the addend.
                Some((unsafe { map.as_ptr().add(strides.at(n, row, column) + channel) }, step(strides)))
            }
        };
        let Inside { rows: tap_rows, columns, run } = taps;
        // SAFETY: `check` bounded the input, the weights and the output of every tile; the tap rows,
        // the columns and the run are parts of the whole.
        unsafe {
            let tile = Tile {
                // With all taps outside the map nothing is read there.
                x: self
                    .x
                    .wrapping_add(s.x.at(n, row, column) + tap_rows.start * s.taps.row_stride)
                    .wrapping_add(columns.start * s.taps.column_stride + run.start),
                x_step: step(s.x),
                w: self.w.add(
                    n * s.weights_image
                        + blocks.start * s.taps.block_len()
                        + ((tap_rows.start * s.taps.columns + columns.start) * s.taps.room + run.start)
                            * BLOCK,
                ),
                w_row: s.taps.columns * s.taps.room * BLOCK,
                w_column: s.taps.room * BLOCK,
                w_block: s.taps.block_len(),
                tap_rows: tap_rows.len(),
                x_row: s.taps.row_stride,
                tap_columns: columns.len(),
                x_column: s.taps.column_stride,
                run: run.len(),
                bias: self.finish.bias.map(|b| b.as_ptr().add(channel)),
                add,
                y: self.y.add(s.y.at(n, row, column) + channel),
                y_step: step(s.y),
                relu: self.finish.relu,
            };
            run_tile(simd, &tile, length, blocks.len());
        }
    }
}

/// The taps that an output needs.
#[derive(Clone)]
struct Inside {
    rows: Range<usize>,
    columns: Range<usize>,
    /// The part of each run.
    run: Range<usize>,
}

/// Which of `length` taps, the first at `first` and the others each `step` on, lie inside `0..size`.
#[inline(always)]
fn inside(first: isize, length: usize, step: usize, size: usize) -> Range<usize> {
    let until = |end: isize| match step {
        1 => end.clamp(0, length as isize),
        _ => (end + step as isize - 1).div_euclid(step as isize).clamp(0, length as isize),
    };
    let start = until(-first);
    let end = until(size as isize - first).max(start);
    start as usize..end as usize
}

/// How many outputs, along which axis, and how many blocks of channels a tile holds in registers.
struct TileShape {
    length: usize,
    blocks: usize,
    over_images: bool,
}

impl TileShape {
    #[inline(always)]
    fn choose<S: Simd>(s: &Sweep) -> Self {
        // Short rows cannot fill a tile: take the same pixel of several images instead.
        let over_images = s.images > s.columns && s.columns < 8 && s.weights_image == 0;
        let along = if over_images { s.images } else { s.columns };
        let blocks = if S::LANES == BLOCK {
            match (s.blocks, along) {
                (1, _) => 1,
                (2 | 3, _) | (_, 7..) => 2,
                _ => 4,
            }
        } else {
            1
        };
        Self { length: even_part(along, tile::longest::<S>(blocks)), blocks, over_images }
    }
}

/// The length of parts, none above `most`, that divides `n` most evenly.
#[inline(always)]
fn even_part(n: usize, most: usize) -> usize {
    n.div_ceil(n.div_ceil(most))
}

/// `0..n` in steps of `step`, the last one shorter.
#[inline(always)]
fn steps(n: usize, step: usize) -> impl Iterator<Item = Range<usize>> {
    (0..n).step_by(step).map(move |start| start..(start + step).min(n))
}

#[cfg(test)]
mod tests;
