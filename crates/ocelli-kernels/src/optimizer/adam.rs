//! Adam and AdamW.

use super::{bias_correction, decays, divisor};
use crate::isa::{Isa, Kernel};
use crate::simd::Simd;

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

/// One step of [`AdamStep`] on parameters `value` with gradients `grad`. Where there is `highest`, it keeps the largest of
/// all `square` so far, which divides in its place: AMSGrad.
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
    highest: Option<&mut [f32]>,
) {
    assert!(value.len() == grad.len() && value.len() == mean.len() && value.len() == square.len());
    if let Some(highest) = &highest {
        assert_eq!(highest.len(), value.len());
    }
    isa.run(AdamRun { options, value, grad, mean, square, highest });
}

struct AdamRun<'a> {
    options: AdamStep,
    value: &'a mut [f32],
    grad: &'a [f32],
    mean: &'a mut [f32],
    square: &'a mut [f32],
    highest: Option<&'a mut [f32]>,
}

impl Kernel for AdamRun<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        let o = self.options;
        let (b1, b2) = o.betas;
        let step_size = (o.lr / bias_correction(b1, o.number)) as f32;
        let root = bias_correction(b2, o.number).sqrt() as f32;
        let (shrink, decay) = decays(o.lr, o.weight_decay, o.decoupled);
        let (take1, keep2, take2, eps) = ((1.0 - b1) as f32, b2 as f32, (1.0 - b2) as f32, o.eps as f32);
        let rows = self.value.iter_mut().zip(self.grad).zip(self.mean).zip(self.square);
        let step = |w: &mut f32, g: f32, m: &mut f32, v: &mut f32| {
            let shrunk = *w * shrink;
            let g = g + decay * *w;
            *m += (g - *m) * take1;
            *v = *v * keep2 + g * g * take2;
            shrunk
        };
        let moved = |shrunk: f32, m: f32, v: f32| shrunk - step_size * (m / divisor(v.sqrt() / root + eps));
        match self.highest {
            None => {
                for (((w, g), m), v) in rows {
                    *w = moved(step(w, *g, m, v), *m, *v);
                }
            }
            Some(highest) => {
                for ((((w, g), m), v), highest) in rows.zip(highest) {
                    let shrunk = step(w, *g, m, v);
                    *highest = highest.max(*v);
                    *w = moved(shrunk, *m, *highest);
                }
            }
        }
    }
}
