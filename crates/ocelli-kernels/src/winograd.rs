//! 3 × 3 convolutions of stride 1 by Winograd's minimal filtering, F(2×2, 3×3) (Lavin & Gray, "Fast
//! algorithms for convolutional neural networks", 2015): sixteen multiplications for four outputs
//! instead of thirty-six.
//!
//! A tile of 2 × 2 outputs is `Aᵀ [(G g Gᵀ) ⊙ (Bᵀ d B)] A`, where `d` is its 4 × 4 window of the input
//! and `g` the kernel. Over many tiles and all channels the product in the middle is sixteen matrix
//! products, which are sweeps. Weights `G g Gᵀ` are transformed ahead.

use std::ops::Range;

use crate::conv::Conv;
use crate::isa::{Isa, Kernel};
use crate::layout::{BLOCK, Strides, padded};
use crate::simd::Simd;
use crate::sweep::{Addend, Finish, Sweep, Taps, sweep};

/// Products of a tile.
const POINTS: usize = 16;

/// Tiles that go through the products together: whole register tiles, and few enough that they and
/// their products stay in the second-level cache.
const GROUP: usize = 28;

/// A convolution by Winograd's method.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Winograd {
    conv: Conv,
    /// Tiles down and across.
    tiles: (usize, usize),
}

impl Winograd {
    /// For a 3 × 3 convolution of stride 1 between maps of whole blocks; nothing for others.
    #[must_use]
    pub fn new(conv: &Conv) -> Option<Self> {
        let output = |size: usize, padding: usize| (size + 2 * padding).checked_sub(2);
        let (height, width) = (output(conv.x.height, conv.padding.0), output(conv.x.width, conv.padding.1));
        // The tiles' windows end with the padded input only if the sizes belong together.
        let fits = conv.kernel == (3, 3)
            && conv.stride == (1, 1)
            && conv.x.pixel.is_multiple_of(BLOCK)
            && (height, width) == (Some(conv.y.height), Some(conv.y.width));
        let tiles = (conv.y.height.div_ceil(2), conv.y.width.div_ceil(2));
        fits.then_some(Self { conv: *conv, tiles })
    }

    /// Floats of the transformed weights.
    #[must_use]
    pub fn weights_len(&self) -> usize {
        POINTS * self.conv.x.pixel * padded(self.conv.y.channels)
    }

    /// Floats of memory that [`Winograd::forward`] works in.
    #[must_use]
    pub fn scratch_len(&self) -> usize {
        GROUP * POINTS * (self.conv.x.pixel + padded(self.conv.y.channels))
    }

    /// Transforms packed weights (see [`crate::conv::pack`]).
    ///
    /// # Panics
    /// If a slice is too short.
    pub fn transform_weights(&self, isa: Isa, packed: &[f32], transformed: &mut [f32]) {
        assert!(packed.len() >= self.conv.weights_len() && transformed.len() >= self.weights_len());
        isa.run(Weights { w: self, packed, transformed });
    }

    /// Rows `rows` (from an even one) of `images`: `y = relu?(bias + addend + conv(x))`. The first row
    /// of the first image begins at `y_strides.start` of `y`; an addend begins there too.
    ///
    /// # Panics
    /// If a slice is too short.
    pub fn forward(
        &self,
        isa: Isa,
        (images, rows): (Range<usize>, Range<usize>),
        x: &[f32],
        weights: &[f32],
        finish: Finish<'_>,
        scratch: &mut [f32],
        (y, y_strides): (&mut [f32], Strides),
    ) {
        assert!(rows.start.is_multiple_of(2), "tiles begin at even rows");
        let blocks = padded(self.conv.y.channels) / BLOCK;
        let tile_rows = rows.len().div_ceil(2);
        let total = images.len() * tile_rows * self.tiles.1;
        let run = TileRun { w: self, images, rows, tile_rows, y_strides };
        run.check(x, &finish, y);
        let (inputs, products) = scratch.split_at_mut(GROUP * POINTS * self.conv.x.pixel);
        // Even groups: no small one at the end.
        let group = total.div_ceil(total.div_ceil(GROUP).max(1));
        for first in (0..total).step_by(group.max(1)) {
            let tiles = first..(first + group).min(total);
            isa.run(Inputs { run: &run, tiles: tiles.clone(), x, inputs });
            sweep(isa, &self.products(tiles.len(), blocks), inputs, weights, Finish::NONE, products);
            isa.run(Outputs { run: &run, tiles, finish, products, y });
        }
    }

