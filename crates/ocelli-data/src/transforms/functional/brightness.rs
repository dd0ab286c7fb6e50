//! Brightness.

use super::tools::{cut, each_byte};
use crate::Image;

/// Multiplies levels by `factor`, at least 0: torchvision's `adjust_brightness`, to the byte.
pub fn adjust_brightness(image: &mut Image, factor: f64) {
    let factor = factor as f32;
    each_byte(
        image.pixels_mut(),
        #[inline(always)]
        |byte| cut(f32::from(byte) * factor),
    );
}
