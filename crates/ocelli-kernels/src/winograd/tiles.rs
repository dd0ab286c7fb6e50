//! Tiles between maps and the space of products.
//!
//! The two passes of each transform are written out: given to a function as an argument, a transform is
//! not compiled into the kernel, and the whole then takes two to eight times as long.

use std::ops::Range;

use super::transform::{self, OUTPUTS, SIDE};
use super::{POINTS, Winograd};
use crate::isa::Kernel;
use crate::layout::{Strides, padded};
use crate::simd::Simd;
use crate::sweep::{Addend, Finish, Relu};

/// The tiles over `rows` of `images`, row by row.
#[derive(Clone)]
pub(super) struct TileRun<'a> {
    pub(super) w: &'a Winograd,
    pub(super) images: Range<usize>,
    pub(super) rows: Range<usize>,
    /// Steps through the output, or its gradient, from the first row of the first image on.
    pub(super) y: Strides,
}

impl TileRun<'_> {
    fn tile_rows(&self) -> usize {
        self.rows.len().div_ceil(OUTPUTS)
    }

    /// How many tiles.
    pub(super) fn tiles(&self) -> usize {
        self.images.len() * self.tile_rows() * self.w.tiles.1
    }

    /// # Panics
    /// If the input or the output is too short, or the input's halo too small.
    pub(super) fn check(&self, x: &[f32], y: &[f32]) {
        let conv = &self.w.conv;
        assert!(self.rows.start.is_multiple_of(OUTPUTS), "tiles begin at every fourth row");
        assert!(conv.x.halo_y >= conv.padding.0 && conv.x.halo_x >= conv.padding.1, "the halo is too small");
        let input = conv.x.checked_len(self.images.end);
        assert!(input.is_some_and(|len| len <= x.len()), "the input is too short");
        assert!(self.rows.end <= conv.y.height, "the output has fewer rows");
        assert!(self.reach(self.y) <= y.len(), "the output is too short");
    }

    /// Floats that a map with these steps needs.
    pub(super) fn reach(&self, s: Strides) -> usize {
        if self.images.is_empty() || self.rows.is_empty() {
            return 0;
        }
        let y = self.w.conv.y;
        s.reach((self.images.len(), self.rows.len(), y.width), padded(y.channels))
    }

    /// Image, row and column of a tile's first output; image and row count from the run's first.
    #[inline(always)]
    fn place(&self, tile: usize) -> (usize, usize, usize) {
        let (across, image) = (self.w.tiles.1, self.tile_rows() * self.w.tiles.1);
        (tile / image, tile % image / across * OUTPUTS, tile % across * OUTPUTS)
    }

    /// The rows and columns of outputs that a tile has.
    #[inline(always)]
    fn inside(&self, row: usize, column: usize) -> (usize, usize) {
        ((self.rows.len() - row).min(OUTPUTS), (self.w.conv.y.width - column).min(OUTPUTS))
    }
}

/// Floats from a point of a group of tiles to the next: a line more than the tiles take, so that the
/// points do not all fall into the same few sets of the cache.
pub(super) fn point_stride(tiles: usize, channels: usize) -> usize {
    tiles * channels + crate::BLOCK
}

/// Input windows to [`transform::input`] of them.
pub(super) struct Inputs<'a> {
    pub(super) run: &'a TileRun<'a>,
    pub(super) tiles: Range<usize>,
    pub(super) x: &'a [f32],
    pub(super) inputs: &'a mut [f32],
}

impl Kernel for Inputs<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let conv = &self.run.w.conv;
        let layout = conv.x;
        let channels = layout.pixel;
        let stride = point_stride(self.tiles.len(), channels);
        assert!(self.inputs.len() >= POINTS * stride);
        for (index, tile) in self.tiles.clone().enumerate() {
            let (n, row, column) = self.run.place(tile);
            // Counted from the top left of the halo.
            let top = self.run.rows.start + row + layout.halo_y - conv.padding.0;
            let left = column + layout.halo_x - conv.padding.1;
            let rows = (layout.height + 2 * layout.halo_y - top).min(SIDE);
            let columns = (layout.width + 2 * layout.halo_x - left).min(SIDE);
            let start = (self.run.images.start + n) * layout.image() + top * layout.row() + left * channels;
            for c in (0..channels).step_by(S::LANES) {
                // SAFETY: `check` has whole images in the input, and rows and columns end with the
                // image; the assertion above bounds the tiles.
                unsafe {
                    let from = self.x.as_ptr().add(start + c);
                    let to = self.inputs.as_mut_ptr().add(index * channels + c);
                    let mut half = [[simd.splat(0.0); SIDE]; SIDE];
                    for x in 0..columns {
                        let mut d = [simd.splat(0.0); SIDE];
                        for y in 0..rows {
                            d[y] = simd.load(from.add(y * layout.row() + x * channels));
                        }
                        let d = transform::input(simd, d);
                        for y in 0..SIDE {
                            half[y][x] = d[y];
                        }
                    }
                    for y in 0..SIDE {
                        let d = transform::input(simd, half[y]);
                        for x in 0..SIDE {
                            simd.store(to.add((y * SIDE + x) * stride), d[x]);
                        }
                    }
                }
            }
        }
    }
}

