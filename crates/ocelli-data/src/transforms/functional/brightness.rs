//! Brightness.

use ocelli_kernels::Loop;

use super::tools::{cut, fast};
use crate::Image;

/// Multiplies levels by `factor`, at least 0: torchvision's `adjust_brightness`, to the byte.
pub fn adjust_brightness(image: &mut Image, factor: f64) {
    fast(Scale { bytes: image.pixels_mut(), factor: factor as f32 });
}

struct Scale<'a> {
    bytes: &'a mut [u8],
    factor: f32,
}

impl Loop for Scale<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        for byte in self.bytes {
            *byte = cut(f32::from(*byte) * self.factor);
        }
    }
}