    /// The sixteen matrix products: one image for each.
    fn products(&self, tiles: usize, blocks: usize) -> Sweep {
        let channels = self.conv.x.pixel;
        Sweep {
            images: POINTS,
            rows: 1,
            first_row: 0,
            columns: tiles,
            blocks,
            x: Strides { start: 0, image: tiles * channels, row: 0, pixel: channels },
            taps: Taps { rows: 1, row_stride: 0, run: channels },
            y: Strides { start: 0, image: tiles * blocks * BLOCK, row: 0, pixel: blocks * BLOCK },
            border: None,
            weights_image: blocks * channels * BLOCK,
        }
    }
}

struct Weights<'a> {
    w: &'a Winograd,
    packed: &'a [f32],
    transformed: &'a mut [f32],
}

impl Kernel for Weights<'_> {
    type Output = ();

    /// `G g Gᵀ` with `G = [1 0 0; ½ ½ ½; ½ −½ ½; 0 0 1]`, for sixteen outputs at a time.
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let conv = &self.w.conv;
        let (channels, run) = (conv.x.pixel, conv.run());
        let blocks = padded(conv.y.channels) / BLOCK;
        for block in 0..blocks {
            for i in 0..channels {
                for lane in (0..BLOCK).step_by(S::LANES) {
                    let tap = |row: usize, column: usize| {
                        ((block * 3 + row) * run + column * channels + i) * BLOCK + lane
                    };
                    // SAFETY: `transform_weights` bounded both slices.
                    unsafe {
                        let from = self.packed.as_ptr();
                        let to = self.transformed.as_mut_ptr().add((block * channels + i) * BLOCK + lane);
                        let mut half = [[simd.splat(0.0); 3]; 4];
                        for column in 0..3 {
                            let g: [S::V; 3] = [
                                simd.load(from.add(tap(0, column))),
                                simd.load(from.add(tap(1, column))),
                                simd.load(from.add(tap(2, column))),
                            ];
                            let rows = spread(simd, g);
                            for row in 0..4 {
                                half[row][column] = rows[row];
                            }
                        }
                        for row in 0..4 {
                            let points = spread(simd, half[row]);
                            for column in 0..4 {
                                let point = row * 4 + column;
                                simd.store(to.add(point * blocks * channels * BLOCK), points[column]);
                            }
                        }
                    }
                }
            }
        }
    }
}

/// `G` times a column.
#[inline(always)]
fn spread<S: Simd>(simd: S, g: [S::V; 3]) -> [S::V; 4] {
    let half = simd.splat(0.5);
    let outer = simd.mul(simd.add(g[0], g[2]), half);
    let middle = simd.mul(g[1], half);
    [g[0], simd.add(outer, middle), simd.sub(outer, middle), g[2]]
}

/// What one call computes.
struct TileRun<'a> {
    w: &'a Winograd,
    images: Range<usize>,
    rows: Range<usize>,
    tile_rows: usize,
    y_strides: Strides,
}

