//! Max pooling over windows that divide the map (AdaptiveMaxPool2d), in PyTorch's semantics: the first of equal
//! values wins, and NaN wins over numbers. A row of outputs at a time.

use crate::avg_pool::Windows;
use crate::isa::{Isa, Kernel};
use crate::layout::{BLOCK, Strides, channels_of};
use crate::simd::Simd;

/// The shape of a pooling.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AdaptiveMaxPool {
    windows: (Windows, Windows),
    blocks: usize,
}

impl AdaptiveMaxPool {
    /// Over windows down and across, of so many blocks of channels.
    ///
    /// # Panics
    /// If a window has more than 65,536 values, whose places 16 bits cannot number.
    #[must_use]
    pub fn new(windows: (Windows, Windows), blocks: usize) -> Self {
        let widest = |windows: &Windows| windows.0.iter().map(|w| w.1 - w.0).max().unwrap_or(0);
        let values = widest(&windows.0).checked_mul(widest(&windows.1));
        assert!(values.is_some_and(|values| values <= 1 << 16), "windows of at most 65,536 values");
        Self { windows, blocks }
    }

    /// Floats, or places, of a row of outputs.
    fn row_len(&self) -> usize {
        channels_of(self.blocks).checked_mul(self.windows.1.0.len()).expect("a row that fits memory")
    }

    /// The rows of the windows of an output row.
    ///
    /// # Panics
    /// If `len` values do not hold them, or `row_len` values a row of outputs, or there is no such row.
    fn rows(&self, row: usize, strides: Strides, len: usize, row_len: usize) -> (usize, usize) {
        let (first, end, _) = self.windows.0.0[row];
        let columns = self.windows.1.0.iter().map(|w| w.1).max().unwrap_or(0);
        assert!(self.row_len() <= row_len, "a row of {row_len} outputs is too short");
        if columns > 0 {
            let reach = strides.reach((1, end, columns), channels_of(self.blocks));
            assert!(reach <= len, "adaptive max pooling reaches past {len} values");
        }
        (first, end)
    }
}

/// Computes the outputs of a row, `y`, of the image through which `strides` steps; the places of the maxima in
/// their windows go to `places`, if it is given.
///
/// # Panics
/// If a slice is too short, or the pooling has no such row.
pub fn forward_row(
    isa: Isa,
    p: &AdaptiveMaxPool,
    row: usize,
    (x, strides): (&[f32], Strides),
    y: &mut [f32],
    places: Option<&mut [u16]>,
) {
    let shortest = places.as_ref().map_or(y.len(), |places| places.len().min(y.len()));
    let rows = p.rows(row, strides, x.len(), shortest);
    isa.run(Forward { p, rows, x, strides, y, places });
}

struct Forward<'a> {
    p: &'a AdaptiveMaxPool,
    rows: (usize, usize),
    x: &'a [f32],
    strides: Strides,
    y: &'a mut [f32],
    places: Option<&'a mut [u16]>,
}

impl Kernel for Forward<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(mut self, simd: S) {
        let pixel = self.p.blocks * BLOCK;
        for (column, &(x0, x1, _)) in self.p.windows.1.0.iter().enumerate() {
            for c in (0..pixel).step_by(S::LANES) {
                let mut best = simd.splat(f32::NEG_INFINITY);
                let mut best_place = simd.splat(0.0);
                let window = (self.rows.0..self.rows.1).flat_map(|y| (x0..x1).map(move |x| (y, x)));
                for (place, (y, x)) in window.enumerate() {
                    // SAFETY: `forward_row` bounded every window.
                    let v = unsafe { simd.load(self.x.as_ptr().add(self.strides.at(0, y, x) + c)) };
                    let here = simd.splat(place as f32);
                    best_place = simd.select_gt(v, best, here, best_place);
                    best_place = simd.select_nan(v, here, best_place);
                    best = simd.select_nan(v, v, simd.max(v, best));
                }
                // SAFETY: `forward_row` bounded the row of outputs and of places.
                unsafe {
                    simd.store(self.y.as_mut_ptr().add(column * pixel + c), best);
                    if let Some(places) = &mut self.places {
                        simd.store_u16(places.as_mut_ptr().add(column * pixel + c), best_place);
                    }
                }
            }
        }
    }
}

/// Adds the gradients of a row of outputs to those of the winners in `dx`, through which `strides` steps.
///
/// # Panics
/// If a slice is too short, or the pooling has no such row.
pub fn backward_row(
    isa: Isa,
    p: &AdaptiveMaxPool,
    row: usize,
    dy: &[f32],
    places: &[u16],
    (dx, strides): (&mut [f32], Strides),
) {
    let rows = p.rows(row, strides, dx.len(), dy.len().min(places.len()));
    isa.run(Backward { p, rows, dy, places, dx, strides });
}

struct Backward<'a> {
    p: &'a AdaptiveMaxPool,
    rows: (usize, usize),
    dy: &'a [f32],
    places: &'a [u16],
    dx: &'a mut [f32],
    strides: Strides,
}

