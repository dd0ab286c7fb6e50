//! Maps made larger (or smaller), by the nearest pixel or by blending the four around: a row of outputs at a time.

use crate::isa::{Isa, Kernel};
use crate::layout::{BLOCK, Strides, channels_of};
use crate::simd::Simd;

/// What an output is of along one axis: `1 − weight` of an input, and `weight` of the next.
#[derive(Clone, Copy, PartialEq, Debug)]
struct Tap {
    first: usize,
    second: usize,
    weight: f32,
}

/// What every output along one axis is of.
#[derive(Clone, PartialEq, Debug)]
pub struct Axis {
    taps: Vec<Tap>,
    blends: bool,
}

/// Inputs for an output, in `f32` as PyTorch has it: of a given factor, or of the two sizes.
fn step(size: usize, outputs: usize, factor: Option<f64>) -> f32 {
    factor.map_or(size as f32 / outputs as f32, |factor| (1.0 / factor) as f32)
}

impl Axis {
    /// Each output is the nearest of `size` inputs below it, as PyTorch's mode `nearest` finds it, for a scale
    /// factor if there is one.
    ///
    /// # Panics
    /// If there are no inputs.
    #[must_use]
    pub fn nearest(size: usize, outputs: usize, factor: Option<f64>) -> Self {
        assert!(size > 0, "outputs of no inputs");
        let step = step(size, outputs, factor);
        let tap = |o: usize| {
            // As many outputs as inputs, or twice as many, are at whole steps whatever the factor.
            let first = match outputs {
                _ if outputs == size => o,
                _ if outputs == 2 * size => o / 2,
                _ => ((o as f32 * step).floor() as usize).min(size - 1),
            };
            Tap { first, second: first, weight: 0.0 }
        };
        Self { taps: (0..outputs).map(tap).collect(), blends: false }
    }

    /// Each output blends the two of `size` inputs around it, as PyTorch's mode `bilinear` does, for a scale factor
    /// if there is one. With `align_corners` the first and last outputs are the first and last inputs; else the
    /// edges of the outermost lie on each other.
    ///
    /// # Panics
    /// If there are no inputs.
    #[must_use]
    pub fn linear(size: usize, outputs: usize, factor: Option<f64>, align_corners: bool) -> Self {
        assert!(size > 0, "outputs of no inputs");
        let step = match (align_corners, outputs) {
            (true, 0 | 1) => 0.0,
            (true, _) => (size - 1) as f32 / (outputs - 1) as f32,
            (false, _) => step(size, outputs, factor),
        };
        let tap = |o: usize| {
            // As many outputs as inputs are the inputs, whatever the factor.
            if size == outputs {
                return Tap { first: o, second: o, weight: 0.0 };
            }
            let at = if align_corners { step * o as f32 } else { (step * (o as f32 + 0.5) - 0.5).max(0.0) };
            let first = (at.floor() as usize).min(size - 1);
            let weight = (at - first as f32).clamp(0.0, 1.0);
            Tap { first, second: (first + 1).min(size - 1), weight }
        };
        Self { taps: (0..outputs).map(tap).collect(), blends: true }
    }

    /// One past the last input that an output is of.
    fn end(&self) -> usize {
        self.taps.iter().map(|tap| tap.second + 1).max().unwrap_or(0)
    }
}

/// The shape of an upsampling.
#[derive(Clone, PartialEq, Debug)]
pub struct Upsample {
    rows: Axis,
    columns: Axis,
    blocks: usize,
}

impl Upsample {
    /// Down and across, of so many blocks of channels.
    ///
    /// # Panics
    /// If one axis blends and the other does not.
    #[must_use]
    pub fn new(rows: Axis, columns: Axis, blocks: usize) -> Self {
        assert_eq!(rows.blends, columns.blends, "one mode for both axes");
        Self { rows, columns, blocks }
    }

