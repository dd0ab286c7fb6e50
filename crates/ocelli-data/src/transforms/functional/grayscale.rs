//! Colours to grey by torchvision's weights for tensors, which differ from Pillow's.

use ocelli_kernels::Loop;

use super::tools::{cut, fast};
use crate::{Image, ImageView};

/// The grey level of a pixel before what follows its point is cut off, rounded as PyTorch rounds it.
#[inline(always)]
pub(super) fn grey([r, g, b]: [u8; 3]) -> f32 {
    f32::from(b).mul_add(0.114, f32::from(g).mul_add(0.587, f32::from(r) * 0.2989))
}

/// Takes colours away: 0.2989 R + 0.587 G + 0.114 B, cut off after the point, in 1 or 3 channels.
/// torchvision's `rgb_to_grayscale`, to the byte.
///
/// # Panics
/// If `channels` is neither 1 nor 3.
pub fn grayscale(image: &mut Image, channels: usize) {
    assert!(matches!(channels, 1 | 3), "grey images have 1 channel or 3, not {channels}");
    match (image.channels(), channels) {
        (3, 3) => fast(InPlace { pixels: image.pixels_mut().as_chunks_mut().0 }),
        (3, _) => {
            let mut levels = vec![0; image.height() * image.width()];
            fast(Levels { pixels: image.pixels().as_chunks().0, levels: &mut levels });
            *image = Image::new(image.height(), image.width(), 1, levels);
        }
        (_, 3) => {
            let pixels = image.pixels().iter().flat_map(|level| [*level; 3]).collect();
            *image = Image::new(image.height(), image.width(), 3, pixels);
        }
        _ => {}
    }
}

struct InPlace<'a> {
    pixels: &'a mut [[u8; 3]],
}

impl Loop for InPlace<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        // Levels first and copies after: together they are not made vectors of.
        let mut levels = [0; 64];
        for block in self.pixels.chunks_mut(levels.len()) {
            for (level, pixel) in levels.iter_mut().zip(&*block) {
                *level = cut(grey(*pixel));
            }
            for (pixel, level) in block.iter_mut().zip(levels) {
                *pixel = [level; 3];
            }
        }
    }
}

struct Levels<'a> {
    pixels: &'a [[u8; 3]],
    levels: &'a mut [u8],
}

impl Loop for Levels<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        for (level, pixel) in self.levels.iter_mut().zip(self.pixels) {
            *level = cut(grey(*pixel));
        }
    }
}

/// The sum of the grey levels of a colour image.
pub(super) fn grey_sum(image: ImageView<'_>) -> u64 {
    fast(GreySum { pixels: image.pixels().as_chunks().0 })
}

struct GreySum<'a> {
    pixels: &'a [[u8; 3]],
}

impl Loop for GreySum<'_> {
    type Output = u64;

    #[inline(always)]
    fn run(self) -> u64 {
        // 2²³ levels fit 31 bits.
        let part = |pixels: &[[u8; 3]]| -> u64 {
            pixels.iter().map(|pixel| i32::from(cut(grey(*pixel)))).sum::<i32>() as u64
        };
        self.pixels.chunks(1 << 22).map(part).sum()
    }
}

/// The sum of bytes.
pub(super) fn sum(bytes: &[u8]) -> u64 {
    let part = |bytes: &[u8]| u64::from(bytes.iter().map(|byte| u32::from(*byte)).sum::<u32>());
    bytes.chunks(1 << 22).map(part).sum()
}
