//! The weight gradient of convolution and linear layers: sums of outer products of inputs and
//! output gradients, with the sums held in registers while pixels stream past.

use std::ops::Range;

use crate::isa::{Isa, Kernel};
use crate::layout::{BLOCK, Strides, channels_of};
use crate::simd::Simd;
use crate::sweep::{Sweep, Taps};

/// Groups of images that lie apart in memory, `images` of the sweep in each.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Groups {
    /// How many.
    pub count: usize,
    /// Floats from a group's inputs to the next group's.
    pub x: usize,
    /// Floats from a group's gradients to the next group's.
    pub g: usize,
}

impl Groups {
    /// All images in one group.
    pub const ONE: Self = Self { count: 1, x: 0, g: 0 };
}

/// Writes to `dw`, or adds to it if `add`, packed as the weights of the sweep `s` are, `Σ x · g` over
/// all outputs of the sweep in every group, where `g` is the gradient of its output, laid out as
/// `s.y` says.
///
/// # Panics
/// If a slice is too short for what the sweep reads or writes.
pub fn outer(isa: Isa, s: &Sweep, groups: Groups, x: &[f32], g: &[f32], dw: &mut [f32], add: bool) {
    let weights = s.weights();
    assert!(weights <= dw.len(), "outer needs {weights} weights, not {}", dw.len());
    if groups.count == 0 || s.images == 0 || s.rows == 0 || s.columns == 0 {
        if !add {
            dw[..weights].fill(0.0);
        }
        return;
    }
    let all = |step: usize, len: usize| {
        Strides { start: 0, image: step, row: 0, pixel: 0 }.reach((groups.count, 1, 1), len)
    };
    let reach = all(groups.x, s.reach(s.x, s.window()));
    assert!(reach <= x.len(), "outer reads {reach} of {} input values", x.len());
    let reach = all(groups.g, s.reach(s.y, channels_of(s.blocks)));
    assert!(reach <= g.len(), "outer reads {reach} of {} gradients", g.len());
    isa.run(Run { s, groups, x: x.as_ptr(), g: g.as_ptr(), dw: dw.as_mut_ptr(), add });
}

/// Floats of inputs and gradients that stream past all weights before the next ones do: they stay in the second-level cache, where every
/// tile of weights would read all of them from memory otherwise.
const AT_ONCE: usize = 128 * 1024;

/// Up to so many weights, pixels stream past all at once: their tiles are few.
const FEW: usize = 16 * 1024;

#[derive(Clone, Copy)]
struct Run<'a> {
    s: &'a Sweep,
    groups: Groups,
    x: *const f32,
    g: *const f32,
    dw: *mut f32,
    add: bool,
}

/// Pixels that stream past one register tile: lines of `length` pixels in three nested loops.
struct Stream {
    /// Each loop, outermost first: (how many, step in x, step in g).
    lines: [(usize, usize, usize); 3],
    length: usize,
    x_step: usize,
    g_step: usize,
    /// Whether the sums are added to what is there.
    add: bool,
}

impl Kernel for Run<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let (s, mut add) = (self.s, self.add);
        let (groups, images, rows) = self.at_once();
        for group in (0..self.groups.count).step_by(groups) {
            for image in (0..s.images).step_by(images) {
                for row in (0..s.rows).step_by(rows) {
                    let part = Sweep {
                        images: images.min(s.images - image),
                        rows: rows.min(s.rows - row),
                        first_row: s.first_row + row,
                        ..*s
                    };
                    let groups = Groups { count: groups.min(self.groups.count - group), ..self.groups };
                    // SAFETY: `outer` bounded what the whole reads, of which this is a part.
                    let (x, g) = unsafe {
                        (
                            self.x.add(group * groups.x + image * s.x.image + row * s.x.row),
                            self.g.add(group * groups.g + image * s.y.image + row * s.y.row),
                        )
                    };
                    Run { s: &part, groups, x, g, add, ..self }.sums(simd);
                    add = true;
                }
            }
        }
    }
}

/// The most inputs whose sums a tile of one block holds in registers.
#[inline(always)]
fn longest<S: Simd>() -> usize {
    match S::LANES {
        16 => 16,
        8 => 6,
        _ => 2,
    }
}