    /// What an output row is of.
    ///
    /// # Panics
    /// If `len` values do not hold that, or `row_len` values a row of outputs, or there is no such row.
    fn row(&self, row: usize, strides: Strides, len: usize, row_len: usize) -> Tap {
        let tap = self.rows.taps[row];
        let needed = channels_of(self.blocks).checked_mul(self.columns.taps.len());
        assert!(needed.is_some_and(|needed| needed <= row_len), "a row of {row_len} outputs is too short");
        if let columns @ 1.. = self.columns.end() {
            let reach = strides.reach((1, tap.second + 1, columns), channels_of(self.blocks));
            assert!(reach <= len, "upsampling reaches past {len} values");
        }
        tap
    }
}

/// Computes the outputs of a row, `y`, of the image through which `strides` steps.
///
/// # Panics
/// If a slice is too short, or there is no such row.
pub fn forward_row(isa: Isa, u: &Upsample, row: usize, (x, strides): (&[f32], Strides), y: &mut [f32]) {
    let tap = u.row(row, strides, x.len(), y.len());
    isa.run(Forward { u, tap, x, strides, y });
}

struct Forward<'a> {
    u: &'a Upsample,
    tap: Tap,
    x: &'a [f32],
    strides: Strides,
    y: &'a mut [f32],
}

impl Kernel for Forward<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let pixel = self.u.blocks * BLOCK;
        let down = self.tap;
        for (column, across) in self.u.columns.taps.iter().enumerate() {
            let at = |y: usize, x: usize| self.strides.at(0, y, x);
            let corners = [
                at(down.first, across.first),
                at(down.first, across.second),
                at(down.second, across.first),
                at(down.second, across.second),
            ];
            for c in (0..pixel).step_by(S::LANES) {
                // SAFETY: `forward_row` bounded every corner and the row of outputs.
                unsafe {
                    let load = |corner: usize| simd.load(self.x.as_ptr().add(corners[corner] + c));
                    let v = if self.u.columns.blends {
                        let blend = |a: S::V, b: S::V, weight: f32| {
                            simd.fma(b, simd.splat(weight), simd.mul(a, simd.splat(1.0 - weight)))
                        };
                        let upper = blend(load(0), load(1), across.weight);
                        blend(upper, blend(load(2), load(3), across.weight), down.weight)
                    } else {
                        load(0)
                    };
                    simd.store(self.y.as_mut_ptr().add(column * pixel + c), v);
                }
            }
        }
    }
}

/// Adds the gradients of a row of outputs to those of what they are of, in `dx`, through which `strides` steps.
///
/// # Panics
/// If a slice is too short, or there is no such row.
pub fn backward_row(isa: Isa, u: &Upsample, row: usize, dy: &[f32], (dx, strides): (&mut [f32], Strides)) {
    let tap = u.row(row, strides, dx.len(), dy.len());
    isa.run(Backward { u, tap, dy, dx, strides });
}

struct Backward<'a> {
    u: &'a Upsample,
    tap: Tap,
    dy: &'a [f32],
    dx: &'a mut [f32],
    strides: Strides,
}

