//! NAdam.

use super::{bias_correction, decays, divisor};
use crate::isa::{Isa, Kernel};
use crate::simd::Simd;

/// NAdam as `torch.optim.NAdam` does it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NAdamStep {
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
    /// The momentum of this step and of the next.
    pub momenta: (f64, f64),
    /// The product of all steps' momenta, this one's included.
    pub product: f64,
    /// The step's number, from 1.
    pub number: u64,
}

/// One step of [`NAdamStep`] on parameters `value` with gradients `grad`.
///
/// # Panics
/// If the slices differ in length.
pub fn nadam(
    isa: Isa,
    options: NAdamStep,
    value: &mut [f32],
    grad: &[f32],
    mean: &mut [f32],
    square: &mut [f32],
) {
    assert!(value.len() == grad.len() && value.len() == mean.len() && value.len() == square.len());
    isa.run(NAdamRun { options, value, grad, mean, square });
}

struct NAdamRun<'a> {
    options: NAdamStep,
    value: &'a mut [f32],
    grad: &'a [f32],
    mean: &'a mut [f32],
    square: &'a mut [f32],
}

impl Kernel for NAdamRun<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        let o = self.options;
        let ((b1, b2), (mu, next)) = (o.betas, o.momenta);
        let of_grad = (o.lr * (1.0 - mu) / (1.0 - o.product)) as f32;
        let of_mean = (o.lr * next / (1.0 - o.product * next)) as f32;
        let inverse = (1.0 / bias_correction(b2, o.number)) as f32;
        let (shrink, decay) = decays(o.lr, o.weight_decay, o.decoupled);
        let (take1, keep2, take2, eps) = ((1.0 - b1) as f32, b2 as f32, (1.0 - b2) as f32, o.eps as f32);
        for (((w, g), m), v) in self.value.iter_mut().zip(self.grad).zip(self.mean).zip(self.square) {
            let g = g + decay * *w;
            *m += (g - *m) * take1;
            *v = *v * keep2 + g * g * take2;
            let deviation = divisor((*v * inverse).sqrt() + eps);
            *w = *w * shrink - of_grad * (g / deviation) - of_mean * (*m / deviation);
        }
    }
}
