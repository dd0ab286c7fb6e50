//! Average pooling, with fixed windows (AvgPool2d) or windows that divide the map (AdaptiveAvgPool2d).

use crate::isa::{Isa, Kernel};
use crate::layout::{BLOCK, Strides, channels_of};
use crate::simd::Simd;

/// The windows along one axis: for each output, the first input, the one past the last, and by how
/// much this axis contributes to the divisor.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Windows(pub(crate) Vec<(usize, usize, usize)>);

impl Windows {
    /// AvgPool2d's windows, `outputs` of them: the last may reach past the padding, but must begin before it.
    /// Padding counts in the divisor if `count_include_pad`; what lies past it does not.
    ///
    /// # Panics
    /// If the input is empty, the kernel is, or a window begins past the input.
    #[must_use]
    pub fn fixed(
        (size, outputs): (usize, usize),
        (kernel, stride, padding): (usize, usize, usize),
        count_include_pad: bool,
    ) -> Self {
        let last = outputs.saturating_sub(1).checked_mul(stride).expect("windows that can be counted");
        assert!(
            size > 0 && kernel > 0 && last < size + padding,
            "{outputs} windows of {kernel} every {stride} on {size} inputs with {padding} around"
        );
        let window = |o: usize| {
            let (start, end) = (o * stride, (o * stride + kernel).min(size + 2 * padding));
            let (first, past) = (start.saturating_sub(padding), end.saturating_sub(padding).min(size));
            let first = first.min(past);
            (first, past, if count_include_pad { end - start } else { past - first })
        };
        Self((0..outputs).map(window).collect())
    }

    /// The windows of AdaptiveAvgPool2d and AdaptiveMaxPool2d: output `o` of `outputs` is of inputs `⌊o·size/outputs⌋` up to
    /// `⌈(o+1)·size/outputs⌉`.
    ///
    /// # Panics
    /// If the input is empty.
    #[must_use]
    pub fn adaptive(size: usize, outputs: usize) -> Self {
        assert!(size > 0, "windows on no input");
        Self(
            (0..outputs)
                .map(|o| {
                    let (first, end) = (o * size / outputs, ((o + 1) * size).div_ceil(outputs));
                    (first, end, end - first)
                })
                .collect(),
        )
    }
}

/// The shape of an average pooling.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AvgPool {
    /// Windows down and across.
    pub windows: (Windows, Windows),
    /// What sums are divided by, whatever their windows count.
    pub divisor: Option<usize>,
}

/// Steps through the input and the output of a pooling, or through their gradients, and how much of a pixel it takes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PoolStrides {
    /// Through the input.
    pub x: Strides,
    /// Through the output.
    pub y: Strides,
    /// Blocks of channels.
    pub blocks: usize,
}

impl AvgPool {
    fn check(&self, images: usize, steps: PoolStrides, x: usize, y: usize) {
        let end = |w: &Windows| w.0.iter().map(|w| w.1).max().unwrap_or(0);
        let (rows, columns) = (end(&self.windows.0), end(&self.windows.1));
        let outputs = (self.windows.0.0.len(), self.windows.1.0.len());
        if images > 0 && outputs.0 > 0 && outputs.1 > 0 {
            // A window may lie in the padding alone.
            let reach = |s: Strides, rows: usize, columns: usize| {
                s.reach((images, rows.max(1), columns.max(1)), channels_of(steps.blocks))
            };
            assert!(reach(steps.x, rows, columns) <= x, "average pooling reaches past {x} values");
            assert!(reach(steps.y, outputs.0, outputs.1) <= y, "past {y} outputs");
        }
    }

    /// Calls `f` with (offset in the output, offsets in the input of a window, 1 / divisor).
    #[inline(always)]
    fn for_each(
        &self,
        images: usize,
        steps: PoolStrides,
        mut f: impl FnMut(usize, (usize, usize), (usize, usize), usize, f32),
    ) {
        for n in 0..images {
            for (row, &(y0, y1, rows)) in self.windows.0.0.iter().enumerate() {
                for (column, &(x0, x1, columns)) in self.windows.1.0.iter().enumerate() {
                    let divisor = self.divisor.unwrap_or(rows * columns);
                    f(steps.y.at(n, row, column), (y0, y1), (x0, x1), n, 1.0 / divisor as f32);
                }
            }
        }
    }
}

/// Averages over windows.
///
/// # Panics
/// If a slice is too short.
pub fn forward(isa: Isa, p: &AvgPool, images: usize, steps: PoolStrides, x: &[f32], y: &mut [f32]) {
    p.check(images, steps, x.len(), y.len());
    isa.run(Forward { p, images, steps, x, y });
}

struct Forward<'a> {
    p: &'a AvgPool,
    images: usize,
    steps: PoolStrides,
    x: &'a [f32],
    y: &'a mut [f32],
}

impl Kernel for Forward<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        self.p.for_each(self.images, self.steps, |out, (y0, y1), (x0, x1), n, factor| {
            for c in (0..self.steps.blocks * BLOCK).step_by(S::LANES) {
                // SAFETY: `forward` bounded every window and output.
                unsafe {
                    let mut sum = simd.splat(0.0);
                    for y in y0..y1 {
                        for x in x0..x1 {
                            sum = simd.add(sum, simd.load(self.x.as_ptr().add(self.steps.x.at(n, y, x) + c)));
                        }
                    }
                    simd.store(self.y.as_mut_ptr().add(out + c), simd.mul(sum, simd.splat(factor)));
                }
            }
        });
    }
}

/// Adds the input's gradient to `dx`.
///
/// # Panics
/// If a slice is too short.
pub fn backward(isa: Isa, p: &AvgPool, images: usize, steps: PoolStrides, dy: &[f32], dx: &mut [f32]) {
    p.check(images, steps, dx.len(), dy.len());
    isa.run(Backward { p, images, steps, dy, dx });
}

struct Backward<'a> {
    p: &'a AvgPool,
    images: usize,
    steps: PoolStrides,
    dy: &'a [f32],
    dx: &'a mut [f32],
}

impl Kernel for Backward<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        self.p.for_each(self.images, self.steps, |out, (y0, y1), (x0, x1), n, factor| {
            for c in (0..self.steps.blocks * BLOCK).step_by(S::LANES) {
                // SAFETY: `backward` bounded every window and output.
                unsafe {
                    let d = simd.mul(simd.load(self.dy.as_ptr().add(out + c)), simd.splat(factor));
                    for y in y0..y1 {
                        for x in x0..x1 {
                            let target = self.dx.as_mut_ptr().add(self.steps.x.at(n, y, x) + c);
                            simd.store(target, simd.add(simd.load(target), d));
                        }
                    }
                }
            }
        });
    }
}
