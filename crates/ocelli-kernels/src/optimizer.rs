//! Optimizer updates over slices of parameters, elementwise, in PyTorch's order of operations.

use crate::isa::{Isa, Kernel};
use crate::simd::Simd;

/// Stochastic gradient descent as `torch.optim.SGD` does it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SgdStep {
    /// Learning rate.
    pub lr: f64,
    /// Factor of the momentum buffer; without momentum the buffer is neither read nor written.
    pub momentum: f64,
    /// One minus the gradient's factor in the buffer.
    pub dampening: f64,
    /// Factor of the parameter in its gradient.
    pub weight_decay: f64,
    /// Nesterov's momentum.
    pub nesterov: bool,
    /// Whether the buffer starts as the gradient: PyTorch's first step.
    pub first: bool,
}

/// One step of [`SgdStep`] on parameters `value` with gradients `grad`. Without momentum there
/// is no `buffer`.
///
/// # Panics
/// If the slices differ in length, or there is momentum and no buffer.
pub fn sgd(isa: Isa, options: SgdStep, value: &mut [f32], grad: &[f32], buffer: Option<&mut [f32]>) {
    assert_eq!(value.len(), grad.len());
    if let Some(buffer) = &buffer {
        assert_eq!(buffer.len(), value.len());
    }
    isa.run(SgdRun { options, value, grad, buffer });
}

struct SgdRun<'a> {
    options: SgdStep,
    value: &'a mut [f32],
    grad: &'a [f32],
    buffer: Option<&'a mut [f32]>,
}

impl Kernel for SgdRun<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        // Plain loops: with the kernel's features on, the compiler makes full vectors of them.
        let o = self.options;
        let (lr, decay, momentum) = (o.lr as f32, o.weight_decay as f32, o.momentum as f32);
        let rows = self.value.iter_mut().zip(self.grad);
        if o.momentum == 0.0 {
            for (w, g) in rows {
                *w -= lr * (g + decay * *w);
            }
            return;
        }
        let buffer = self.buffer.expect("momentum needs a buffer");
        let (keep, take) = if o.first { (0.0, 1.0) } else { (momentum, (1.0 - o.dampening) as f32) };
        for ((w, g), b) in rows.zip(buffer) {
            let g = g + decay * *w;
            *b = keep * *b + take * g;
            *w -= lr * if o.nesterov { g + momentum * *b } else { *b };
        }
    }
}

/// Adam as `torch.optim.Adam` does it, or AdamW with decoupled decay as `torch.optim.AdamW`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdamStep {
    /// Learning rate.
    pub lr: f64,
    /// Decay of the running means of gradient and squared gradient.
    pub betas: (f64, f64),
    /// Added to the denominator.
    pub eps: f64,
    /// L2 penalty, or with `decoupled` the factor by which weights shrink, times `lr`.
    pub weight_decay: f64,
    /// AdamW.
    pub decoupled: bool,
    /// The step's number, from 1.
    pub number: u64,
}

/// One step of [`AdamStep`] on parameters `value` with gradients `grad`.
///
/// # Panics
/// If the slices differ in length.
pub fn adam(
    isa: Isa,
    options: AdamStep,
    value: &mut [f32],
    grad: &[f32],
    mean: &mut [f32],
    square: &mut [f32],
) {
    assert!(value.len() == grad.len() && value.len() == mean.len() && value.len() == square.len());
    isa.run(AdamRun { options, value, grad, mean, square });
}

struct AdamRun<'a> {
    options: AdamStep,
    value: &'a mut [f32],
    grad: &'a [f32],
    mean: &'a mut [f32],
    square: &'a mut [f32],
}

impl Kernel for AdamRun<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        let o = self.options;
        let (b1, b2) = o.betas;
        let step = i32::try_from(o.number).unwrap_or(i32::MAX);
        let step_size = (o.lr / (1.0 - b1.powi(step))) as f32;
        let root = (1.0 - b2.powi(step)).sqrt() as f32;
        let (shrink, decay) = if o.decoupled {
            ((1.0 - o.lr * o.weight_decay) as f32, 0.0)
        } else {
            (1.0, o.weight_decay as f32)
        };
        let (take1, keep2, take2, eps) = ((1.0 - b1) as f32, b2 as f32, (1.0 - b2) as f32, o.eps as f32);
        let rows = self.value.iter_mut().zip(self.grad).zip(self.mean).zip(self.square);
        for (((w, g), m), v) in rows {
            let shrunk = *w * shrink;
            let g = g + decay * *w;
            *m += (g - *m) * take1;
            *v = *v * keep2 + g * g * take2;
            // Without an eps, what never had a gradient (padding, above all) stays: 0/0 is no number.
            let deviation = v.sqrt() / root + eps;
            *w = shrunk - step_size * (*m / if deviation > 0.0 { deviation } else { 1.0 });
        }
    }
}
