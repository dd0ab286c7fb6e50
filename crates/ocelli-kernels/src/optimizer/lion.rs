//! Lion.

use crate::isa::{Isa, Kernel};
use crate::simd::Simd;

/// Lion, "Symbolic Discovery of Optimization Algorithms" (Chen et al., 2023), algorithm 2.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LionStep {
    /// Learning rate: how far each weight goes.
    pub lr: f64,
    /// The share of the running mean in the step, and the mean's own decay.
    pub betas: (f64, f64),
    /// The factor by which weights shrink, times `lr`.
    pub weight_decay: f64,
}

/// One step of [`LionStep`] on parameters `value` with gradients `grad`.
///
/// # Panics
/// If the slices differ in length.
pub fn lion(isa: Isa, options: LionStep, value: &mut [f32], grad: &[f32], mean: &mut [f32]) {
    assert!(value.len() == grad.len() && value.len() == mean.len());
    isa.run(LionRun { options, value, grad, mean });
}

struct LionRun<'a> {
    options: LionStep,
    value: &'a mut [f32],
    grad: &'a [f32],
    mean: &'a mut [f32],
}

impl Kernel for LionRun<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        let o = self.options;
        let (b1, b2) = o.betas;
        let (keep1, take1, keep2, take2) = (b1 as f32, (1.0 - b1) as f32, b2 as f32, (1.0 - b2) as f32);
        let (lr, shrink) = (o.lr as f32, (1.0 - o.lr * o.weight_decay) as f32);
        for ((w, g), m) in self.value.iter_mut().zip(self.grad).zip(self.mean) {
            let direction = *m * keep1 + g * take1;
            // 0 for 0, unlike `signum`; a direction that is no number must show.
            let sign = if direction > 0.0 {
                1.0
            } else if direction < 0.0 {
                -1.0
            } else {
                direction
            };
            *w = *w * shrink - lr * sign;
            *m = *m * keep2 + g * take2;
        }
    }
}
