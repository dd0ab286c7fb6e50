//! Cropping, past the edges too.

use crate::{Image, ImageView};

/// The `height × width` part of an image whose top left corner is at (`top`, `left`).
///
/// What lies outside the image is `fill`, red, green and blue, of which grey images take the first: this pads too.
pub fn crop(
    image: ImageView<'_>,
    (top, left): (isize, isize),
    (height, width): (usize, usize),
    fill: [u8; 3],
) -> Image {
    let channels = image.channels();
    let mut pixels = fill[..channels].repeat(height * width);
    let rows = overlap(top, height, image.height());
    let columns = overlap(left, width, image.width());
    let count = columns.len * channels;
    for row in 0..rows.len {
        let from = ((rows.source + row) * image.width() + columns.source) * channels;
        let to = ((rows.target + row) * width + columns.target) * channels;
        pixels[to..to + count].copy_from_slice(&image.pixels()[from..from + count]);
    }
    Image::new(height, width, channels, pixels)
}

/// Where a crop and an image overlap, along one side.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Overlap {
    /// First shared place, counted in the image.
    pub(crate) source: usize,
    /// The same place, counted in the crop.
    pub(crate) target: usize,
    /// How many are shared.
    pub(crate) len: usize,
}

/// The overlap of a crop of `size` that starts at `start` with an image of `available`.
pub(crate) fn overlap(start: isize, size: usize, available: usize) -> Overlap {
    let source = start.max(0) as usize;
    let target = start.min(0).unsigned_abs();
    let len = size.saturating_sub(target).min(available.saturating_sub(source));
    if len == 0 {
        return Overlap { source: 0, target: 0, len };
    }
    Overlap { source, target, len }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_pixel_is_the_images_or_fill(
            height in 1usize..6, width in 1usize..6, channels in prop::sample::select(vec![1usize, 3]),
            top in -7isize..8, left in -7isize..8, out_height in 1usize..9, out_width in 1usize..9,
        ) {
            let pixels: Vec<u8> = (0..height * width * channels).map(|i| i as u8 + 1).collect();
            let image = Image::new(height, width, channels, pixels);
            let out = crop(image.view(), (top, left), (out_height, out_width), [0; 3]);
            for y in 0..out_height {
                for x in 0..out_width {
                    for c in 0..channels {
                        let (sy, sx) = (top + y as isize, left + x as isize);
                        let inside = (0..height as isize).contains(&sy) && (0..width as isize).contains(&sx);
                        let expected = if inside {
                            image.pixels()[(sy as usize * width + sx as usize) * channels + c]
                        } else {
                            0
                        };
                        prop_assert_eq!(out.pixels()[(y * out_width + x) * channels + c], expected);
                    }
                }
            }
        }
    }
}
