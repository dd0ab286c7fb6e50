//! The backward pass of an epilogue, and of the BatchNorm that it may be the affine map of.

use super::Epilogue;
use crate::batch_norm::Maps;
use crate::isa::{Isa, Kernel};
use crate::layout::{BLOCK, Strides};
use crate::simd::Simd;

/// The gradient of an epilogue's output, and what of the forward pass decides where it goes.
#[derive(Clone, Copy)]
pub struct Gradient<'a> {
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

impl Gradient<'_> {
    fn check(&self, e: &Epilogue) {
        e.check();
        assert_eq!(e.first_row, 0, "the backward pass takes whole maps");
        assert!(e.reach(self.dy_strides, e.output) <= self.dy.len(), "too few gradients");
        assert!(e.relu.is_none() || e.reach(e.y, e.output) <= self.y.len(), "too few outputs");
        if let Some((mask, strides)) = self.mask {
            assert!(e.reach(strides, e.output) <= mask.len(), "too few masks");
        }
        assert!(
            e.pool.is_none() || e.reach(e.place_strides(), e.output) <= self.places.len(),
            "too few places"
        );
    }

    /// The gradient that arrives before mask and ReLU.
    ///
    /// # Safety
    /// `check` has passed, the pixel is one of the output's and `c` one of its channels.
    #[inline(always)]
    unsafe fn arriving<S: Simd>(
        &self,
        simd: S,
        e: &Epilogue,
        (n, row, column): (usize, usize, usize),
        c: usize,
    ) -> S::V {
        // SAFETY: the caller's promise.
        unsafe {
            let mut d = simd.load(self.dy.as_ptr().add(self.dy_strides.at(n, row, column) + c));
            if let Some((mask, strides)) = self.mask {
                d = simd.mul(d, simd.load(mask.as_ptr().add(strides.at(n, row, column) + c)));
            }
            if let Some(relu) = e.relu {
                let y = simd.load(self.y.as_ptr().add(e.y.at(n, row, column) + c));
                // As in PyTorch, an output that is no number lets the gradient through.
                let through_nan = simd.select_nan(y, d, simd.splat(0.0));
                d = simd.select_gt(y, simd.splat(0.0), d, through_nan);
                if relu.ceiling.is_finite() {
                    d = simd.select_eq(y, simd.splat(relu.ceiling), simd.splat(0.0), d);
                }
            }
            d
        }
    }

    /// Calls `each` with every pixel of a window and the part of `d` that the pixel gets: all where
    /// its maximum was.
    ///
    /// # Safety
    /// As for [`Gradient::arriving`].
    #[inline(always)]
    unsafe fn spread<S: Simd, const WINDOW: usize>(
        &self,
        simd: S,
        e: &Epilogue,
        (n, row, column): (usize, usize, usize),
        c: usize,
        d: S::V,
        mut each: impl FnMut(usize, usize, S::V),
    ) {
        if WINDOW == 1 {
            each(row, column, d);
            return;
        }
        // SAFETY: the caller's promise.
        let winner =
            unsafe { simd.load_u16(self.places.as_ptr().add(e.place_strides().at(n, row, column) + c)) };
        let part = |place: usize| simd.select_eq(winner, simd.splat(place as f32), d, simd.splat(0.0));
        if WINDOW == 2 {
            for place in 0..4 {
                each(2 * row + place / 2, 2 * column + place % 2, part(place));
            }
            return;
        }
        let (rows, columns, width) = e.window(row, column);
        for (y, in_column) in rows.places() {
            for (x, in_row) in columns.places() {
                each(y, x, part(in_column * width + in_row));
            }
        }
    }
}

/// What becomes of the gradient on its way through BatchNorm: `a · g + b · x + c`, each by channel.
#[derive(Clone, Copy)]
pub struct Through<'a> {
    /// BatchNorm's input, and the steps through it; without one, it lies where the gradient goes, which
    /// takes its place.
    pub x: Option<(&'a [f32], Strides)>,
    /// `a`, `b` and `c`.
    pub coefficients: [&'a [f32]; 3],
}

impl Through<'_> {
    /// Where a pixel of BatchNorm's input is: in `g`, if it has no memory of its own.
    ///
    /// # Safety
    /// The pixel is one of the input's.
    #[inline(always)]
    unsafe fn input(
        &self,
        (n, y, x): (usize, usize, usize),
        g: *const f32,
        g_strides: Strides,
    ) -> *const f32 {
        // SAFETY: the caller's promise; `backward` bounded both maps.
        unsafe {
            match self.x {
                Some((values, strides)) => values.as_ptr().add(strides.at(n, y, x)),
                None => g.add(g_strides.at(n, y, x)),
            }
        }
    }
}