impl Run<'_> {
    /// Groups, images of a group and rows of an image that go past all weights together: all, or about [`AT_ONCE`], in equal parts.
    fn at_once(&self) -> (usize, usize, usize) {
        let s = self.s;
        if s.weights() <= FEW {
            return (self.groups.count, s.images, s.rows);
        }
        let even = |all: usize, one: usize| all.div_ceil(all.div_ceil((AT_ONCE / one.max(1)).max(1)));
        // Rows of taps that overlap are read again from the cache.
        let row = s.x.row.min(s.columns * s.taps.run) + s.columns * channels_of(s.blocks);
        let image = s.rows * row;
        if s.images * image <= AT_ONCE {
            (even(self.groups.count, s.images * image), s.images, s.rows)
        } else if image <= AT_ONCE {
            (1, even(s.images, image), s.rows)
        } else {
            (1, 1, even(s.rows, row))
        }
    }

    /// The sums of a part, whose inputs stay in the cache while they go past all weights.
    #[inline(always)]
    fn sums<S: Simd>(self, simd: S) {
        let s = self.s;
        // Two blocks share each broadcast where registers allow.
        let group = if S::LANES == BLOCK { 2 } else { 1 };
        let mut block = 0;
        while block < s.blocks {
            let blocks = group.min(s.blocks - block);
            for tap in (0..s.taps.rows).flat_map(|row| (0..s.taps.columns).map(move |column| (row, column))) {
                let mut j = 0;
                while j < s.taps.run {
                    let (length, column) = self.piece(j, if blocks == 2 { 8 } else { longest::<S>() });
                    let column = if s.taps.columns == 1 { column } else { Some(tap.1) };
                    self.piece_of_run(simd, block, blocks, tap, j..j + length, column);
                    j += length;
                }
                if !self.add {
                    self.clear_rest(block, blocks, tap);
                }
            }
            block += blocks;
        }
    }

    /// How many of the run's values from `j` on the next tile takes, and the tap column that they
    /// all belong to, if a border makes that matter.
    #[inline(always)]
    fn piece(&self, j: usize, most: usize) -> (usize, Option<usize>) {
        let run = self.s.taps.run;
        match &self.s.border {
            Some(b) if self.s.taps.columns == 1 && run / b.columns >= BLOCK => {
                let one = run / b.columns;
                (most.min(one - j % one), Some(j / one))
            }
            _ => (most.min(run - j), None),
        }
    }

    /// Zeros where weights have places for values that are not read.
    #[inline(always)]
    fn clear_rest(&self, block: usize, blocks: usize, tap: (usize, usize)) {
        let taps = self.s.taps;
        let start = (tap.0 * taps.columns + tap.1) * taps.room + taps.run;
        for block in block..block + blocks {
            // SAFETY: `outer` bounded the packed weights, of which these are a part.
            unsafe {
                let rest = self.dw.add(block * taps.block_len() + start * BLOCK);
                rest.write_bytes(0, (taps.room - taps.run) * BLOCK);
            }
        }
    }

    #[inline(always)]
    fn piece_of_run<S: Simd>(
        &self,
        simd: S,
        block: usize,
        blocks: usize,
        tap: (usize, usize),
        run: Range<usize>,
        border_column: Option<usize>,
    ) {
        let s = self.s;
        let (mut rows, mut columns) = (0..s.rows, 0..s.columns);
        if let Some(b) = &s.border {
            let row = tap.0 * b.dilation.0;
            rows = outputs_inside(row, s.first_row, s.rows, b.stride.0, b.padding.0, b.size.0);
            if let Some(column) = border_column {
                let column = column * b.dilation.1;
                columns = outputs_inside(column, 0, s.columns, b.stride.1, b.padding.1, b.size.1);
            }
        }
        if rows.is_empty() || columns.is_empty() {
            // No output has this tap inside the map: its sum is zero.
            (rows, columns) = (0..0, 0..0);
        }
        // Long lines amortise the start of each.
        let over_images = s.images > columns.len() && columns.len() < 8;
        let groups = (self.groups.count, self.groups.x, self.groups.g);
        let stream = if over_images {
            Stream {
                lines: [groups, (rows.len(), s.x.row, s.y.row), (columns.len(), s.x.pixel, s.y.pixel)],
                length: s.images,
                x_step: s.x.image,
                g_step: s.y.image,
                add: self.add,
            }
        } else {
            Stream {
                lines: [groups, (s.images, s.x.image, s.y.image), (rows.len(), s.x.row, s.y.row)],
                length: columns.len(),
                x_step: s.x.pixel,
                g_step: s.y.pixel,
                add: self.add,
            }
        };
        // SAFETY: `outer` bounded every pixel's taps, gradients and the packed weights; the ranges
        // here are parts of those.
        unsafe {
            let x = self.x.add(s.x.at(0, rows.start, columns.start) + run.start);
            let x = x.add(tap.0 * s.taps.row_stride + tap.1 * s.taps.column_stride);
            let g = self.g.add(s.y.at(0, rows.start, columns.start) + block * BLOCK);
            let place = (tap.0 * s.taps.columns + tap.1) * s.taps.room + run.start;
            let dw = self.dw.add(block * s.taps.block_len() + place * BLOCK);
            run_tile(simd, &stream, x, g, dw, s.taps.block_len(), run.len(), blocks);
        }
    }
}

