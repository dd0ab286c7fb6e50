//! Quarter turns.

use crate::{Image, ImageView};

/// Turns `image` by a quarter anticlockwise into `target`, which takes its size.
pub fn quarter_turn(image: ImageView<'_>, target: &mut Image) {
    let (height, width, channels) = (image.height(), image.width(), image.channels());
    let pixels = target.reset(width, height, channels);
    for (y, row) in pixels.chunks_exact_mut((height * channels).max(1)).enumerate() {
        let column = (width - 1 - y) * channels;
        for (x, pixel) in row.chunks_exact_mut(channels).enumerate() {
            let at = x * width * channels + column;
            pixel.copy_from_slice(&image.pixels()[at..at + channels]);
        }
    }
}
