//! 3 × 3 convolutions of stride 1 by Winograd's minimal filtering, F(4×4, 3×3) (Lavin & Gray, "Fast
//! algorithms for convolutional neural networks", 2015): thirty-six multiplications for sixteen
//! outputs instead of a hundred and forty-four.
//!
//! A tile of 4 × 4 outputs is `Aᵀ [(G g Gᵀ) ⊙ (Bᵀ d B)] A`, where `d` is its 6 × 6 window of the input
//! and `g` the kernel. Over many tiles and all channels the product in the middle is thirty-six
//! matrix products, which are sweeps. Weights `G g Gᵀ` are transformed ahead. The weight gradient is
//! the adjoint, `Gᵀ [Σ (A y Aᵀ) ⊙ (Bᵀ d B)] G` with the gradients `y` of the outputs: as many sums of
//! outer products.
//!
//! A tile mixes its whole window: a value that is infinite or no number makes all outputs of its tiles
//! no numbers, and not only those whose kernels meet it.

mod tiles;
mod transform;
mod weights;

use std::ops::Range;

use crate::conv::Conv;
use crate::isa::Isa;
use crate::layout::{BLOCK, Strides, padded};
use crate::outer::{Groups, outer};
use crate::sweep::{Addend, Finish, Sweep, Taps, sweep};
use tiles::{Gradients, Inputs, Outputs, TileRun, point_stride};
use transform::{OUTPUTS, SIDE};
use weights::{Transform, TransformGradient};

/// Products of a tile.
const POINTS: usize = SIDE * SIDE;

/// Rows at which a call may begin: those at which tiles do.
pub const TILE_ROWS: usize = OUTPUTS;

/// The fewest and the most tiles that go through the products together, and the floats that they and
/// their products may take, so as to stay in the second-level cache.
const GROUP: (usize, usize) = (28, 112);
const GROUP_FLOATS: usize = 128 * 1024;

/// A convolution by Winograd's method.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Winograd {
    conv: Conv,
    /// Tiles down and across.
    tiles: (usize, usize),
}

impl Winograd {
    /// For a 3 × 3 convolution of stride 1 between maps of whole blocks that are not empty; nothing for
    /// others.
    #[must_use]
    pub fn new(conv: &Conv) -> Option<Self> {
        let output = |size: usize, padding: usize| (size + 2 * padding).checked_sub(2);
        let (height, width) = (output(conv.x.height, conv.padding.0), output(conv.x.width, conv.padding.1));
        // The tiles' windows end with the padded input only if the sizes belong together.
        let fits = conv.kernel == (3, 3)
            && conv.stride == (1, 1)
            && conv.dilation == (1, 1)
            && conv.groups == 1
            && conv.x.pixel.is_multiple_of(BLOCK)
            && (height, width) == (Some(conv.y.height), Some(conv.y.width))
            && conv.y.height > 0
            && conv.y.width > 0;
        // Sizes that do not fit memory would defeat the checks of slices.
        conv.x.checked_len(1).zip(conv.y.checked_len(1))?;
        conv.x.pixel.checked_mul(POINTS)?.checked_mul(conv.y.channels.checked_next_multiple_of(BLOCK)?)?;
        let tiles = (conv.y.height.div_ceil(OUTPUTS), conv.y.width.div_ceil(OUTPUTS));
        fits.then_some(Self { conv: *conv, tiles })
    }

    /// Tiles of an image.
    #[must_use]
    pub fn tiles(&self) -> usize {
        self.tiles.0 * self.tiles.1
    }

    /// Floats of the transformed weights.
    #[must_use]
    pub fn weights_len(&self) -> usize {
        POINTS * self.point_weights()
    }

    fn group(&self) -> usize {
        let tile = POINTS * (self.conv.x.pixel + padded(self.conv.y.channels));
        (GROUP_FLOATS / tile.max(1)).clamp(GROUP.0, GROUP.1)
    }

    /// Floats of memory for transformed inputs, and for products.
    fn scratch_parts(&self) -> (usize, usize) {
        let of = |channels: usize| POINTS * point_stride(self.group(), channels);
        (of(self.conv.x.pixel), of(padded(self.conv.y.channels)))
    }

