//! Fewer bits.

use crate::Image;

/// Keeps the `bits` highest bits of every level: torchvision's `posterize`. From 8 on that is all.
pub fn posterize(image: &mut Image, bits: u8) {
    let mask = if bits >= 8 { u8::MAX } else { !(u8::MAX >> bits) };
    for byte in image.pixels_mut() {
        *byte &= mask;
    }
}
