//! What follows a convolution, in one pass over its output: an affine map by channel (BatchNorm),
//! a map to add, max pooling, ReLU, and a dropout mask; and the same backward.
//!
//! Max pooling and ReLU commute, so `pool(relu(x))` and `relu(pool(x))` are both this.

mod backward;

pub use backward::{Gradient, Through, backward, norm_sums};

use crate::isa::{Isa, Kernel};
use crate::layout::{BLOCK, Strides, channels_of};
use crate::simd::Simd;
use crate::sweep::Relu;

/// Max pooling, in PyTorch's semantics: padding never wins, the first of equal values does, and NaN
/// wins over numbers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MaxPool {
    /// Window height and width; their product is at most 65,536.
    pub kernel: (usize, usize),
    /// Rows and pixels between neighbouring windows.
    pub stride: (usize, usize),
    /// Rows and pixels of padding.
    pub padding: (usize, usize),
    /// Rows and pixels from a value of a window to the next.
    pub dilation: (usize, usize),
    /// Whether the last windows may reach past the map's end, and past the padding there.
    pub past_end: bool,
}

impl MaxPool {
    /// Windows of neighbours, without padding.
    #[must_use]
    pub const fn new(kernel: (usize, usize), stride: (usize, usize)) -> Self {
        Self { kernel, stride, padding: (0, 0), dilation: (1, 1), past_end: false }
    }

    /// Whether windows are of neighbours, no pixel is in two of them and none reaches past the border.
    #[must_use]
    pub fn tiles(&self) -> bool {
        let apart = self.kernel.0 <= self.stride.0 && self.kernel.1 <= self.stride.1;
        apart && self.padding == (0, 0) && self.dilation == (1, 1) && !self.past_end
    }
}

/// Rows or columns of a window that lie inside the map.
#[derive(Clone, Copy)]
struct Span {
    /// Where in the map the first of them is.
    first: usize,
    /// From one to the next.
    step: usize,
    /// Their numbers in the window.
    start: usize,
    end: usize,
}

impl Span {
    /// Of window `index` along one axis of a map of `size`.
    #[inline(always)]
    fn new(index: usize, (kernel, stride, padding, step): (usize, usize, usize, usize), size: usize) -> Self {
        let at = index * stride;
        // How many of the window lie before a place, counted from the first of the padding.
        let before = |place: usize| {
            let room = place.saturating_sub(at);
            if step == 1 { room.min(kernel) } else { room.div_ceil(step).min(kernel) }
        };
        let (start, end) = (before(padding), before(padding + size));
        let first = if start < end { at + start * step - padding } else { 0 };
        Self { first, step, start, end }
    }

    /// Each one's place in the map and number in the window.
    #[inline(always)]
    fn places(self) -> impl Iterator<Item = (usize, usize)> {
        (self.start..self.end).map(move |number| (self.first + (number - self.start) * self.step, number))
    }
}

/// The shape of an epilogue.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Epilogue {
    /// Images.
    pub images: usize,
    /// Blocks of channels.
    pub blocks: usize,
    /// Rows and columns before pooling.
    pub input: (usize, usize),
    /// Rows and columns after pooling that this call computes.
    pub output: (usize, usize),
    /// The first of the rows, counted in the whole output; `y` and the places begin there, all else
    /// with the whole map.
    pub first_row: usize,
    /// Steps through the input.
    pub x: Strides,
    /// Steps through the output.
    pub y: Strides,
    /// Pooling, if any.
    pub pool: Option<MaxPool>,
    /// Whether negative values become zero, and those above a ceiling the ceiling.
    pub relu: Option<Relu>,
}

