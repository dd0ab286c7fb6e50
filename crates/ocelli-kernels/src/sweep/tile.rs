//! A register tile: `T` outputs × `V` vectors of channels, all accumulators in registers.

use crate::layout::BLOCK;
use crate::simd::Simd;
use crate::sweep::Relu;

/// Everything that a tile reads and writes. Steps are in floats.
pub(super) struct Tile {
    pub(super) x: *const f32,
    pub(super) x_step: usize,
    pub(super) x_row: usize,
    pub(super) w: *const f32,
    pub(super) w_row: usize,
    pub(super) w_block: usize,
    pub(super) tap_rows: usize,
    pub(super) tap_columns: usize,
    pub(super) x_column: usize,
    pub(super) w_column: usize,
    pub(super) run: usize,
    pub(super) bias: Option<*const f32>,
    /// Values to add, and the step from one output's to the next's.
    pub(super) add: Option<(*const f32, usize)>,
    pub(super) y: *mut f32,
    pub(super) y_step: usize,
    pub(super) relu: Option<Relu>,
}

/// The most outputs that a tile of `blocks` blocks holds without spilling an accumulator: beside
/// the accumulators, the weights and one broadcast value need registers.
#[inline(always)]
pub(super) fn longest<S: Simd>(blocks: usize) -> usize {
    match (S::LANES, blocks) {
        (16, 1) => 16,
        (16, 2) => 14,
        (16, _) => 6,
        (8, _) => 6,
        _ if S::REGISTERS > 16 => 5,
        _ => 2,
    }
}

/// Computes `length` outputs of `blocks` blocks of channels.
///
/// # Safety
/// Every pointer reaches what the tile's steps, `length` and `blocks` make of it, and `length` is
/// at most [`longest`] of `blocks`.
#[inline(always)]
pub(super) unsafe fn run_tile<S: Simd>(simd: S, tile: &Tile, length: usize, blocks: usize) {
    macro_rules! tiles {
        ($($t:literal)* ; $vectors:literal) => {
            match length {
                // SAFETY: the caller's promise.
                $($t => unsafe { one::<S, $t, $vectors>(simd, tile) },)*
                _ => unreachable!("a tile of {length} outputs"),
            }
        };
    }
    match (S::LANES, blocks) {
        (16, 1) => tiles!(1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 ; 1),
        (16, 2) => tiles!(1 2 3 4 5 6 7 8 9 10 11 12 13 14 ; 2),
        (16, 3) => tiles!(1 2 3 4 5 6 ; 3),
        (16, _) => tiles!(1 2 3 4 5 6 ; 4),
        (8, _) => tiles!(1 2 3 4 5 6 ; 2),
        _ => tiles!(1 2 3 4 5 ; 4),
    }
}

/// # Safety
/// As [`run_tile`]'s for `T` outputs and `V` vectors.
#[inline(always)]
unsafe fn one<S: Simd, const T: usize, const V: usize>(simd: S, tile: &Tile) {
    // A block may be several vectors wide.
    let block_offset = |v: usize, block: usize| v * S::LANES / BLOCK * block + v * S::LANES % BLOCK;
    // SAFETY: the caller's promise covers every pointer below.
    unsafe {
        // The outputs come to the cache while their sums are made.
        for t in 0..T {
            for v in (0..V).step_by((BLOCK / S::LANES).max(1)) {
                simd.prefetch_write(tile.y.add(t * tile.y_step + v * S::LANES));
            }
        }
        let mut acc = [[simd.splat(0.0); V]; T];
        if let Some(bias) = tile.bias {
            for v in 0..V {
                let b = simd.load(bias.add(v * S::LANES));
                for t in 0..T {
                    acc[t][v] = b;
                }
            }
        }
        if let Some((add, step)) = tile.add {
            for t in 0..T {
                for v in 0..V {
                    acc[t][v] = simd.add(acc[t][v], simd.load(add.add(t * step + v * S::LANES)));
                }
            }
        }
        for row in 0..tile.tap_rows {
            for column in 0..tile.tap_columns {
                let mut x = tile.x.add(row * tile.x_row + column * tile.x_column);
                let mut w = tile.w.add(row * tile.w_row + column * tile.w_column);
                let end = x.add(tile.run);
                while x < end {
                    let mut weights = [simd.splat(0.0); V];
                    for v in 0..V {
                        weights[v] = simd.load(w.add(block_offset(v, tile.w_block)));
                    }
                    for t in 0..T {
                        let value = simd.splat(*x.add(t * tile.x_step));
                        for v in 0..V {
                            acc[t][v] = simd.fma(value, weights[v], acc[t][v]);
                        }
                    }
                    x = x.add(1);
                    w = w.add(BLOCK);
                }
            }
        }
        if let Some(relu) = tile.relu {
            let (floor, ceiling) = (simd.splat(0.0), simd.splat(relu.ceiling));
            for t in 0..T {
                for v in 0..V {
                    // `max` and `min` return their second operand for NaN, which must not be hidden.
                    acc[t][v] = simd.min(ceiling, simd.max(floor, acc[t][v]));
                }
            }
        }
        for t in 0..T {
            for v in 0..V {
                simd.store(tile.y.add(t * tile.y_step + v * S::LANES), acc[t][v]);
            }
        }
    }
}
