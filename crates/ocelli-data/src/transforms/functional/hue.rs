//! Hue.

use ocelli_kernels::Loop;

use super::tools::{cut, fast, whole};
use crate::Image;

/// Turns hue by `turns`, −0.5 to 0.5, through HSV as torchvision's `adjust_hue` does. Grey images stay as they are.
pub fn adjust_hue(image: &mut Image, turns: f64) {
    if image.channels() == 3 {
        fast(Turn { pixels: image.pixels_mut().as_chunks_mut().0, turns: turns as f32 });
    }
}

struct Turn<'a> {
    pixels: &'a mut [[u8; 3]],
    turns: f32,
}

/// Pixels that are turned together, by planes.
const TOGETHER: usize = 256;

impl Loop for Turn<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let mut planes = [[0.0; TOGETHER]; 3];
        for block in self.pixels.chunks_mut(TOGETHER) {
            let [red, green, blue] = planes.each_mut().map(|plane| &mut plane[..block.len()]);
            for (pixel, ((r, g), b)) in block.iter().zip(red.iter_mut().zip(&mut *green).zip(&mut *blue)) {
                [*r, *g, *b] = pixel.map(|level| f32::from(level) * (1.0 / 255.0));
            }
            for ((r, g), b) in red.iter_mut().zip(&mut *green).zip(&mut *blue) {
                [*r, *g, *b] = turned([*r, *g, *b], self.turns);
            }
            for (pixel, ((r, g), b)) in block.iter_mut().zip(red.iter().zip(&*green).zip(&*blue)) {
                *pixel = [cut(r * 255.999), cut(g * 255.999), cut(b * 255.999)];
            }
        }
    }
}

/// A colour of 0..1 with its hue turned, every step rounded as torchvision's.
#[inline(always)]
fn turned([r, g, b]: [f32; 3], turns: f32) -> [f32; 3] {
    // Written out: the functions for it mind what is no number, and keep the loop from becoming one of vectors.
    let larger = |a: f32, b: f32| if a > b { a } else { b };
    let smaller = |a: f32, b: f32| if a < b { a } else { b };
    let value = larger(larger(r, g), b);
    let range = value - smaller(smaller(r, g), b);
    let is_grey = range == 0.0;
    let saturation = range / if is_grey { 1.0 } else { value };
    let divisor = if is_grey { 1.0 } else { range };
    let [rc, gc, bc] = [(value - r) / divisor, (value - g) / divisor, (value - b) / divisor];
    let from_blue = (gc + 4.0) - rc;
    let from_green = (rc + 2.0) - bc;
    let sixths = if value == g { from_green } else { from_blue };
    let sixths = if value == r { bc - gc } else { sixths };
    // From 5/6 to 11/6.
    let hue = fraction(sixths * (1.0 / 6.0) + 1.0);
    // From −1/2 to 3/2.
    let hue = hue + turns;
    let hue = if hue >= 1.0 { hue - 1.0 } else { hue };
    let hue = if hue < 0.0 { hue + 1.0 } else { hue };
    colour(hue * 6.0, saturation, value)
}

/// The fraction of a number of at least 0.
#[inline(always)]
fn fraction(x: f32) -> f32 {
    x - whole(x)
}

/// The colour of this hue, in sixths of a turn, saturation and value.
#[inline(always)]
fn colour(sixths: f32, saturation: f32, value: f32) -> [f32; 3] {
    let sector = whole(sixths);
    let within = sixths - sector;
    let scaled = saturation * within;
    let rest = 1.0 - saturation;
    let q = ((1.0 - scaled) * value).clamp(0.0, 1.0);
    let t = ((scaled + rest) * value).clamp(0.0, 1.0);
    let p = (rest * value).clamp(0.0, 1.0);
    // One after the other, so that each is a choice between two vectors; six whole sixths are none.
    let pick = |none: f32, one: f32, two: f32, three: f32, four: f32, five: f32| {
        let by = if sector == 1.0 { one } else { none };
        let by = if sector == 2.0 { two } else { by };
        let by = if sector == 3.0 { three } else { by };
        let by = if sector == 4.0 { four } else { by };
        if sector == 5.0 { five } else { by }
    };
    [pick(value, q, p, p, t, value), pick(t, value, value, q, p, p), pick(p, p, t, value, value, q)]
}