/// What an epilogue reads beside its input.
#[derive(Clone, Copy, Default)]
pub struct Operands<'a> {
    /// Scale and shift for each channel, padded to whole blocks.
    pub affine: Option<(&'a [f32], &'a [f32])>,
    /// A map to add, and the steps through it.
    pub add: Option<(&'a [f32], Strides)>,
    /// Factors of the output, and the steps through them: 0 for a mask by channel.
    pub mask: Option<(&'a [f32], Strides)>,
}

impl Epilogue {
    /// Steps through the places of maxima: output rows × columns × channels, dense.
    #[must_use]
    pub fn place_strides(&self) -> Strides {
        let pixel = self.blocks * BLOCK;
        let row = self.output.1 * pixel;
        Strides { start: 0, image: self.output.0 * row, row, pixel }
    }

    fn reach(&self, strides: Strides, size: (usize, usize)) -> usize {
        strides.reach((self.images, size.0, size.1), channels_of(self.blocks))
    }

    /// # Panics
    /// If outputs have no input: without pooling they are the same pixels.
    fn check(&self) {
        let needed = |outputs: usize, first: usize, each: usize| {
            outputs.checked_add(first).and_then(|end| end.checked_mul(each)).expect("a map that fits memory")
        };
        let window = self.window_size();
        let (rows, columns) =
            (needed(self.output.0, self.first_row, window), needed(self.output.1, 0, window));
        assert!(
            rows.max(1) <= self.input.0 && columns.max(1) <= self.input.1,
            "outputs {:?} of windows that need {rows} × {columns} of {:?} inputs",
            self.output,
            self.input
        );
    }

    /// How the windows lie: 1 if each is a pixel, 2 if 2 × 2 windows tile the map, else 0.
    fn window_size(&self) -> usize {
        match self.pool {
            None => 1,
            Some(p) if p.tiles() && p.kernel == (2, 2) && p.stride == (2, 2) => 2,
            Some(_) => 0,
        }
    }

    fn is_empty(&self) -> bool {
        self.images == 0 || self.output.0 == 0 || self.output.1 == 0
    }

    /// The rows and the columns of a window that lie inside the map, and the window's width. The row counts
    /// from the whole output's first.
    #[inline(always)]
    fn window(&self, row: usize, column: usize) -> (Span, Span, usize) {
        let p = self.pool.unwrap_or(MaxPool::new((1, 1), (1, 1)));
        let rows = Span::new(row, (p.kernel.0, p.stride.0, p.padding.0, p.dilation.0), self.input.0);
        let columns = Span::new(column, (p.kernel.1, p.stride.1, p.padding.1, p.dilation.1), self.input.1);
        (rows, columns, p.kernel.1)
    }
}

/// `y = mask · relu?(maxpool?(scale · x + shift + add))`; the places of maxima, counted within their
/// windows, go to `places` (see [`Epilogue::place_strides`]) if it is given.
///
/// # Panics
/// If a slice is too short.
pub fn forward(
    isa: Isa,
    e: &Epilogue,
    x: &[f32],
    operands: Operands<'_>,
    y: &mut [f32],
    places: Option<&mut [u16]>,
) {
    if e.is_empty() {
        return;
    }
    e.check();
    assert!(e.reach(e.x, e.input) <= x.len(), "epilogue reads past {} values", x.len());
    assert!(e.reach(e.y, e.output) <= y.len(), "epilogue writes past {} values", y.len());
    if let Some((scale, shift)) = operands.affine {
        assert!(scale.len().min(shift.len()) >= channels_of(e.blocks), "too few scales or shifts");
    }
    if let Some((add, strides)) = operands.add {
        assert!(e.reach(strides, e.input) <= add.len(), "epilogue adds past {} values", add.len());
    }
    if let Some((mask, strides)) = operands.mask {
        let whole = (e.first_row + e.output.0, e.output.1);
        assert!(e.reach(strides, whole) <= mask.len(), "epilogue masks past {} values", mask.len());
    }
    if let Some(places) = &places {
        assert!(e.reach(e.place_strides(), e.output) <= places.len(), "too few places");
    }
    isa.run(Forward { e, x, operands, y, places });
}

struct Forward<'a> {
    e: &'a Epilogue,
    x: &'a [f32],
    operands: Operands<'a>,
    y: &'a mut [f32],
    places: Option<&'a mut [u16]>,
}

impl Kernel for Forward<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(mut self, simd: S) {
        match self.e.window_size() {
            1 => self.rows::<S, 1>(simd),
            2 => self.rows::<S, 2>(simd),
            _ => self.rows::<S, 0>(simd),
        }
    }
}