/// Products to outputs, with what is added to them.
pub(super) struct Outputs<'a> {
    pub(super) run: &'a TileRun<'a>,
    pub(super) tiles: Range<usize>,
    pub(super) finish: Finish<'a>,
    pub(super) products: &'a [f32],
    pub(super) y: &'a mut [f32],
}

impl Kernel for Outputs<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let channels = padded(self.run.w.conv.y.channels);
        let stride = point_stride(self.tiles.len(), channels);
        assert!(self.products.len() >= POINTS * stride);
        let (floor, ceiling) = Relu::limits(self.finish.relu);
        let (floor, ceiling) = (simd.splat(floor), simd.splat(ceiling));
        let y = self.y.as_mut_ptr();
        for (index, tile) in self.tiles.clone().enumerate() {
            let (n, row, column) = self.run.place(tile);
            let (rows, columns) = self.run.inside(row, column);
            for c in (0..channels).step_by(S::LANES) {
                // SAFETY: `check` bounded every output and addend; the assertion above the products.
                unsafe {
                    let from = self.products.as_ptr().add(index * channels + c);
                    let mut half = [[simd.splat(0.0); SIDE]; OUTPUTS];
                    for x in 0..SIDE {
                        let m: [S::V; SIDE] =
                            std::array::from_fn(|y| simd.load(from.add((y * SIDE + x) * stride)));
                        let sums = transform::output(simd, m);
                        for y in 0..OUTPUTS {
                            half[y][x] = sums[y];
                        }
                    }
                    let bias = self.finish.bias.map_or(simd.splat(0.0), |b| simd.load(b.as_ptr().add(c)));
                    for dy in 0..rows {
                        let values = transform::output(simd, half[dy]);
                        for dx in 0..columns {
                            let at = |s: Strides| s.at(n, row + dy, column + dx) + c;
                            let mut v = simd.add(values[dx], bias);
                            v = match self.finish.addend {
                                Addend::None => v,
                                Addend::Output => simd.add(v, simd.load(y.add(at(self.run.y)))),
                                Addend::Map(map, strides) => {
                                    simd.add(v, simd.load(map.as_ptr().add(at(strides))))
                                }
                            };
                            simd.store(y.add(at(self.run.y)), simd.min(ceiling, simd.max(floor, v)));
                        }
                    }
                }
            }
        }
    }
}

/// Gradients of outputs to [`transform::output_gradient`] of them.
pub(super) struct Gradients<'a> {
    pub(super) run: &'a TileRun<'a>,
    pub(super) tiles: Range<usize>,
    pub(super) g: &'a [f32],
    pub(super) products: &'a mut [f32],
}

impl Kernel for Gradients<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let channels = padded(self.run.w.conv.y.channels);
        let stride = point_stride(self.tiles.len(), channels);
        assert!(self.products.len() >= POINTS * stride);
        for (index, tile) in self.tiles.clone().enumerate() {
            let (n, row, column) = self.run.place(tile);
            let (rows, columns) = self.run.inside(row, column);
            for c in (0..channels).step_by(S::LANES) {
                // SAFETY: `check` bounded every gradient; the assertion above the products.
                unsafe {
                    let to = self.products.as_mut_ptr().add(index * channels + c);
                    let mut half = [[simd.splat(0.0); OUTPUTS]; SIDE];
                    for x in 0..columns {
                        let mut g = [simd.splat(0.0); OUTPUTS];
                        for y in 0..rows {
                            g[y] = simd.load(self.g.as_ptr().add(self.run.y.at(n, row + y, column + x) + c));
                        }
                        let g = transform::output_gradient(simd, g);
                        for y in 0..SIDE {
                            half[y][x] = g[y];
                        }
                    }
                    for y in 0..SIDE {
                        let g = transform::output_gradient(simd, half[y]);
                        for x in 0..SIDE {
                            simd.store(to.add((y * SIDE + x) * stride), g[x]);
                        }
                    }
                }
            }
        }
    }
}
