//! Inversion.

use crate::Image;

/// 255 less every level: torchvision's `invert`.
pub fn invert(image: &mut Image) {
    for byte in image.pixels_mut() {
        *byte = !*byte;
    }
}