impl Forward<'_> {
    #[inline(always)]
    fn rows<S: Simd, const WINDOW: usize>(&mut self, simd: S) {
        let e = self.e;
        for n in 0..e.images {
            for row in 0..e.output.0 {
                for column in 0..e.output.1 {
                    self.pixel::<S, WINDOW>(simd, n, row, column);
                }
            }
        }
    }

    #[inline(always)]
    fn pixel<S: Simd, const WINDOW: usize>(&mut self, simd: S, n: usize, row: usize, column: usize) {
        let e = self.e;
        let out = e.y.at(n, row, column);
        let place = e.place_strides().at(n, row, column);
        for c in (0..e.blocks * BLOCK).step_by(S::LANES) {
            // SAFETY: `forward` bounded every pixel's channels in all slices.
            unsafe {
                let affine = self.operands.affine.map(|(scale, shift)| {
                    (simd.load(scale.as_ptr().add(c)), simd.load(shift.as_ptr().add(c)))
                });
                let (mut best, best_place) = self.maximum::<S, WINDOW>(simd, (n, row, column), affine, c);
                if let Some(relu) = e.relu {
                    best = simd.min(simd.splat(relu.ceiling), simd.max(simd.splat(0.0), best));
                }
                if let Some((mask, strides)) = self.operands.mask {
                    let mask = mask.as_ptr().add(strides.at(n, row + e.first_row, column) + c);
                    best = simd.mul(best, simd.load(mask));
                }
                simd.store(self.y.as_mut_ptr().add(out + c), best);
                if let Some(places) = &mut self.places {
                    simd.store_u16(places.as_mut_ptr().add(place + c), best_place);
                }
            }
        }
    }

    /// # Safety
    /// The output pixel lies inside the output, and `c` within its channels.
    #[inline(always)]
    unsafe fn maximum<S: Simd, const WINDOW: usize>(
        &self,
        simd: S,
        (n, row, column): (usize, usize, usize),
        affine: Option<(S::V, S::V)>,
        c: usize,
    ) -> (S::V, S::V) {
        let row = row + self.e.first_row;
        let (rows, columns, width) = self.e.window(row, column);
        let mut best = simd.splat(f32::NEG_INFINITY);
        // Should nothing exceed −∞, the first pixel has won.
        let mut best_place =
            simd.splat(if WINDOW == 0 { (rows.start * width + columns.start) as f32 } else { 0.0 });
        let mut take = |y: usize, x: usize, place: usize| {
            // SAFETY: the caller's promise; windows lie inside the map.
            let v = unsafe { self.value(simd, (n, y, x), affine, c) };
            if self.places.is_some() {
                let here = simd.splat(place as f32);
                best_place = simd.select_gt(v, best, here, best_place);
                best_place = simd.select_nan(v, here, best_place);
            }
            best = simd.select_nan(v, v, simd.max(v, best));
        };
        match WINDOW {
            // SAFETY: as above.
            1 => return (unsafe { self.value(simd, (n, row, column), affine, c) }, best_place),
            2 => {
                for place in 0..4 {
                    take(2 * row + place / 2, 2 * column + place % 2, place);
                }
            }
            _ => {
                for (y, in_column) in rows.places() {
                    for (x, in_row) in columns.places() {
                        take(y, x, in_column * width + in_row);
                    }
                }
            }
        }
        (best, best_place)
    }

    /// # Safety
    /// The pixel lies inside the map, and `c` within its channels.
    #[inline(always)]
    unsafe fn value<S: Simd>(
        &self,
        simd: S,
        (n, y, x): (usize, usize, usize),
        affine: Option<(S::V, S::V)>,
        c: usize,
    ) -> S::V {
        // SAFETY: the caller's promise, and `forward`'s bounds.
        unsafe {
            let mut v = simd.load(self.x.as_ptr().add(self.e.x.at(n, y, x) + c));
            if let Some((scale, shift)) = affine {
                v = simd.fma(v, scale, shift);
            }
            if let Some((add, strides)) = self.operands.add {
                v = simd.add(v, simd.load(add.as_ptr().add(strides.at(n, y, x) + c)));
            }
            v
        }
    }
}

#[cfg(test)]
mod tests;
