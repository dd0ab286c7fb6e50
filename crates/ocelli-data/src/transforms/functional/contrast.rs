//! Contrast.

use super::grayscale::{grey_sum, sum};
use super::tools::{cut, each_byte};
use crate::Image;

/// Mixes an image with the mean of its grey levels: 0 gives that mean, 1 the image, more goes away from it.
/// torchvision's `adjust_contrast`.
pub fn adjust_contrast(image: &mut Image, factor: f64) {
    let pixels = image.height() * image.width();
    if pixels == 0 {
        return;
    }
    let total = if image.channels() == 3 { grey_sum(image.view()) } else { sum(image.pixels()) };
    let mean = (total as f64 / pixels as f64) as f32;
    let (factor, rest) = (factor as f32, (1.0 - factor) as f32);
    each_byte(
        image.pixels_mut(),
        #[inline(always)]
        |byte| cut(mean.mul_add(rest, f32::from(byte) * factor)),
    );
}