/// The gradient of what the epilogue pools: before the affine map and the addition, or through the
/// BatchNorm before. Every pixel of the input's size is written to `g`, or added to it if `add`.
///
/// # Panics
/// If a slice is too short.
pub fn backward(
    isa: Isa,
    e: &Epilogue,
    from: Gradient<'_>,
    through: Option<Through<'_>>,
    (g, g_strides): (&mut [f32], Strides),
    add: bool,
) {
    if e.is_empty() {
        return;
    }
    from.check(e);
    assert!(e.reach(g_strides, e.input) <= g.len(), "the input's gradient is too short");
    if let Some(t) = &through {
        if let Some((x, strides)) = t.x {
            assert!(e.reach(strides, e.input) <= x.len(), "BatchNorm's input is too short");
        }
        assert!(t.x.is_some() || !add, "BatchNorm's input cannot lie where something is added to");
        assert!(t.coefficients.iter().all(|k| k.len() >= e.blocks * BLOCK), "too few coefficients");
    }
    isa.run(Run { e, from, through, g, g_strides, add });
}

struct Run<'a> {
    e: &'a Epilogue,
    from: Gradient<'a>,
    through: Option<Through<'a>>,
    g: &'a mut [f32],
    g_strides: Strides,
    add: bool,
}

impl Kernel for Run<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(mut self, simd: S) {
        let e = self.e;
        match e.window_size() {
            1 => self.outputs::<S, 1>(simd),
            2 if e.input == (2 * e.output.0, 2 * e.output.1) => self.outputs::<S, 2>(simd),
            _ => {
                // Windows may overlap or leave pixels out: first what every pixel gets without them.
                self.without_gradient(simd);
                self.add = true;
                self.outputs::<S, 0>(simd);
            }
        }
    }
}

impl Run<'_> {
    #[inline(always)]
    fn outputs<S: Simd, const WINDOW: usize>(&mut self, simd: S) {
        let e = self.e;
        for n in 0..e.images {
            for row in 0..e.output.0 {
                for column in 0..e.output.1 {
                    for c in (0..e.blocks * BLOCK).step_by(S::LANES) {
                        // SAFETY: `backward` checked; rows, columns and channels are the output's.
                        unsafe { self.output::<S, WINDOW>(simd, (n, row, column), c) }
                    }
                }
            }
        }
    }

    /// # Safety
    /// The pixel is one of the output's and `c` one of its channels.
    #[inline(always)]
    unsafe fn output<S: Simd, const WINDOW: usize>(&mut self, simd: S, at: (usize, usize, usize), c: usize) {
        // SAFETY: the caller's promise, and `backward`'s checks.
        unsafe {
            let mut d = self.from.arriving(simd, self.e, at, c);
            let mut rest = None;
            if let Some(t) = &self.through {
                let [a, b, constant] = t.coefficients.map(|k| simd.load(k.as_ptr().add(c)));
                d = simd.mul(a, d);
                // In overlapping windows the rest is there already.
                rest = (WINDOW != 0).then_some((b, constant));
            }
            let (g, g_strides) = (self.g.as_mut_ptr(), self.g_strides);
            self.from.spread::<S, WINDOW>(simd, self.e, at, c, d, |y, x, mut v| {
                if let (Some(t), Some((b, constant))) = (&self.through, rest) {
                    let input = t.input((at.0, y, x), g.cast_const(), g_strides).add(c);
                    v = simd.add(v, simd.fma(b, simd.load(input), constant));
                }
                let target = g.add(g_strides.at(at.0, y, x) + c);
                if self.add {
                    v = simd.add(v, simd.load(target));
                }
                simd.store(target, v);
            });
        }
    }

    /// What every pixel gets without a gradient of the output: zero, or BatchNorm's `b · x + c`.
    #[inline(always)]
    fn without_gradient<S: Simd>(&mut self, simd: S) {
        let e = self.e;
        for n in 0..e.images {
            for (y, x) in (0..e.input.0).flat_map(|y| (0..e.input.1).map(move |x| (y, x))) {
                for c in (0..e.blocks * BLOCK).step_by(S::LANES) {
                    // SAFETY: `backward` checked; rows, columns and channels are the input's.
                    unsafe {
                        let target = self.g.as_mut_ptr().add(self.g_strides.at(n, y, x) + c);
                        let mut v = if self.add { simd.load(target) } else { simd.splat(0.0) };
                        if let Some(t) = &self.through {
                            let [_, b, constant] = t.coefficients.map(|k| simd.load(k.as_ptr().add(c)));
                            let g = self.g.as_ptr();
                            let input = t.input((n, y, x), g, self.g_strides).add(c);
                            v = simd.add(v, simd.fma(b, simd.load(input), constant));
                        }
                        simd.store(target, v);
                    }
                }
            }
        }
    }
}

