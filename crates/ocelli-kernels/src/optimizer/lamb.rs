//! LAMB: a step in two passes, for the norms of whole parameters lie between them.

use super::{Squares, TOGETHER, bias_correction, divisor};
use crate::isa::{Isa, Kernel};
use crate::simd::Simd;

/// LAMB, "Large Batch Optimization for Deep Learning: Training BERT in 76 minutes" (You et al., 2019), algorithm 2.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LambStep {
    /// Learning rate.
    pub lr: f64,
    /// Decay of the running means of gradient and squared gradient.
    pub betas: (f64, f64),
    /// Added to the denominator.
    pub eps: f64,
    /// Factor of the parameter in its direction.
    pub weight_decay: f64,
    /// The step's number, from 1.
    pub number: u64,
}

impl LambStep {
    /// The direction of a step for a weight and its two means.
    #[inline(always)]
    fn direction(self) -> impl Fn(f32, f32, f32) -> f32 {
        let of_mean = (1.0 / bias_correction(self.betas.0, self.number)) as f32;
        let of_square = (1.0 / bias_correction(self.betas.1, self.number)) as f32;
        let (decay, eps) = (self.weight_decay as f32, self.eps as f32);
        move |w, m, v| of_mean * m / divisor((of_square * v).sqrt() + eps) + decay * w
    }
}

/// The first pass: moves the running means, and gives the sums of squares of the parameters and of their directions.
///
/// # Panics
/// If the slices differ in length.
pub fn lamb_means(
    isa: Isa,
    options: LambStep,
    value: &[f32],
    grad: &[f32],
    mean: &mut [f32],
    square: &mut [f32],
) -> [f64; 2] {
    assert!(value.len() == grad.len() && value.len() == mean.len() && value.len() == square.len());
    isa.run(Means { options, value, grad, mean, square })
}

/// The second pass: takes the step, `trust` times as long as the learning rate says.
///
/// # Panics
/// If the slices differ in length.
pub fn lamb(isa: Isa, options: LambStep, trust: f64, value: &mut [f32], mean: &[f32], square: &[f32]) {
    assert!(value.len() == mean.len() && value.len() == square.len());
    isa.run(Step { options, trust, value, mean, square });
}

struct Means<'a> {
    options: LambStep,
    value: &'a [f32],
    grad: &'a [f32],
    mean: &'a mut [f32],
    square: &'a mut [f32],
}

impl Kernel for Means<'_> {
    type Output = [f64; 2];

    #[inline(always)]
    fn run<S: Simd>(self, _: S) -> [f64; 2] {
        let (b1, b2) = self.options.betas;
        let (take1, keep2, take2) = ((1.0 - b1) as f32, b2 as f32, (1.0 - b2) as f32);
        let direction = self.options.direction();
        let (mut of_values, mut of_directions) = (Squares::new(), Squares::new());
        let rows = self.value.chunks(TOGETHER).zip(self.grad.chunks(TOGETHER));
        let means = self.mean.chunks_mut(TOGETHER).zip(self.square.chunks_mut(TOGETHER));
        for ((w, g), (m, v)) in rows.zip(means) {
            for ((g, m), v) in g.iter().zip(&mut *m).zip(&mut *v) {
                *m += (g - *m) * take1;
                *v = *v * keep2 + g * g * take2;
            }
            of_values.add(w.iter().copied().map(f64::from));
            of_directions.add(w.iter().zip(m).zip(v).map(|((w, m), v)| f64::from(direction(*w, *m, *v))));
        }
        [of_values.total(), of_directions.total()]
    }
}

struct Step<'a> {
    options: LambStep,
    trust: f64,
    value: &'a mut [f32],
    mean: &'a [f32],
    square: &'a [f32],
}

impl Kernel for Step<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        let step_size = (self.options.lr * self.trust) as f32;
        let direction = self.options.direction();
        for ((w, m), v) in self.value.iter_mut().zip(self.mean).zip(self.square) {
            *w -= step_size * direction(*w, *m, *v);
        }
    }
}
