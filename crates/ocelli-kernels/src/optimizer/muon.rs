//! What Muon does value by value; between the two passes a whole parameter is made orthogonal.

use crate::isa::{Isa, Kernel};
use crate::simd::Simd;

/// Moves the running mean of gradients as `torch.optim.Muon` does, and writes where a step would go before it is made
/// orthogonal: with `nesterov` from the gradient towards the mean, otherwise the mean itself.
///
/// # Panics
/// If the slices differ in length.
pub fn muon_direction(
    isa: Isa,
    (momentum, nesterov): (f64, bool),
    grad: &[f32],
    mean: &mut [f32],
    direction: &mut [f32],
) {
    assert!(grad.len() == mean.len() && grad.len() == direction.len());
    isa.run(Direction { momentum, nesterov, grad, mean, direction });
}

/// Shrinks parameters by a factor and takes a step of a length along a direction.
///
/// # Panics
/// If the slices differ in length.
pub fn shrink_and_step(isa: Isa, shrink: f64, length: f64, value: &mut [f32], direction: &[f32]) {
    assert_eq!(value.len(), direction.len());
    isa.run(Step { shrink: shrink as f32, length: length as f32, value, direction });
}

struct Direction<'a> {
    momentum: f64,
    nesterov: bool,
    grad: &'a [f32],
    mean: &'a mut [f32],
    direction: &'a mut [f32],
}

impl Kernel for Direction<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        let (keep, take) = (self.momentum as f32, (1.0 - self.momentum) as f32);
        for ((g, m), d) in self.grad.iter().zip(self.mean).zip(self.direction) {
            *m += (g - *m) * take;
            *d = if self.nesterov { g + (*m - g) * keep } else { *m };
        }
    }
}

struct Step<'a> {
    shrink: f32,
    length: f32,
    value: &'a mut [f32],
    direction: &'a [f32],
}

impl Kernel for Step<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        for (w, d) in self.value.iter_mut().zip(self.direction) {
            *w = *w * self.shrink - self.length * d;
        }
    }
}
