//! Hue.

use ocelli_kernels::Loop;

use super::tools::fast;
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

impl Loop for Turn<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        for pixel in self.pixels {
            let [r, g, b] = pixel.map(|level| f32::from(level) * (1.0 / 255.0));
            *pixel = turned([r, g, b], self.turns).map(|part| (part * 255.999) as i32 as u8);
        }
    }
}

/// A colour of 0..1 with its hue turned, every step rounded as torchvision's.
#[inline(always)]
fn turned([r, g, b]: [f32; 3], turns: f32) -> [f32; 3] {
    let value = r.max(g).max(b);
    let range = value - r.min(g).min(b);
    let is_grey = range == 0.0;
    let saturation = range / if is_grey { 1.0 } else { value };
    let divisor = if is_grey { 1.0 } else { range };
    let [rc, gc, bc] = [(value - r) / divisor, (value - g) / divisor, (value - b) / divisor];
    let from_blue = (gc + 4.0) - rc;
    let from_green = (rc + 2.0) - bc;
    let sixths = if value == r {
        bc - gc
    } else if value == g {
        from_green
    } else {
        from_blue
    };
    let hue = fraction(sixths * (1.0 / 6.0) + 1.0);
    let hue = fraction_up(hue + turns);
    colour(hue * 6.0, saturation, value)
}

/// The fraction of a number of at least 0.
#[inline(always)]
fn fraction(x: f32) -> f32 {
    x - (x as i32) as f32
}

/// What is left of `x` above the whole number below it.
#[inline(always)]
fn fraction_up(x: f32) -> f32 {
    let rest = fraction(x);
    if rest < 0.0 { rest + 1.0 } else { rest }
}

/// The colour of this hue, in sixths of a turn, saturation and value.
#[inline(always)]
fn colour(sixths: f32, saturation: f32, value: f32) -> [f32; 3] {
    let sector = sixths as i32;
    let within = sixths - sector as f32;
    let scaled = saturation * within;
    let rest = 1.0 - saturation;
    let q = ((1.0 - scaled) * value).clamp(0.0, 1.0);
    let t = ((scaled + rest) * value).clamp(0.0, 1.0);
    let p = (rest * value).clamp(0.0, 1.0);
    // Six whole turns of sixths are none.
    let sector = if sector == 6 { 0 } else { sector };
    let pick = |by_sector: [f32; 6]| {
        let [a, b, c, d, e, f] = by_sector;
        let low = if sector == 0 {
            a
        } else if sector == 1 {
            b
        } else {
            c
        };
        let high = if sector == 3 {
            d
        } else if sector == 4 {
            e
        } else {
            f
        };
        if sector < 3 { low } else { high }
    };
    [pick([value, q, p, p, t, value]), pick([t, value, value, q, p, p]), pick([p, p, t, value, value, q])]
}
