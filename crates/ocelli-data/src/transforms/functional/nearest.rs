//! Resizing by taking pixels as they are.

use super::resize::Part;
use crate::{Image, ImageView};

/// `part` of `image` at the size of `target`: the pixel at each place rounded down, PyTorch's `nearest`, or if `exact` the
/// one whose centre is nearest, `nearest-exact`.
pub(super) fn resize_nearest(image: ImageView<'_>, part: Part, exact: bool, target: &mut Image) {
    let (height, width, channels) = (target.height(), target.width(), image.channels());
    let columns: Vec<usize> =
        (0..width).map(|x| (part.left + source(x, part.width, width, exact)) * channels).collect();
    let stride = image.width() * channels;
    for (y, row) in target.pixels_mut().chunks_exact_mut(width * channels).enumerate() {
        let from = &image.pixels()[(part.top + source(y, part.height, height, exact)) * stride..][..stride];
        for (pixel, &column) in row.chunks_exact_mut(channels).zip(&columns) {
            pixel.copy_from_slice(&from[column..column + channels]);
        }
    }
}

/// Which of `seen` pixels is shown at `at` of `made`.
fn source(at: usize, seen: usize, made: usize, exact: bool) -> usize {
    let scale = seen as f32 / made as f32;
    let place = if exact { (at as f32 + 0.5) * scale } else { at as f32 * scale };
    (place as usize).min(seen - 1)
}