/// The outputs whose tap, `tap` inputs from their first, lies inside a map of `size`.
#[inline(always)]
fn outputs_inside(
    tap: usize,
    first: usize,
    count: usize,
    stride: usize,
    padding: isize,
    size: usize,
) -> Range<usize> {
    // Output o reads o·stride − padding + tap.
    let offset = (first * stride + tap) as isize - padding;
    let start = if offset < 0 { (-offset as usize).div_ceil(stride) } else { 0 };
    let end = if (size as isize) <= offset { 0 } else { (size as isize - offset) as usize }.div_ceil(stride);
    let end = end.min(count);
    start.min(end)..end
}

/// # Safety
/// Every pointer reaches what the stream, `length` and `blocks` make of it.
#[inline(always)]
unsafe fn run_tile<S: Simd>(
    simd: S,
    stream: &Stream,
    x: *const f32,
    g: *const f32,
    dw: *mut f32,
    dw_block: usize,
    length: usize,
    blocks: usize,
) {
    macro_rules! tiles {
        ($($j:literal)* ; $vectors:literal) => {
            match length {
                // SAFETY: the caller's promise.
                $($j => unsafe { tile::<S, $j, $vectors>(simd, stream, x, g, dw, dw_block) },)*
                _ => unreachable!("a tile of {length} inputs"),
            }
        };
    }
    match (S::LANES, blocks) {
        (16, 1) => tiles!(1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 ; 1),
        (16, _) => tiles!(1 2 3 4 5 6 7 8 ; 2),
        (8, _) => tiles!(1 2 3 4 5 6 ; 2),
        _ => tiles!(1 2 ; 4),
    }
}

/// # Safety
/// As [`run_tile`]'s for `J` inputs and `V` vectors of channels.
#[inline(always)]
unsafe fn tile<S: Simd, const J: usize, const V: usize>(
    simd: S,
    stream: &Stream,
    x: *const f32,
    g: *const f32,
    dw: *mut f32,
    dw_block: usize,
) {
    let lane = |v: usize| v * S::LANES;
    let weight = |j: usize, v: usize| lane(v) / BLOCK * dw_block + j * BLOCK + lane(v) % BLOCK;
    // SAFETY: the caller's promise covers every pointer below.
    unsafe {
        let mut acc = [[simd.splat(0.0); V]; J];
        let [(n0, x0, g0), (n1, x1, g1), (n2, x2, g2)] = stream.lines;
        for (i0, i1) in (0..n0).flat_map(|i0| (0..n1).map(move |i1| (i0, i1))) {
            for i2 in 0..n2 {
                let mut x = x.add(i0 * x0 + i1 * x1 + i2 * x2);
                let mut g = g.add(i0 * g0 + i1 * g1 + i2 * g2);
                for _ in 0..stream.length {
                    let mut gradients = [simd.splat(0.0); V];
                    for v in 0..V {
                        gradients[v] = simd.load(g.add(lane(v)));
                    }
                    for j in 0..J {
                        let value = simd.splat(*x.add(j));
                        for v in 0..V {
                            acc[j][v] = simd.fma(value, gradients[v], acc[j][v]);
                        }
                    }
                    // The step past the last pixel is not read through.
                    x = x.wrapping_add(stream.x_step);
                    g = g.wrapping_add(stream.g_step);
                }
            }
        }
        for j in 0..J {
            for v in 0..V {
                let p = dw.add(weight(j, v));
                let sum = if stream.add { simd.add(simd.load(p), acc[j][v]) } else { acc[j][v] };
                simd.store(p, sum);
            }
        }
    }
}

/// Writes to `db` the sum over all pixels of `images` × `size` of `g`, `blocks` blocks of channels laid
/// out as `strides` says: a bias's gradient.
///
/// # Panics
/// If a slice is too short.
pub fn sum_pixels(
    isa: Isa,
    (images, size): (usize, (usize, usize)),
    blocks: usize,
    (g, strides): (&[f32], Strides),
    db: &mut [f32],
) {
    // One input whose value is always 1: the outer product of ones and gradients.
    let ones = Sweep {
        images,
        rows: size.0,
        first_row: 0,
        columns: size.1,
        blocks,
        x: Strides { start: 0, image: 0, row: 0, pixel: 0 },
        taps: Taps::of_run(1),
        y: strides,
        border: None,
        weights_image: 0,
    };
    outer(isa, &ones, Groups::ONE, &[1.0], g, db, false);
}

#[cfg(test)]
mod tests;