impl TileRun<'_> {
    fn check(&self, x: &[f32], finish: &Finish<'_>, y: &[f32]) {
        let conv = &self.w.conv;
        let width = padded(conv.y.channels);
        assert!(conv.x.halo_y >= conv.padding.0 && conv.x.halo_x >= conv.padding.1, "the halo is too small");
        assert!(self.images.end * conv.x.image() <= x.len(), "the input is too short");
        assert!(self.rows.end <= conv.y.height, "the output has fewer rows");
        assert!(finish.bias.is_none_or(|bias| bias.len() >= width), "too few bias values");
        if self.images.is_empty() || self.rows.is_empty() {
            return;
        }
        let reach = |s: Strides| s.at(self.images.len() - 1, self.rows.len() - 1, conv.y.width - 1) + width;
        assert!(reach(self.y_strides) <= y.len(), "the output is too short");
        if let Addend::Map(map, strides) = finish.addend {
            assert!(reach(strides) <= map.len(), "the addend is too short");
        }
    }

    /// Image, row and column of a tile's first output; image and row count from this call's first.
    #[inline(always)]
    fn place(&self, tile: usize) -> (usize, usize, usize) {
        let (across, image) = (self.w.tiles.1, self.tile_rows * self.w.tiles.1);
        (tile / image, tile % image / across * 2, tile % across * 2)
    }
}

struct Inputs<'a> {
    run: &'a TileRun<'a>,
    tiles: Range<usize>,
    x: &'a [f32],
    inputs: &'a mut [f32],
}

impl Kernel for Inputs<'_> {
    type Output = ();

    /// `Bᵀ d B` of each tile, for all channels.
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let conv = &self.run.w.conv;
        let (layout, count) = (conv.x, self.tiles.len());
        let channels = layout.pixel;
        assert!(self.inputs.len() >= POINTS * count * channels);
        for (index, tile) in self.tiles.clone().enumerate() {
            let (n, row, column) = self.run.place(tile);
            // Counted from the top left of the halo.
            let top = self.run.rows.start + row + layout.halo_y - conv.padding.0;
            let left = column + layout.halo_x - conv.padding.1;
            let rows = (layout.height + 2 * layout.halo_y - top).min(4);
            let columns = (layout.width + 2 * layout.halo_x - left).min(4);
            let start = (self.run.images.start + n) * layout.image() + top * layout.row() + left * channels;
            for c in (0..channels).step_by(S::LANES) {
                // SAFETY: `check` has whole images in the input, and rows and columns end with the
                // image; the assertion above bounds the tiles.
                unsafe {
                    let from = self.x.as_ptr().add(start + c);
                    let to = self.inputs.as_mut_ptr().add(index * channels + c);
                    let mut half = [[simd.splat(0.0); 4]; 4];
                    for x in 0..columns {
                        let mut d = [simd.splat(0.0); 4];
                        for y in 0..rows {
                            d[y] = simd.load(from.add(y * layout.row() + x * channels));
                        }
                        let d = differences(simd, d);
                        for y in 0..4 {
                            half[y][x] = d[y];
                        }
                    }
                    for y in 0..4 {
                        let d = differences(simd, half[y]);
                        for x in 0..4 {
                            simd.store(to.add((y * 4 + x) * count * channels), d[x]);
                        }
                    }
                }
            }
        }
    }
}

/// `Bᵀ` times a column: `B` is `[1 0 0 0; 0 1 −1 1; −1 1 1 0; 0 0 0 −1]`.
#[inline(always)]
fn differences<S: Simd>(simd: S, d: [S::V; 4]) -> [S::V; 4] {
    [simd.sub(d[0], d[2]), simd.add(d[1], d[2]), simd.sub(d[2], d[1]), simd.sub(d[1], d[3])]
}

struct Outputs<'a> {
    run: &'a TileRun<'a>,
    tiles: Range<usize>,
    finish: Finish<'a>,
    products: &'a [f32],
    y: &'a mut [f32],
}

