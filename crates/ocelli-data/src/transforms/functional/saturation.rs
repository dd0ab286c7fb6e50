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

/// Pixels that are blended together, by planes.
const TOGETHER: usize = 256;

impl Loop for Blend<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let mut planes = [[0u8; TOGETHER]; 3];
        for block in self.pixels.chunks_mut(TOGETHER) {
            let [red, green, blue] = planes.each_mut().map(|plane| &mut plane[..block.len()]);
            for (pixel, ((r, g), b)) in block.iter().zip(red.iter_mut().zip(&mut *green).zip(&mut *blue)) {
                [*r, *g, *b] = *pixel;
            }
            for ((r, g), b) in red.iter_mut().zip(&mut *green).zip(&mut *blue) {
                let grey = f32::from(cut(grey([*r, *g, *b])));
                let blend = |level: u8| cut(grey.mul_add(self.rest, f32::from(level) * self.factor));
                [*r, *g, *b] = [blend(*r), blend(*g), blend(*b)];
            }
            for (pixel, ((r, g), b)) in block.iter_mut().zip(red.iter().zip(&*green).zip(&*blue)) {
                *pixel = [*r, *g, *b];
            }
        }
    }
}
