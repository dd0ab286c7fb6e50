//! Adagrad.

use super::divisor;
use crate::isa::{Isa, Kernel};
use crate::simd::Simd;

/// Adagrad as `torch.optim.Adagrad` does it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdagradStep {
    /// Learning rate.
    pub lr: f64,
    /// How fast the learning rate falls: it is divided by `1 + (number - 1) · lr_decay`.
    pub lr_decay: f64,
    /// Factor of the parameter in its gradient.
    pub weight_decay: f64,
    /// Where the sums begin.
    pub initial: f64,
    /// Added to the denominator.
    pub eps: f64,
    /// Whether the sums begin with this step.
    pub first: bool,
    /// The step's number, from 1.
    pub number: u64,
}

/// One step of [`AdagradStep`] on parameters `value` with gradients `grad`; `sum` is the sum of squared gradients.
///
/// # Panics
/// If the slices differ in length.
pub fn adagrad(isa: Isa, options: AdagradStep, value: &mut [f32], grad: &[f32], sum: &mut [f32]) {
    assert!(value.len() == grad.len() && value.len() == sum.len());
    isa.run(AdagradRun { options, value, grad, sum });
}

struct AdagradRun<'a> {
    options: AdagradStep,
    value: &'a mut [f32],
    grad: &'a [f32],
    sum: &'a mut [f32],
}

impl Kernel for AdagradRun<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        let o = self.options;
        let lr = (o.lr / (1.0 + (o.number.max(1) - 1) as f64 * o.lr_decay)) as f32;
        let (decay, eps) = (o.weight_decay as f32, o.eps as f32);
        if o.first {
            self.sum.fill(o.initial as f32);
        }
        for ((w, g), s) in self.value.iter_mut().zip(self.grad).zip(self.sum) {
            let g = g + decay * *w;
            *s += g * g;
            *w -= lr * (g / divisor(s.sqrt() + eps));
        }
    }
}
