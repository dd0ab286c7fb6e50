//! Weights between PyTorch's layout, output × input × height × width, and the packed one,
//! `[output block][row][column][input pixel][16 outputs]`.

use super::Conv;
use crate::layout::BLOCK;

/// Where a weight of (output, input, row, column) lies among the packed ones.
fn index(conv: &Conv, o: usize, i: usize, row: usize, column: usize) -> usize {
    let j = column * conv.x.pixel + i;
    ((o / BLOCK * conv.kernel.0 + row) * conv.run() + j) * BLOCK + o % BLOCK
}

fn for_each(conv: &Conv, mut visit: impl FnMut(usize, usize)) {
    let mut plain = 0;
    for o in 0..conv.y.channels {
        for i in 0..conv.x.channels {
            for row in 0..conv.kernel.0 {
                for column in 0..conv.kernel.1 {
                    visit(plain, index(conv, o, i, row, column));
                    plain += 1;
                }
            }
        }
    }
}

/// Packs `weights` (O × I × kH × kW); padding becomes zeros.
///
/// # Panics
/// If a slice is too short.
pub fn pack(conv: &Conv, weights: &[f32], packed: &mut [f32]) {
    packed[..conv.weights_len()].fill(0.0);
    for_each(conv, |plain, place| packed[place] = weights[plain]);
}

/// The reverse of [`pack`].
///
/// # Panics
/// If a slice is too short.
pub fn unpack(conv: &Conv, packed: &[f32], weights: &mut [f32]) {
    for_each(conv, |plain, place| weights[plain] = packed[place]);
}

/// Transposes a 16 × 16 square.
pub(super) fn transpose_square(source: &[f32; BLOCK * BLOCK], target: &mut [f32; BLOCK * BLOCK]) {
    for row in 0..BLOCK {
        for column in 0..BLOCK {
            target[row * BLOCK + column] = source[column * BLOCK + row];
        }
    }
}
