//! Where the values of a map lie in memory.

use std::ops::Range;

/// Channels are handled in blocks of this many: a map's pixels are padded to a multiple of it, and
/// packed weights hold this many output channels side by side.
pub const BLOCK: usize = 16;

/// `n` rounded up to a multiple of [`BLOCK`].
#[must_use]
pub const fn padded(n: usize) -> usize {
    n.div_ceil(BLOCK) * BLOCK
}

/// Channels of so many blocks.
///
/// # Panics
/// If they do not fit `usize`.
pub(crate) fn channels_of(blocks: usize) -> usize {
    blocks.checked_mul(BLOCK).expect("as many channels as fit memory")
}

/// The memory of one channels-last map per image: `height × width` pixels of `pixel` floats each,
/// inside a halo of zero pixels.
///
/// A pixel holds `channels` values and then zeros up to `pixel`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MapLayout {
    /// Channels that mean something.
    pub channels: usize,
    /// Floats from one pixel to the next.
    pub pixel: usize,
    /// Rows.
    pub height: usize,
    /// Pixels in a row.
    pub width: usize,
    /// Rows of zeros above, and as many below.
    pub halo_y: usize,
    /// Pixels of zeros left of each row, and as many right.
    pub halo_x: usize,
}

impl MapLayout {
    /// A map without halo, its pixels padded to whole blocks.
    #[must_use]
    pub fn new(channels: usize, height: usize, width: usize) -> Self {
        Self { channels, pixel: padded(channels), height, width, halo_y: 0, halo_x: 0 }
    }

    /// The same map inside a halo.
    #[must_use]
    pub fn with_halo(self, halo_y: usize, halo_x: usize) -> Self {
        Self { halo_y, halo_x, ..self }
    }

    /// Floats from one row to the next.
    #[must_use]
    pub fn row(&self) -> usize {
        (self.width + 2 * self.halo_x) * self.pixel
    }

    /// Floats of one image, halo included.
    #[must_use]
    pub fn image(&self) -> usize {
        (self.height + 2 * self.halo_y) * self.row()
    }

    /// Floats of `images` images, if that fits `usize`.
    pub(crate) fn checked_len(&self, images: usize) -> Option<usize> {
        let with_halo = |size: usize, halo: usize| halo.checked_mul(2)?.checked_add(size);
        let row = with_halo(self.width, self.halo_x)?.checked_mul(self.pixel)?;
        with_halo(self.height, self.halo_y)?.checked_mul(row)?.checked_mul(images)
    }

    /// Where row `y` of image `n` begins, after the halo to its left.
    #[must_use]
    pub fn at(&self, n: usize, y: usize) -> usize {
        n * self.image() + (y + self.halo_y) * self.row() + self.halo_x * self.pixel
    }

    /// The floats of one row's pixels, without halo.
    #[must_use]
    pub fn row_values(&self, n: usize, y: usize) -> Range<usize> {
        let start = self.at(n, y);
        start..start + self.width * self.pixel
    }

    /// Steps through the map itself: one row down, one pixel right.
    #[must_use]
    pub fn strides(&self) -> Strides {
        Strides { start: self.at(0, 0), image: self.image(), row: self.row(), pixel: self.pixel }
    }

    /// Writes zeros to the halo of `images` images.
    ///
    /// # Panics
    /// If `values` is shorter than that many images.
    pub fn clear_halo(&self, images: usize, values: &mut [f32]) {
        if self.halo_y == 0 && self.halo_x == 0 {
            return;
        }
        let (row, side) = (self.row(), self.halo_x * self.pixel);
        for image in values[..images * self.image()].chunks_exact_mut(self.image()) {
            let (top, rest) = image.split_at_mut(self.halo_y * row);
            let (middle, bottom) = rest.split_at_mut(self.height * row);
            top.fill(0.0);
            bottom.fill(0.0);
            if side > 0 {
                for line in middle.chunks_exact_mut(row) {
                    line[..side].fill(0.0);
                    line[row - side..].fill(0.0);
                }
            }
        }
    }
}

/// Steps in floats through a series of maps: where the first value is, and how far it is to the
/// next image, row and pixel. A step may skip pixels (a stride) or lead through a halo (padding).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Strides {
    /// Index of the first value.
    pub start: usize,
    /// From an image to the next.
    pub image: usize,
    /// From a row to the next.
    pub row: usize,
    /// From a pixel to the next.
    pub pixel: usize,
}

impl Strides {
    /// The index of the first value of pixel `x` in row `y` of image `n`.
    #[must_use]
    pub fn at(&self, n: usize, y: usize, x: usize) -> usize {
        self.start + n * self.image + y * self.row + x * self.pixel
    }

    /// How many floats maps of so many images, rows and pixels, with `width` values each, reach to: what
    /// a slice must hold so that no step through them leaves it.
    ///
    /// # Panics
    /// If there are none, or the count does not fit `usize`.
    pub(crate) fn reach(&self, (images, rows, pixels): (usize, usize, usize), width: usize) -> usize {
        let last = |count: usize, step: usize| count.checked_sub(1)?.checked_mul(step);
        let furthest = || {
            let (image, row) = (last(images, self.image)?, last(rows, self.row)?);
            let pixel = last(pixels, self.pixel)?;
            self.start.checked_add(image)?.checked_add(row)?.checked_add(pixel)?.checked_add(width)
        };
        furthest().expect("steps through at least one pixel that stay within memory")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halo_is_cleared_and_nothing_else() {
        let layout = MapLayout::new(3, 2, 3).with_halo(1, 2);
        let mut values = vec![1.0; 2 * layout.image()];
        layout.clear_halo(2, &mut values);
        let mut inside = 0;
        for n in 0..2 {
            for y in 0..2 {
                assert!(values[layout.row_values(n, y)].iter().all(|&v| v == 1.0));
                inside += layout.row_values(n, y).len();
            }
        }
        assert_eq!(values.iter().filter(|&&v| v == 1.0).count(), inside);
    }
}
