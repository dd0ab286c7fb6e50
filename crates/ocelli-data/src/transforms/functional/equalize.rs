//! Histograms made even.

use super::table::{Bytes, look_up};
use crate::Image;

/// Spreads each channel's levels evenly over 0..255: torchvision's `equalize`, to the byte.
pub fn equalize(image: &mut Image) {
    // Two histograms of every channel: equal neighbours would wait for each other.
    let mut counts = [[[0u32; 256]; 3]; 2];
    match image.channels() {
        1 => {
            for (i, byte) in image.pixels().iter().enumerate() {
                counts[i % 2][0][usize::from(*byte)] += 1;
            }
        }
        _ => {
            for (i, pixel) in image.pixels().as_chunks::<3>().0.iter().enumerate() {
                for c in 0..3 {
                    counts[i % 2][c][usize::from(pixel[c])] += 1;
                }
            }
        }
    }
    let tables =
        std::array::from_fn(|c| table(&std::array::from_fn(|byte| counts[0][c][byte] + counts[1][c][byte])));
    look_up(image, &tables);
}

/// What equalizing makes of each level of a channel with this histogram: Pillow's arithmetic, which torchvision follows.
fn table(counts: &[u32; 256]) -> Bytes {
    let last = counts.iter().rposition(|count| *count > 0).unwrap_or(0);
    let all: u32 = counts.iter().sum();
    let step = (all - counts[last]) / 255;
    if step == 0 {
        return std::array::from_fn(|byte| byte as u8);
    }
    let mut below = 0;
    std::array::from_fn(|byte| {
        let level = ((below + step / 2) / step).min(255) as u8;
        below += counts[byte];
        level
    })
}