impl Kernel for Outputs<'_> {
    type Output = ();

    /// `Aᵀ m A` of each tile with what is added to it, for all channels.
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let conv = &self.run.w.conv;
        let (channels, count) = (padded(conv.y.channels), self.tiles.len());
        assert!(self.products.len() >= POINTS * count * channels);
        let floor = simd.splat(if self.finish.relu { 0.0 } else { f32::NEG_INFINITY });
        let y = self.y.as_mut_ptr();
        for (index, tile) in self.tiles.clone().enumerate() {
            let (n, row, column) = self.run.place(tile);
            let rows = (self.run.rows.len() - row).min(2);
            let columns = (conv.y.width - column).min(2);
            for c in (0..channels).step_by(S::LANES) {
                // SAFETY: `check` bounded every output and addend; the assertion above the products.
                unsafe {
                    let from = self.products.as_ptr().add(index * channels + c);
                    let mut half = [[simd.splat(0.0); 4]; 2];
                    for x in 0..4 {
                        let m: [S::V; 4] =
                            std::array::from_fn(|y| simd.load(from.add((y * 4 + x) * count * channels)));
                        let sums = sums(simd, m);
                        half[0][x] = sums[0];
                        half[1][x] = sums[1];
                    }
                    let bias = self.finish.bias.map_or(simd.splat(0.0), |b| simd.load(b.as_ptr().add(c)));
                    for dy in 0..rows {
                        let values = sums(simd, half[dy]);
                        for dx in 0..columns {
                            let at = |s: Strides| s.at(n, row + dy, column + dx) + c;
                            let mut v = simd.add(values[dx], bias);
                            v = match self.finish.addend {
                                Addend::None => v,
                                Addend::Output => simd.add(v, simd.load(y.add(at(self.run.y_strides)))),
                                Addend::Map(map, strides) => {
                                    simd.add(v, simd.load(map.as_ptr().add(at(strides))))
                                }
                            };
                            simd.store(y.add(at(self.run.y_strides)), simd.max(floor, v));
                        }
                    }
                }
            }
        }
    }
}

/// `Aᵀ` times a column: `A` is `[1 0; 1 1; 1 −1; 0 −1]`.
#[inline(always)]
fn sums<S: Simd>(simd: S, m: [S::V; 4]) -> [S::V; 2] {
    [simd.add(simd.add(m[0], m[1]), m[2]), simd.sub(simd.sub(m[1], m[2]), m[3])]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layout::MapLayout;
    use crate::random::Stream;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(60))]

        /// The direct convolution is the definition here; its own tests hold it to that.
        #[test]
        fn agrees_with_the_direct_convolution(
            (height, width) in (1usize..=11, 1usize..=11),
            (inputs, outputs) in (1usize..=40, 1usize..=40),
            (padding, spare) in (1usize..=2, 0usize..=1),
            images in 1usize..=5,
            relu in any::<bool>(),
        ) {
            let x = MapLayout::new(inputs, height, width).with_halo(padding + spare, padding + spare);
            let y = MapLayout::new(outputs, height + 2 * padding - 2, width + 2 * padding - 2).with_halo(1, 0);
            let conv = Conv { x, y, kernel: (3, 3), stride: (1, 1), padding: (padding, padding) };
            let w = Winograd::new(&conv).expect("it fits");
            let mut stream = Stream::new(1, 1, 0, 0);
            let mut draw = |n: usize| (0..n).map(|_| stream.uniform() - 0.5).collect::<Vec<f32>>();
            let mut values = draw(images * x.image());
            x.clear_halo(images, &mut values);
            let packed = draw(conv.weights_len());
            let (bias, add) = (draw(padded(outputs)), draw(images * y.image()));
            let finish = Finish { bias: Some(&bias), addend: Addend::Map(&add, y.strides()), relu };
            for isa in Isa::available() {
                let mut direct = vec![0.0; images * y.image()];
                sweep(isa, &conv.forward(images), &values, &packed, finish, &mut direct);
                let mut transformed = vec![0.0; w.weights_len()];
                w.transform_weights(isa, &packed, &mut transformed);
                let mut scratch = vec![f32::NAN; w.scratch_len()];
                let mut out = vec![0.0; direct.len()];
                let all = (0..images, 0..y.height);
                w.forward(isa, all, &values, &transformed, finish, &mut scratch, (&mut out, y.strides()));
                for (a, b) in out.iter().zip(&direct) {
                    // Sums of up to 432 products below 1/4; the transforms triple the rounding.
                    prop_assert!((a - b).abs() < 1e-4, "{isa:?}: {a} for {b}");
                }
            }
        }
    }
}
