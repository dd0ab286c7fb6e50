//! Contrast to the full.

use ocelli_kernels::Loop;

use super::table::look_up;
use super::tools::{cut, fast};
use crate::Image;

/// Stretches each channel so that its lowest level becomes 0 and its highest 255; a channel of one level stays as it is.
/// torchvision's `autocontrast`, to the byte.
pub fn autocontrast(image: &mut Image) {
    let (low, high) = if image.channels() == 1 {
        let (low, high) = fast(Extremes::<1> { pixels: image.pixels().as_chunks().0 });
        ([low[0]; 3], [high[0]; 3])
    } else {
        fast(Extremes::<3> { pixels: image.pixels().as_chunks().0 })
    };
    let tables = std::array::from_fn(|c| {
        let (low, high) = (f32::from(low[c]), f32::from(high[c]));
        let scale = (high - low) * (1.0 / 255.0);
        std::array::from_fn(|byte| if high > low { cut((byte as f32 - low) / scale) } else { byte as u8 })
    });
    look_up(image, &tables);
}

struct Extremes<'a, const C: usize> {
    pixels: &'a [[u8; C]],
}

/// Pixels that are compared side by side.
const LANES: usize = 64;

impl<const C: usize> Loop for Extremes<'_, C> {
    type Output = ([u8; C], [u8; C]);

    #[inline(always)]
    fn run(self) -> Self::Output {
        let (blocks, rest) = self.pixels.as_chunks::<LANES>();
        let mut low = [[u8::MAX; C]; LANES];
        let mut high = [[u8::MIN; C]; LANES];
        for block in blocks {
            for ((low, high), pixel) in low.iter_mut().zip(&mut high).zip(block) {
                for c in 0..C {
                    low[c] = low[c].min(pixel[c]);
                    high[c] = high[c].max(pixel[c]);
                }
            }
        }
        let smaller = |a: [u8; C], b: &[u8; C]| std::array::from_fn(|c| a[c].min(b[c]));
        let larger = |a: [u8; C], b: &[u8; C]| std::array::from_fn(|c| a[c].max(b[c]));
        (
            low.iter().chain(rest).fold([u8::MAX; C], smaller),
            high.iter().chain(rest).fold([u8::MIN; C], larger),
        )
    }
}