    /// Floats of memory that [`Winograd::forward`] works in.
    #[must_use]
    pub fn scratch_len(&self) -> usize {
        let (inputs, products) = self.scratch_parts();
        inputs + products
    }

    /// Floats of memory that [`Winograd::weight_gradient`] works in.
    #[must_use]
    pub fn gradient_scratch_len(&self) -> usize {
        self.scratch_len() + self.weights_len()
    }

    /// Transforms packed weights (see [`crate::conv::pack`]).
    ///
    /// # Panics
    /// If a slice is too short.
    pub fn transform_weights(&self, isa: Isa, packed: &[f32], transformed: &mut [f32]) {
        isa.run(Transform { w: self, packed, transformed });
    }

    /// Rows `rows` (from a multiple of [`TILE_ROWS`]) of `images`: `y = relu?(bias + addend + conv(x))`.
    /// The first row of the first image begins at `y_strides.start` of `y`; an addend begins there too.
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
        let run = TileRun { w: self, images, rows, y: y_strides };
        run.check(x, y);
        let blocks = padded(self.conv.y.channels) / BLOCK;
        assert!(finish.bias.is_none_or(|bias| bias.len() >= blocks * BLOCK), "too few bias values");
        if let Addend::Map(map, strides) = finish.addend {
            assert!(run.reach(strides) <= map.len(), "the addend is too short");
        }
        let (inputs, products) = scratch.split_at_mut(self.scratch_parts().0);
        for tiles in self.groups(run.tiles()) {
            isa.run(Inputs { run: &run, tiles: tiles.clone(), x, inputs });
            sweep(isa, &self.products(tiles.len()), inputs, weights, Finish::NONE, products);
            isa.run(Outputs { run: &run, tiles, finish, products, y });
        }
    }

    /// Writes to `dw`, packed as the weights are, their gradient over the first `images` of `x` for the
    /// gradient `g` of the output.
    ///
    /// # Panics
    /// If a slice is too short, or there is no image.
    pub fn weight_gradient(
        &self,
        isa: Isa,
        images: usize,
        x: &[f32],
        (g, g_strides): (&[f32], Strides),
        scratch: &mut [f32],
        dw: &mut [f32],
    ) {
        let run = TileRun { w: self, images: 0..images, rows: 0..self.conv.y.height, y: g_strides };
        run.check(x, g);
        assert!(images > 0, "a gradient over no image");
        let (inputs, products) = self.scratch_parts();
        let (inputs, rest) = scratch.split_at_mut(inputs);
        let (products, sums) = rest.split_at_mut(products);
        let sums = &mut sums[..self.weights_len()];
        for tiles in self.groups(run.tiles()) {
            let add = tiles.start > 0;
            isa.run(Inputs { run: &run, tiles: tiles.clone(), x, inputs });
            isa.run(Gradients { run: &run, tiles: tiles.clone(), g, products });
            let all = self.products(tiles.len());
            let one = Sweep { images: 1, ..all };
            for (point, sums) in sums.chunks_exact_mut(self.point_weights()).enumerate() {
                let (inputs, products) = (&inputs[point * all.x.image..], &products[point * all.y.image..]);
                outer(isa, &one, Groups::ONE, inputs, products, sums, add);
            }
        }
        isa.run(TransformGradient { w: self, transformed: sums, packed: dw });
    }

    /// Groups of tiles, about equally large: no small one at the end.
    fn groups(&self, tiles: usize) -> impl Iterator<Item = Range<usize>> {
        let group = tiles.div_ceil(tiles.div_ceil(self.group()).max(1)).max(1);
        (0..tiles).step_by(group).map(move |first| first..(first + group).min(tiles))
    }

    /// The matrix products, one for each point: an image each.
    fn products(&self, tiles: usize) -> Sweep {
        let (channels, outputs) = (self.conv.x.pixel, padded(self.conv.y.channels));
        let map =
            |channels| Strides { start: 0, image: point_stride(tiles, channels), row: 0, pixel: channels };
        Sweep {
            images: POINTS,
            rows: 1,
            first_row: 0,
            columns: tiles,
            blocks: outputs / BLOCK,
            x: map(channels),
            taps: Taps { room: channels, ..Taps::of_run(self.conv.x.channels) },
            y: map(outputs),
            border: None,
            weights_image: self.point_weights(),
        }
    }
}

#[cfg(test)]
mod tests;
