//! Bicubic resizing without antialiasing, for which the library has no filter: PyTorch's curve there has a slope of −0.75,
//! and pixels past the edges are those at the edges.

use super::resize::Part;
use crate::{Image, ImageView};

/// `part` of `image` at the size of `target`; `between` holds the rows of the new width.
pub(super) fn resize_cubic(image: ImageView<'_>, part: Part, between: &mut Vec<u8>, target: &mut Image) {
    let (height, width, channels) = (target.height(), target.width(), image.channels());
    let stride = image.width() * channels;
    let row = width * channels;
    between.resize(part.height * row, 0);
    let taps = Taps::new(part.width, width);
    for y in 0..part.height {
        let from = &image.pixels()[(part.top + y) * stride + part.left * channels..][..part.width * channels];
        for x in 0..width {
            for c in 0..channels {
                let at = taps.places[x].map(|place| i32::from(from[place * channels + c]));
                between[y * row + x * channels + c] = taps.sum(x, at);
            }
        }
    }
    let taps = Taps::new(part.height, height);
    for (y, to) in target.pixels_mut().chunks_exact_mut(row).enumerate() {
        let rows = taps.places[y].map(|place| &between[place * row..][..row]);
        for (x, byte) in to.iter_mut().enumerate() {
            *byte = taps.sum(y, rows.map(|row| i32::from(row[x])));
        }
    }
}

/// Which four pixels each pixel is made of, and how.
struct Taps {
    places: Vec<[usize; 4]>,
    weights: Vec<[i32; 4]>,
    /// Bits after the point of a weight.
    precision: u32,
}

/// The slope of the curve.
const SLOPE: f64 = -0.75;

impl Taps {
    fn new(seen: usize, made: usize) -> Self {
        let scale = seen as f64 / made as f64;
        let mut places = Vec::with_capacity(made);
        let mut weights = Vec::with_capacity(made);
        for at in 0..made {
            let source = scale * (at as f64 + 0.5) - 0.5;
            let below = source.floor();
            let share = source - below;
            let clamped = |i: usize| (below as isize + i as isize - 1).clamp(0, seen as isize - 1) as usize;
            let of: [usize; 4] = std::array::from_fn(clamped);
            weights.push(together(of, std::array::from_fn(|i| weight(i as f64 - 1.0 - share))));
            places.push(of);
        }
        let precision = precision(&weights);
        let whole = |weights: [f64; 4]| weights.map(|w| (w * f64::from(1 << precision)).round() as i32);
        Self { places, weights: weights.into_iter().map(whole).collect(), precision }
    }

    fn sum(&self, at: usize, levels: [i32; 4]) -> u8 {
        let products: i32 = self.weights[at].iter().zip(levels).map(|(weight, level)| weight * level).sum();
        ((products + (1 << (self.precision - 1))) >> self.precision).clamp(0, 255) as u8
    }
}

/// The weights with those of one pixel added to its first, before they are rounded.
fn together(places: [usize; 4], mut weights: [f64; 4]) -> [f64; 4] {
    for i in 1..4 {
        if let Some(first) = (0..i).find(|first| places[*first] == places[i]) {
            weights[first] += std::mem::take(&mut weights[i]);
        }
    }
    weights
}

/// As many bits after the point as leave the largest weight within 16 bits, up to 22.
fn precision(weights: &[[f64; 4]]) -> u32 {
    let largest = weights.iter().flatten().copied().fold(0.0, f64::max);
    (0..22).find(|bits| (largest * f64::from(1i32 << (bits + 1))).round() >= 32_768.0).unwrap_or(22)
}

/// The cubic convolution of Keys (1981).
fn weight(x: f64) -> f64 {
    let x = x.abs();
    if x < 1.0 {
        ((SLOPE + 2.0) * x - (SLOPE + 3.0)) * x * x + 1.0
    } else if x < 2.0 {
        (((x - 5.0) * x + 8.0) * x - 4.0) * SLOPE
    } else {
        0.0
    }
}
