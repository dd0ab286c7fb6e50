//! Optimizer updates over slices of parameters, elementwise, in PyTorch's order of operations.

use crate::isa::{Isa, Kernel};
use crate::simd::Simd;

/// Stochastic gradient descent as `torch.optim.SGD` does it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sgd {
    /// Learning rate.
    pub lr: f32,
    /// Factor of the momentum buffer; without momentum the buffer is neither read nor written.
    pub momentum: f32,
    /// One minus the gradient's factor in the buffer.
    pub dampening: f32,
    /// Factor of the parameter in its gradient.
    pub weight_decay: f32,
    /// Nesterov's momentum.
    pub nesterov: bool,
    /// Whether the buffer starts as the gradient: PyTorch's first step.
    pub first: bool,
}

/// One step of [`Sgd`] on parameters `value` with gradients `grad`. `buffer` is empty without
/// momentum.
///
/// # Panics
/// If the slices differ in length.
pub fn sgd(isa: Isa, options: Sgd, value: &mut [f32], grad: &[f32], buffer: &mut [f32]) {
    assert_eq!(value.len(), grad.len());
    assert!(options.momentum == 0.0 || buffer.len() == value.len());
    isa.run(SgdRun { options, value, grad, buffer });
}

struct SgdRun<'a> {
    options: Sgd,
    value: &'a mut [f32],
    grad: &'a [f32],
    buffer: &'a mut [f32],
}

impl Kernel for SgdRun<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        // Plain loops: with the kernel's features on, the compiler makes full vectors of them.
        let o = self.options;
        if o.momentum == 0.0 {
            for (w, g) in self.value.iter_mut().zip(self.grad) {
                *w -= o.lr * (g + o.weight_decay * *w);
            }
            return;
        }
        let (keep, take) = if o.first { (0.0, 1.0) } else { (o.momentum, 1.0 - o.dampening) };
        for ((w, g), b) in self.value.iter_mut().zip(self.grad).zip(self.buffer) {
            let g = g + o.weight_decay * *w;
            *b = keep * *b + take * g;
            *w -= o.lr * if o.nesterov { g + o.momentum * *b } else { *b };
        }
    }
}

/// Adam as `torch.optim.Adam` does it, or AdamW with decoupled decay as `torch.optim.AdamW`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Adam {
    /// Learning rate.
    pub lr: f32,
    /// Decay of the running means of gradient and squared gradient.
    pub betas: (f32, f32),
    /// Added to the denominator.
    pub eps: f32,
    /// L2 penalty, or with `decoupled` the factor by which weights shrink, times `lr`.
    pub weight_decay: f32,
    /// AdamW.
    pub decoupled: bool,
    /// The step's number, from 1.
    pub step: u64,
}

/// One step of [`Adam`] on parameters `value` with gradients `grad`.
///
/// # Panics
/// If the slices differ in length.
pub fn adam(isa: Isa, options: Adam, value: &mut [f32], grad: &[f32], mean: &mut [f32], square: &mut [f32]) {
    assert!(value.len() == grad.len() && value.len() == mean.len() && value.len() == square.len());
    isa.run(AdamRun { options, value, grad, mean, square });
}

struct AdamRun<'a> {
    options: Adam,
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
        let (b1, b2) = (f64::from(o.betas.0), f64::from(o.betas.1));
        let step = i32::try_from(o.step).unwrap_or(i32::MAX);
        let step_size = (f64::from(o.lr) / (1.0 - b1.powi(step))) as f32;
        let root = (1.0 - b2.powi(step)).sqrt() as f32;
        let (shrink, decay) = if o.decoupled {
            ((1.0 - f64::from(o.lr) * f64::from(o.weight_decay)) as f32, 0.0)
        } else {
            (1.0, o.weight_decay)
        };
        let (take1, take2) = ((1.0 - b1) as f32, (1.0 - b2) as f32);
        let rows = self.value.iter_mut().zip(self.grad).zip(self.mean).zip(self.square);
        for (((w, g), m), v) in rows {
            let shrunk = *w * shrink;
            let g = g + decay * *w;
            *m += (g - *m) * take1;
            *v = *v * o.betas.1 + g * g * take2;
            *w = shrunk - step_size * (*m / (v.sqrt() / root + o.eps));
        }
    }
}