/// For each image and channel of the gradient `g` that [`backward`] without `through` would give:
/// `Σ g`, then `Σ g · (x − mean) · inverse_deviation`, where `x` is BatchNorm's input.
///
/// # Panics
/// If a slice is too short.
pub fn norm_sums(
    isa: Isa,
    e: &Epilogue,
    from: Gradient<'_>,
    (x, x_strides): (&[f32], Strides),
    (mean, inverse_deviation): (&[f32], &[f32]),
    sums: &mut [f32],
) {
    if e.is_empty() {
        return;
    }
    from.check(e);
    assert!(e.reach(x_strides, e.input) <= x.len(), "BatchNorm's input is too short");
    assert!(mean.len().min(inverse_deviation.len()) >= e.blocks * BLOCK, "too few statistics");
    let maps = Maps { images: e.images, size: e.input, blocks: e.blocks };
    assert!(e.images * maps.sums_len() <= sums.len(), "too few sums");
    isa.run(Sums { e, from, x, x_strides, mean, inverse_deviation, sums, each: maps.sums_len() });
}

struct Sums<'a> {
    e: &'a Epilogue,
    from: Gradient<'a>,
    x: &'a [f32],
    x_strides: Strides,
    mean: &'a [f32],
    inverse_deviation: &'a [f32],
    sums: &'a mut [f32],
    /// Sums of an image.
    each: usize,
}

impl Kernel for Sums<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(mut self, simd: S) {
        match self.e.window_size() {
            1 => self.images::<S, 1>(simd),
            2 => self.images::<S, 2>(simd),
            _ => self.images::<S, 0>(simd),
        }
    }
}

impl Sums<'_> {
    #[inline(always)]
    fn images<S: Simd, const WINDOW: usize>(&mut self, simd: S) {
        let e = self.e;
        let width = e.blocks * BLOCK;
        for n in 0..e.images {
            for c in (0..width).step_by(S::LANES) {
                // SAFETY: `norm_sums` bounded every pixel's channels, the statistics and the sums.
                unsafe {
                    let mean = simd.load(self.mean.as_ptr().add(c));
                    let inverse = simd.load(self.inverse_deviation.as_ptr().add(c));
                    // Two pairs of sums hide the latency of the additions.
                    let mut sum = [simd.splat(0.0); 2];
                    let mut product = [simd.splat(0.0); 2];
                    for row in 0..e.output.0 {
                        let together = if WINDOW == 1 { 2 } else { 1 };
                        for first in (0..e.output.1).step_by(together) {
                            for i in 0..together {
                                if first + i == e.output.1 {
                                    break;
                                }
                                let at = (n, row, first + i);
                                let d = self.from.arriving(simd, e, at, c);
                                self.from.spread::<S, WINDOW>(simd, e, at, c, d, |y, x, v| {
                                    let input = self.x.as_ptr().add(self.x_strides.at(n, y, x) + c);
                                    // Known at compile time either way: a sum must not leave its register.
                                    let i = if WINDOW == 2 { x % 2 } else { i };
                                    sum[i] = simd.add(sum[i], v);
                                    product[i] = simd.fma(v, simd.sub(simd.load(input), mean), product[i]);
                                });
                            }
                        }
                    }
                    let out = self.sums.as_mut_ptr().add(n * self.each + c);
                    simd.store(out, simd.add(sum[0], sum[1]));
                    simd.store(out.add(width), simd.mul(simd.add(product[0], product[1]), inverse));
                }
            }
        }
    }
}
