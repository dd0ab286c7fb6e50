//! Sharpness.

use ocelli_kernels::Loop;

use super::Tools;
use super::tools::{cut, fast, whole};
use crate::Image;

/// Mixes an image with its smoothed one: 0 gives the smoothed, 1 the image, more sharpens. Pixels at the edges stay as
/// they are, and so do images of fewer than three rows or columns. torchvision's `adjust_sharpness`, to the byte.
pub fn adjust_sharpness(image: &mut Image, factor: f64, tools: &mut Tools) {
    let (height, width, channels) = (image.height(), image.width(), image.channels());
    if height < 3 || width < 3 {
        return;
    }
    let row = width * channels;
    // The two rows above the next one, as they were.
    tools.bytes.resize(2 * row, 0);
    let (mut above, mut here) = tools.bytes.split_at_mut(row);
    above.copy_from_slice(&image.pixels()[..row]);
    let rest = (1.0 - factor) as f32;
    for y in 1..height - 1 {
        let (middle, below) = image.pixels_mut()[y * row..(y + 2) * row].split_at_mut(row);
        here.copy_from_slice(middle);
        fast(Smooth { above, here, below, out: middle, channels, rest });
        (above, here) = (here, above);
    }
}

struct Smooth<'a> {
    above: &'a [u8],
    here: &'a [u8],
    below: &'a [u8],
    out: &'a mut [u8],
    channels: usize,
    rest: f32,
}

impl Loop for Smooth<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Self { above, here, below, out, channels, rest } = self;
        let inner = out.len() - 2 * channels;
        let ([a0, a1, a2], [h0, h1, h2], [b0, b1, b2]) = (
            left_middle_right(above, channels),
            left_middle_right(here, channels),
            left_middle_right(below, channels),
        );
        let out = &mut out[channels..channels + inner];
        for i in 0..inner {
            let wide = |byte: u8| i32::from(byte);
            let sides = wide(a0[i]) + wide(a1[i]) + wide(a2[i]) + wide(h0[i]) + wide(h2[i]);
            let sum = sides + wide(b0[i]) + wide(b1[i]) + wide(b2[i]) + 5 * wide(h1[i]);
            // The nearest of a thirteenth; none lies halfway. Thirteenths of up to 3315, in f32, are exact enough.
            let smooth = whole((2 * sum + 13) as f32 * (1.0 / 26.0));
            let level = f32::from(h1[i]);
            out[i] = cut((smooth - level).mul_add(rest, level));
        }
    }
}

/// The row without its last two pixels, without its first and last, and without its first two.
#[inline(always)]
fn left_middle_right(row: &[u8], channels: usize) -> [&[u8]; 3] {
    let inner = row.len() - 2 * channels;
    [&row[..inner], &row[channels..channels + inner], &row[2 * channels..]]
}