impl Kernel for Backward<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let pixel = self.u.blocks * BLOCK;
        let down = self.tap;
        for (column, across) in self.u.columns.taps.iter().enumerate() {
            let at = |y: usize, x: usize| self.strides.at(0, y, x);
            let (above, below) = (1.0 - down.weight, down.weight);
            let (left, right) = (1.0 - across.weight, across.weight);
            let all = [
                (at(down.first, across.first), above * left),
                (at(down.first, across.second), above * right),
                (at(down.second, across.first), below * left),
                (at(down.second, across.second), below * right),
            ];
            let corners = if self.u.columns.blends { &all[..] } else { &all[..1] };
            for c in (0..pixel).step_by(S::LANES) {
                // SAFETY: `backward_row` bounded every corner and the row of gradients.
                unsafe {
                    let d = simd.load(self.dy.as_ptr().add(column * pixel + c));
                    for &(corner, weight) in corners {
                        let target = self.dx.as_mut_ptr().add(corner + c);
                        simd.store(target, simd.fma(d, simd.splat(weight), simd.load(target)));
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use super::*;
    use crate::layout::MapLayout;
    use crate::random::Stream;

    fn firsts(axis: &Axis) -> Vec<usize> {
        axis.taps.iter().map(|tap| tap.first).collect()
    }

    #[test]
    fn axes_are_pytorchs() {
        assert_eq!(firsts(&Axis::nearest(3, 7, None)), [0, 0, 0, 1, 1, 2, 2]);
        assert_eq!(firsts(&Axis::nearest(3, 7, Some(2.5))), [0, 0, 0, 1, 1, 2, 2]);
        assert_eq!(firsts(&Axis::nearest(5, 3, None)), [0, 1, 3]);
        assert_eq!(firsts(&Axis::nearest(3, 6, Some(2.3))), [0, 0, 1, 1, 2, 2]);
        assert_eq!(firsts(&Axis::nearest(2, 2, Some(1.4))), [0, 1]);
        let axis = Axis::linear(2, 4, Some(2.0), false);
        let weights: Vec<_> = axis.taps.iter().map(|tap| tap.first as f32 + tap.weight).collect();
        assert_eq!(weights, [0.0, 0.25, 0.75, 1.0 + 0.25]);
        // The last has no next: both of its inputs are the last.
        assert_eq!(axis.taps[3], Tap { first: 1, second: 1, weight: 0.25 });
        let corners = Axis::linear(3, 5, None, true);
        assert_eq!(firsts(&corners), [0, 0, 1, 1, 2]);
        assert_eq!(firsts(&Axis::linear(3, 1, None, true)), [0]);
        assert_eq!(firsts(&Axis::linear(2, 2, Some(1.4), false)), [0, 1]);
    }

    #[test]
    fn backward_is_the_adjoint_of_forward() {
        let mut random = Stream::new(5, 0, 0, 0);
        for isa in Isa::available() {
            for (channels, (h, w), (rows, columns), blends) in [
                (17, (3, 4), (7, 8), true),
                (1, (1, 1), (3, 2), true),
                (33, (5, 4), (3, 2), true),
                (3, (2, 5), (4, 5), false),
            ] {
                let axis = |size, outputs| match blends {
                    true => Axis::linear(size, outputs, None, false),
                    false => Axis::nearest(size, outputs, None),
                };
                let layout = MapLayout::new(channels, h, w).with_halo(1, 1);
                let u = Upsample::new(axis(h, rows), axis(w, columns), layout.pixel / BLOCK);
                let mut noise = |len: usize| (0..len).map(|_| random.normal()).collect::<Vec<f32>>();
                let (x, dy) = (noise(layout.image()), noise(rows * columns * layout.pixel));
                let (mut y, mut dx) = (vec![0.0; dy.len()], vec![0.0; x.len()]);
                let row_len = columns * layout.pixel;
                for row in 0..rows {
                    let part = row * row_len..(row + 1) * row_len;
                    forward_row(isa, &u, row, (&x, layout.strides()), &mut y[part.clone()]);
                    backward_row(isa, &u, row, &dy[part], (&mut dx, layout.strides()));
                }
                let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(a * b)).sum::<f64>();
                let (there, back) = (dot(&y, &dy), dot(&x, &dx));
                assert!((there - back).abs() < 1e-3, "{}: {there} and {back}", isa.name());
            }
        }
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let (isa, layout) = (Isa::available()[0], MapLayout::new(1, 2, 2));
        let axis = || Axis::linear(2, 4, None, false);
        let u = Upsample::new(axis(), axis(), 1);
        let refused = |row: usize, x: usize, y: usize| {
            let (mut x, mut y) = (vec![0.0; x], vec![0.0; y]);
            let forward = catch_unwind(AssertUnwindSafe(|| {
                forward_row(isa, &u, row, (&x, layout.strides()), &mut y);
            }));
            let backward = catch_unwind(AssertUnwindSafe(|| {
                backward_row(isa, &u, row, &y, (&mut x, layout.strides()));
            }));
            assert_eq!(forward.is_err(), backward.is_err());
            forward.is_err()
        };
        assert!(!refused(3, 64, 64));
        assert!(refused(4, 64, 64) && refused(3, 63, 64) && refused(3, 64, 63));
        assert!(catch_unwind(|| Axis::nearest(0, 1, None)).is_err());
        assert!(catch_unwind(|| Upsample::new(axis(), Axis::nearest(2, 4, None), 1)).is_err());
    }
}
