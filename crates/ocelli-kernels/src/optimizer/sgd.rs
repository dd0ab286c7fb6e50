//! Stochastic gradient descent.

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
