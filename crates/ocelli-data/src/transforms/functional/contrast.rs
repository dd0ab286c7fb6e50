//! Contrast.

use ocelli_kernels::Loop;

use super::grayscale::{grey_sum, sum};
use super::tools::{cut, fast};
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
    fast(Blend { bytes: image.pixels_mut(), factor, mean, rest });
}

struct Blend<'a> {
    bytes: &'a mut [u8],
    factor: f32,
    mean: f32,
    rest: f32,
}

impl Loop for Blend<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        for byte in self.bytes {
            *byte = cut(self.mean.mul_add(self.rest, f32::from(*byte) * self.factor));
        }
    }
}
