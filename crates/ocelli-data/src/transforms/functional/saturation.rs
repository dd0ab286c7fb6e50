//! Saturation.

use ocelli_kernels::Loop;

use super::grayscale::grey;
use super::tools::{cut, fast};
use crate::Image;

/// Mixes an image with its grey one: 0 gives grey, 1 the image, more goes away from grey. Grey images stay as they are.
/// torchvision's `adjust_saturation`, to the byte.
pub fn adjust_saturation(image: &mut Image, factor: f64) {
    if image.channels() == 3 {
        let (factor, rest) = (factor as f32, (1.0 - factor) as f32);
        fast(Blend { pixels: image.pixels_mut().as_chunks_mut().0, factor, rest });
    }
}

struct Blend<'a> {
    pixels: &'a mut [[u8; 3]],
    factor: f32,
    rest: f32,
}

impl Loop for Blend<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        for pixel in self.pixels {
            let grey = f32::from(cut(grey(*pixel)));
            let [r, g, b] = *pixel;
            let blend = |level: u8| cut(grey.mul_add(self.rest, f32::from(level) * self.factor));
            *pixel = [blend(r), blend(g), blend(b)];
        }
    }
}