impl Kernel for Backward<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let pixel = self.p.blocks * BLOCK;
        for (column, &(x0, x1, _)) in self.p.windows.1.0.iter().enumerate() {
            for c in (0..pixel).step_by(S::LANES) {
                // SAFETY: `backward_row` bounded the row of gradients and of places, and every window.
                unsafe {
                    let d = simd.load(self.dy.as_ptr().add(column * pixel + c));
                    let winner = simd.load_u16(self.places.as_ptr().add(column * pixel + c));
                    let window = (self.rows.0..self.rows.1).flat_map(|y| (x0..x1).map(move |x| (y, x)));
                    for (place, (y, x)) in window.enumerate() {
                        let target = self.dx.as_mut_ptr().add(self.strides.at(0, y, x) + c);
                        let part = simd.select_eq(winner, simd.splat(place as f32), d, simd.splat(0.0));
                        simd.store(target, simd.add(simd.load(target), part));
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

    fn pool(x: &MapLayout, outputs: (usize, usize)) -> AdaptiveMaxPool {
        let windows = (Windows::adaptive(x.height, outputs.0), Windows::adaptive(x.width, outputs.1));
        AdaptiveMaxPool::new(windows, x.pixel / BLOCK)
    }

    /// Where the winner of a window is: the first of the largest, or the last NaN.
    fn winner(
        x: &[f32],
        layout: &MapLayout,
        (row, column): (usize, usize),
        (rows, columns): (usize, usize),
        c: usize,
    ) -> usize {
        let part = |i: usize, size: usize, n: usize| i * size / n..((i + 1) * size).div_ceil(n);
        let mut best: Option<usize> = None;
        for y in part(row, layout.height, rows) {
            for x_at in part(column, layout.width, columns) {
                let at = layout.at(0, y) + x_at * layout.pixel + c;
                if best.is_none_or(|best| x[at] > x[best] || x[at].is_nan()) {
                    best = Some(at);
                }
            }
        }
        best.expect("a window has a value")
    }

    #[test]
    fn the_largest_wins_and_gets_the_gradient() {
        let mut random = Stream::new(3, 0, 0, 0);
        for isa in Isa::available() {
            for (channels, size, outputs) in [
                (1, (1, 1), (1, 1)),
                (17, (7, 5), (3, 2)),
                (16, (2, 3), (3, 5)),
                (33, (6, 6), (1, 1)),
                (3, (5, 4), (5, 4)),
            ] {
                let layout = MapLayout::new(channels, size.0, size.1).with_halo(1, 2);
                let p = pool(&layout, outputs);
                let mut draw = |count: usize| {
                    let value = |n: u32| if n == 9 { f32::NAN } else { n as f32 - 4.0 };
                    (0..count).map(|_| value(random.below(10))).collect::<Vec<f32>>()
                };
                let x = draw(layout.image());
                let row_len = outputs.1 * layout.pixel;
                let dy: Vec<f32> = (0..row_len).map(|i| i as f32 + 1.0).collect();
                let (mut dx, mut expected) = (vec![0.5; x.len()], vec![0.5; x.len()]);
                for row in 0..outputs.0 {
                    let (mut y, mut places) = (vec![0.0; row_len], vec![0; row_len]);
                    forward_row(isa, &p, row, (&x, layout.strides()), &mut y, Some(&mut places));
                    backward_row(isa, &p, row, &dy, &places, (&mut dx, layout.strides()));
                    for (column, c) in (0..outputs.1).flat_map(|o| (0..layout.pixel).map(move |c| (o, c))) {
                        let at = winner(&x, &layout, (row, column), outputs, c);
                        let got = y[column * layout.pixel + c];
                        assert!(got == x[at] || got.is_nan() && x[at].is_nan(), "{}", isa.name());
                        expected[at] += dy[column * layout.pixel + c];
                    }
                    let mut again = vec![0.0; row_len];
                    forward_row(isa, &p, row, (&x, layout.strides()), &mut again, None);
                    assert!(again.iter().zip(&y).all(|(a, b)| a == b || a.is_nan() && b.is_nan()));
                }
                assert_eq!(dx, expected, "{}", isa.name());
            }
        }
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let (isa, layout) = (Isa::available()[0], MapLayout::new(1, 4, 4));
        let p = pool(&layout, (2, 2));
        let refused = |row: usize, x: usize, y: usize, places: usize| {
            let (x, mut y, mut places) = (vec![0.0; x], vec![0.0; y], vec![0; places]);
            let forward = catch_unwind(AssertUnwindSafe(|| {
                forward_row(isa, &p, row, (&x, layout.strides()), &mut y, Some(&mut places));
            }));
            let mut dx = x.clone();
            let backward = catch_unwind(AssertUnwindSafe(|| {
                backward_row(isa, &p, row, &y, &places, (&mut dx, layout.strides()));
            }));
            assert_eq!(forward.is_err(), backward.is_err());
            forward.is_err()
        };
        assert!(!refused(1, 256, 32, 32));
        assert!(refused(2, 256, 32, 32) && refused(1, 255, 32, 32));
        assert!(refused(0, 256, 31, 32) && refused(0, 256, 32, 31));
        let wide = (Windows::adaptive(257, 1), Windows::adaptive(256, 1));
        assert!(catch_unwind(|| AdaptiveMaxPool::new(wide, 1)).is_err());
    }
}
