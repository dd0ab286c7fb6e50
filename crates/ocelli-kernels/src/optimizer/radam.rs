//! RAdam.

use super::{bias_correction, decays, divisor};
use crate::isa::{Isa, Kernel};
use crate::simd::Simd;

/// RAdam as `torch.optim.RAdam` does it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RAdamStep {
    /// Learning rate.
    pub lr: f64,
    /// Decay of the running means of gradient and squared gradient.
    pub betas: (f64, f64),
    /// Added to the denominator.
    pub eps: f64,
    /// L2 penalty, or with `decoupled` the factor by which weights shrink, times `lr`.
    pub weight_decay: f64,
    /// Whether decay is apart from the gradient.
    pub decoupled: bool,
    /// The step's number, from 1.
    pub number: u64,
}

impl RAdamStep {
    /// The factor of a step that is divided by the deviation; `None` while the mean of squares is of too few steps to divide by.
    fn rectified(&self) -> Option<f64> {
        let beta = self.betas.1;
        let correction = bias_correction(beta, self.number);
        let longest = 2.0 / (1.0 - beta) - 1.0;
        let length = longest - 2.0 * self.number as f64 * (1.0 - correction) / correction;
        let variance = (length - 4.0) * (length - 2.0) * longest;
        let rectification = (variance / ((longest - 4.0) * (longest - 2.0) * length)).sqrt();
        (length > 5.0).then(|| rectification * correction.sqrt())
    }
}

/// One step of [`RAdamStep`] on parameters `value` with gradients `grad`.
///
/// # Panics
/// If the slices differ in length.
pub fn radam(
    isa: Isa,
    options: RAdamStep,
    value: &mut [f32],
    grad: &[f32],
    mean: &mut [f32],
    square: &mut [f32],
) {
    assert!(value.len() == grad.len() && value.len() == mean.len() && value.len() == square.len());
    isa.run(RAdamRun { options, value, grad, mean, square });
}

struct RAdamRun<'a> {
    options: RAdamStep,
    value: &'a mut [f32],
    grad: &'a [f32],
    mean: &'a mut [f32],
    square: &'a mut [f32],
}

impl Kernel for RAdamRun<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        let o = self.options;
        let (b1, b2) = o.betas;
        let step_size = o.lr / bias_correction(b1, o.number);
        let (shrink, decay) = decays(o.lr, o.weight_decay, o.decoupled);
        let (take1, keep2, take2, eps) = ((1.0 - b1) as f32, b2 as f32, (1.0 - b2) as f32, o.eps as f32);
        let rows = self.value.iter_mut().zip(self.grad).zip(self.mean).zip(self.square);
        let step = |w: f32, g: f32, m: &mut f32, v: &mut f32| {
            let g = g + decay * w;
            *m += (g - *m) * take1;
            *v = *v * keep2 + g * g * take2;
        };
        match o.rectified() {
            Some(factor) => {
                let step_size = (step_size * factor) as f32;
                for (((w, g), m), v) in rows {
                    step(*w, *g, m, v);
                    *w = *w * shrink - step_size * (*m / divisor(v.sqrt() + eps));
                }
            }
            None => {
                let step_size = step_size as f32;
                for (((w, g), m), v) in rows {
                    step(*w, *g, m, v);
                    *w = *w * shrink - step_size * *m;
                }
            }
        }
    }
}
