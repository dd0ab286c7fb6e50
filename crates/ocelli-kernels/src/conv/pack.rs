//! Weights between PyTorch's layout, output × input of its group × height × width, and the packed one,
//! `[output block][row][column][input that the block reads][16 outputs]`.

use super::{Conv, Links};
use crate::layout::BLOCK;

/// Where packed weights lie.
#[derive(Clone, Copy)]
pub(super) struct Places {
    kernel: (usize, usize),
    /// Inputs that each block of outputs reads.
    reads: usize,
}

impl Places {
    pub(super) fn of(conv: &Conv) -> Self {
        Self { kernel: conv.kernel, reads: conv.reads() }
    }

    /// Where the weight of an output and the input at place `j` of those that its block reads lies.
    pub(super) fn at(&self, o: usize, j: usize, row: usize, column: usize) -> usize {
        let Self { kernel, reads } = *self;
        (((o / BLOCK * kernel.0 + row) * kernel.1 + column) * reads + j) * BLOCK + o % BLOCK
    }
}

fn for_each(conv: &Conv, mut visit: impl FnMut(usize, usize)) {
    let (places, links) = (Places::of(conv), conv.links());
    let mut plain = 0;
    for o in 0..conv.y.channels {
        let read = match &links {
            Links::All => 0..conv.x.channels,
            Links::Lanes(lanes) => 0..lanes.channels(),
            Links::Groups(groups) => {
                let (inputs, first) = (groups.inputs_of(o), groups.first_read(o / BLOCK));
                inputs.start - first..inputs.end - first
            }
        };
        for j in read {
            for row in 0..conv.kernel.0 {
                for column in 0..conv.kernel.1 {
                    visit(plain, places.at(o, j, row, column));
                    plain += 1;
                }
            }
        }
    }
}

/// Packs `weights` (O × I/groups × kH × kW); padding becomes zeros.
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

/// Writes zeros where packed weights join an output with an input of another group: blocks that several
/// groups share have room for these, and a gradient that is summed over whole blocks has values there.
///
/// # Panics
/// If the slice is too short.
pub fn clear_unjoined(conv: &Conv, packed: &mut [f32]) {
    let Links::Groups(groups) = conv.links() else { return };
    if !groups.share_blocks() {
        return;
    }
    let reads = conv.reads();
    let of_block = conv.kernel.0 * conv.kernel.1 * reads * BLOCK;
    for (block, weights) in packed[..conv.weights_len()].chunks_exact_mut(of_block).enumerate() {
        let first = groups.first_read(block);
        for (place, lanes) in weights.chunks_exact_mut(BLOCK).enumerate() {
            for (lane, weight) in lanes.iter_mut().enumerate() {
                if !groups.joined(block * BLOCK + lane, first + place % reads) {
                    *weight = 0.0;
                }
            }
        }
    }
}

/// Transposes a 16 × 16 square.
pub(super) fn transpose_square(source: &[f32; BLOCK * BLOCK], target: &mut [f32; BLOCK * BLOCK]) {
    for row in 0..BLOCK {
        for column in 0..BLOCK {
            target[row * BLOCK + column] = source[column * BLOCK + row];
        }
    }
}
