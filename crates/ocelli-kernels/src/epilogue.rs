//! What follows a convolution, in one pass over its output: an affine map by channel (BatchNorm),
//! a map to add, max pooling, ReLU, and a dropout mask; and the same backward.
//!
//! Max pooling and ReLU commute, so `pool(relu(x))` and `relu(pool(x))` are both this.

use crate::isa::{Isa, Kernel};
use crate::layout::{BLOCK, Strides};
use crate::simd::Simd;

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
}

impl MaxPool {
    /// Whether no pixel is in two windows and no window reaches past the border.
    #[must_use]
    pub fn tiles(&self) -> bool {
        self.kernel.0 <= self.stride.0 && self.kernel.1 <= self.stride.1 && self.padding == (0, 0)
    }
}

/// The shape of an epilogue.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
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
    /// Whether negative values become zero.
    pub relu: bool,
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
        strides.at(self.images - 1, size.0 - 1, size.1 - 1) + self.blocks * BLOCK
    }

    fn is_empty(&self) -> bool {
        self.images == 0 || self.output.0 == 0 || self.output.1 == 0
    }

    /// The rows of a window that lie inside the map, and the first one's number in the window; the
    /// same for columns.
    #[inline(always)]
    fn window(&self, row: usize, column: usize) -> [(usize, usize, usize); 2] {
        let axis = |o: usize, k: usize, s: usize, p: usize, size: usize| {
            let first = (o * s) as isize - p as isize;
            let start = first.max(0) as usize;
            let end = ((first + k as isize).max(0) as usize).min(size);
            (start, end, (start as isize - first) as usize)
        };
        match self.pool {
            None => [(row + self.first_row, row + self.first_row + 1, 0), (column, column + 1, 0)],
            Some(p) => [
                axis(row + self.first_row, p.kernel.0, p.stride.0, p.padding.0, self.input.0),
                axis(column, p.kernel.1, p.stride.1, p.padding.1, self.input.1),
            ],
        }
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
    assert!(e.reach(e.x, e.input) <= x.len(), "epilogue reads past {} values", x.len());
    assert!(e.reach(e.y, e.output) <= y.len(), "epilogue writes past {} values", y.len());
    if let Some((scale, shift)) = operands.affine {
        assert!(scale.len().min(shift.len()) >= e.blocks * BLOCK, "too few scales or shifts");
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
        let e = self.e;
        for n in 0..e.images {
            for row in 0..e.output.0 {
                for column in 0..e.output.1 {
                    self.pixel(simd, n, row, column);
                }
            }
        }
    }
}

impl Forward<'_> {
    #[inline(always)]
    fn pixel<S: Simd>(&mut self, simd: S, n: usize, row: usize, column: usize) {
        let e = self.e;
        let window = e.window(row, column);
        let out = e.y.at(n, row, column);
        let place = e.place_strides().at(n, row, column);
        let width = e.pool.map_or(1, |p| p.kernel.1);
        for c in (0..e.blocks * BLOCK).step_by(S::LANES) {
            // SAFETY: `forward` bounded every pixel's channels in all slices.
            unsafe {
                let (mut best, best_place) = self.maximum(simd, n, window, width, c);
                if e.relu {
                    best = simd.max(simd.splat(0.0), best);
                }
                if let Some((mask, strides)) = self.operands.mask {
                    best = simd.mul(
                        best,
                        simd.load(mask.as_ptr().add(strides.at(n, row + e.first_row, column) + c)),
                    );
                }
                simd.store(self.y.as_mut_ptr().add(out + c), best);
                if let Some(places) = &mut self.places {
                    simd.store_u16(places.as_mut_ptr().add(place + c), best_place);
                }
            }
        }
    }

    /// # Safety
    /// The window lies inside the map, and `c` within its channels.
    #[inline(always)]
    unsafe fn maximum<S: Simd>(
        &self,
        simd: S,
        n: usize,
        [(y0, y1, ky), (x0, x1, kx)]: [(usize, usize, usize); 2],
        width: usize,
        c: usize,
    ) -> (S::V, S::V) {
        let mut best = simd.splat(f32::NEG_INFINITY);
        let mut place = simd.splat((ky * width + kx) as f32);
        for y in y0..y1 {
            for x in x0..x1 {
                // SAFETY: the caller's promise.
                let v = unsafe { self.value(simd, n, y, x, c) };
                if self.e.pool.is_none() {
                    return (v, place);
                }
                if self.places.is_some() {
                    let here = simd.splat(((y - y0 + ky) * width + x - x0 + kx) as f32);
                    place = simd.select_gt(v, best, here, place);
                    place = simd.select_nan(v, here, place);
                }
                best = simd.select_nan(v, v, simd.max(v, best));
            }
        }
        (best, place)
    }

    /// # Safety
    /// The pixel lies inside the map, and `c` within its channels.
    #[inline(always)]
    unsafe fn value<S: Simd>(&self, simd: S, n: usize, y: usize, x: usize, c: usize) -> S::V {
        // SAFETY: the caller's promise, and `forward`'s bounds.
        unsafe {
            let mut v = simd.load(self.x.as_ptr().add(self.e.x.at(n, y, x) + c));
            if let Some((scale, shift)) = self.operands.affine {
                v = simd.fma(v, simd.load(scale.as_ptr().add(c)), simd.load(shift.as_ptr().add(c)));
            }
            if let Some((add, strides)) = self.operands.add {
                v = simd.add(v, simd.load(add.as_ptr().add(strides.at(n, y, x) + c)));
            }
            v
        }
    }
}

