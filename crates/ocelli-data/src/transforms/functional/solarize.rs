//! Solarization.

use crate::Image;

/// Inverts levels from `threshold` on: torchvision's `solarize`.
pub fn solarize(image: &mut Image, threshold: f32) {
    // A level is at least the threshold when it is at least the whole number above it; none is at least 256.
    let lowest = threshold.ceil().clamp(0.0, 256.0) as u16;
    let Ok(lowest) = u8::try_from(lowest) else { return };
    for byte in image.pixels_mut() {
        *byte = if *byte >= lowest { !*byte } else { *byte };
    }
}
