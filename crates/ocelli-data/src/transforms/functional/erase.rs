//! Erasing.

use crate::Image;

/// Fills the `height × width` rectangle at (`top`, `left`), as far as it lies in the image. Of `value`, red, green and
/// blue, grey images take the first.
pub fn erase(
    image: &mut Image,
    (top, left): (usize, usize),
    (height, width): (usize, usize),
    value: [u8; 3],
) {
    let (channels, whole) = (image.channels(), image.width());
    let (first, last) = (left.min(whole), left.saturating_add(width).min(whole));
    if first == last {
        return;
    }
    for row in image.pixels_mut().chunks_exact_mut(whole * channels).skip(top).take(height) {
        for pixel in row[first * channels..last * channels].chunks_exact_mut(channels) {
            pixel.copy_from_slice(&value[..channels]);
        }
    }
}