/// What the backward pass reads.
#[derive(Clone, Copy)]
pub struct Backward<'a> {
    /// The output's gradient.
    pub dy: &'a [f32],
    /// Steps through it.
    pub dy_strides: Strides,
    /// The output itself, for ReLU.
    pub y: &'a [f32],
    /// The mask of the forward pass.
    pub mask: Option<(&'a [f32], Strides)>,
    /// The places of the forward pass, for pooling.
    pub places: &'a [u16],
}

/// The gradient of what the epilogue pools: before the affine map and the addition. Every pixel of
/// the input's size is written to `g`, whose steps are `g_strides`.
///
/// # Panics
/// If a slice is too short.
pub fn backward(isa: Isa, e: &Epilogue, b: Backward<'_>, g: &mut [f32], g_strides: Strides) {
    if e.is_empty() {
        return;
    }
    assert_eq!(e.first_row, 0, "the backward pass takes whole maps");
    assert!(e.reach(b.dy_strides, e.output) <= b.dy.len(), "epilogue reads past {} gradients", b.dy.len());
    assert!(!e.relu || e.reach(e.y, e.output) <= b.y.len(), "epilogue reads past {} values", b.y.len());
    assert!(e.reach(g_strides, e.input) <= g.len(), "epilogue writes past {} gradients", g.len());
    if let Some((mask, strides)) = b.mask {
        assert!(e.reach(strides, e.output) <= mask.len(), "epilogue masks past {} values", mask.len());
    }
    if e.pool.is_some() {
        assert!(e.reach(e.place_strides(), e.output) <= b.places.len(), "too few places");
    }
    isa.run(BackwardRun { e, b, g, g_strides });
}

struct BackwardRun<'a> {
    e: &'a Epilogue,
    b: Backward<'a>,
    g: &'a mut [f32],
    g_strides: Strides,
}

impl Kernel for BackwardRun<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(mut self, simd: S) {
        let e = self.e;
        // Windows that tile the map write every pixel once; others add to zeros.
        let exact = e.pool.is_none_or(|p| {
            p.tiles() && p.kernel == p.stride && e.input == (e.output.0 * p.kernel.0, e.output.1 * p.kernel.1)
        });
        if !exact {
            self.clear();
        }
        for n in 0..e.images {
            for row in 0..e.output.0 {
                for column in 0..e.output.1 {
                    self.pixel(simd, n, row, column, !exact);
                }
            }
        }
    }
}

impl BackwardRun<'_> {
    fn clear(&mut self) {
        let width = self.e.blocks * BLOCK;
        for n in 0..self.e.images {
            for y in 0..self.e.input.0 {
                for x in 0..self.e.input.1 {
                    let at = self.g_strides.at(n, y, x);
                    self.g[at..at + width].fill(0.0);
                }
            }
        }
    }

    #[inline(always)]
    fn pixel<S: Simd>(&mut self, simd: S, n: usize, row: usize, column: usize, accumulate: bool) {
        let e = self.e;
        let (out, from) = (e.y.at(n, row, column), self.b.dy_strides.at(n, row, column));
        let place = e.place_strides().at(n, row, column);
        let [(y0, y1, ky), (x0, x1, kx)] = e.window(row, column);
        let width = e.pool.map_or(1, |p| p.kernel.1);
        let zero = simd.splat(0.0);
        for c in (0..e.blocks * BLOCK).step_by(S::LANES) {
            // SAFETY: `backward` bounded every pixel's channels in all slices.
            unsafe {
                let mut d = simd.load(self.b.dy.as_ptr().add(from + c));
                if let Some((mask, strides)) = self.b.mask {
                    d = simd.mul(d, simd.load(mask.as_ptr().add(strides.at(n, row, column) + c)));
                }
                if e.relu {
                    d = simd.select_gt(simd.load(self.b.y.as_ptr().add(out + c)), zero, d, zero);
                }
                if e.pool.is_none() {
                    simd.store(self.g.as_mut_ptr().add(self.g_strides.at(n, row, column) + c), d);
                    continue;
                }
                let winner = simd.load_u16(self.b.places.as_ptr().add(place + c));
                for y in y0..y1 {
                    for x in x0..x1 {
                        let here = simd.splat(((y - y0 + ky) * width + x - x0 + kx) as f32);
                        let target = self.g.as_mut_ptr().add(self.g_strides.at(n, y, x) + c);
                        let mut v = simd.select_eq(winner, here, d, zero);
                        if accumulate {
                            v = simd.add(v, simd.load(target));
                        }
                        simd.store(target, v);
                    }
                }
            }
        }
    }
}

/// `to += from`, or `to = from`, over the pixels of `images` maps.
///
/// # Panics
/// If a slice is too short.
pub fn copy_map(
    images: usize,
    size: (usize, usize),
    channels: usize,
    from: (&[f32], Strides),
    to: (&mut [f32], Strides),
    add: bool,
) {
    for n in 0..images {
        for y in 0..size.0 {
            for x in 0..size.1 {
                let source = &from.0[from.1.at(n, y, x)..][..channels];
                let target = &mut to.0[to.1.at(n, y, x)..][..channels];
                if add {
                    target.iter_mut().zip(source).for_each(|(t, s)| *t += s);
                } else {
                    target.copy_from_slice(source);
                }
            }
        }
    }
}
