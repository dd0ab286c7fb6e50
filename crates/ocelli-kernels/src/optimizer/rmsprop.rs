//! RMSprop.

use super::divisor;
use crate::isa::{Isa, Kernel};
use crate::simd::Simd;

/// RMSprop as `torch.optim.RMSprop` does it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RmsPropStep {
    /// Learning rate.
    pub lr: f64,
    /// Factor of the running means.
    pub alpha: f64,
    /// Added to the denominator.
    pub eps: f64,
    /// Factor of the parameter in its gradient.
    pub weight_decay: f64,
    /// Factor of the momentum buffer.
    pub momentum: f64,
}

/// One step of [`RmsPropStep`] on parameters `value` with gradients `grad`: `square` is the mean of squared gradients. With
/// `mean`, the mean of gradients, steps are divided by the deviation from it. With `buffer` they have momentum.
///
/// # Panics
/// If the slices differ in length.
pub fn rmsprop(
    isa: Isa,
    options: RmsPropStep,
    value: &mut [f32],
    grad: &[f32],
    square: &mut [f32],
    mean: Option<&mut [f32]>,
    buffer: Option<&mut [f32]>,
) {
    assert!(value.len() == grad.len() && value.len() == square.len());
    for slice in [&mean, &buffer].into_iter().flatten() {
        assert_eq!(slice.len(), value.len());
    }
    isa.run(RmsPropRun { options, value, grad, square, mean, buffer });
}

struct RmsPropRun<'a> {
    options: RmsPropStep,
    value: &'a mut [f32],
    grad: &'a [f32],
    square: &'a mut [f32],
    mean: Option<&'a mut [f32]>,
    buffer: Option<&'a mut [f32]>,
}

impl Kernel for RmsPropRun<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        let o = self.options;
        let (lr, keep, take, eps) = (o.lr as f32, o.alpha as f32, (1.0 - o.alpha) as f32, o.eps as f32);
        let (decay, momentum) = (o.weight_decay as f32, o.momentum as f32);
        let rows = self.value.iter_mut().zip(self.grad).zip(self.square);
        let squared = |v: &mut f32, g: f32| {
            *v = *v * keep + g * g * take;
            *v
        };
        // Rounding may leave the square of the mean above the mean of squares.
        let centred = |v: f32, m: &mut f32, g: f32| {
            *m += (g - *m) * take;
            (v - *m * *m).max(0.0)
        };
        let step = |g: f32, variance: f32| g / divisor(variance.sqrt() + eps);
        let moved = |b: &mut f32, step: f32| {
            *b = *b * momentum + step;
            *b
        };
        match (self.mean, self.buffer) {
            (None, None) => {
                for ((w, g), v) in rows {
                    let g = g + decay * *w;
                    *w -= lr * step(g, squared(v, g));
                }
            }
            (Some(mean), None) => {
                for (((w, g), v), m) in rows.zip(mean) {
                    let g = g + decay * *w;
                    *w -= lr * step(g, centred(squared(v, g), m, g));
                }
            }
            (None, Some(buffer)) => {
                for (((w, g), v), b) in rows.zip(buffer) {
                    let g = g + decay * *w;
                    *w -= lr * moved(b, step(g, squared(v, g)));
                }
            }
            (Some(mean), Some(buffer)) => {
                for ((((w, g), v), m), b) in rows.zip(mean).zip(buffer) {
                    let g = g + decay * *w;
                    *w -= lr * moved(b, step(g, centred(squared(v, g), m, g)));
                }
            }
        }
    }
}
