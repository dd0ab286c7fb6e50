//! Gradients brought within bounds before an optimizer's step.

use rayon::prelude::*;

use ocelli_kernels::optimizer;

use super::TrainPlan;
use super::stretches::PIECE;
use crate::network::ParameterSpec;

/// What PyTorch adds to the norm that it divides by.
const EPS: f64 = 1e-6;

impl TrainPlan {
    /// Scales all gradients down so that together they have at most the 2-norm `max_norm`, as
    /// `torch.nn.utils.clip_grad_norm_` does, and gives the norm that they had. Only parameters that `counts` says are
    /// counted: PyTorch knows no gradients of parameters that are frozen.
    ///
    /// The norm is the same to the bit with any number of threads.
    pub fn clip_gradient_norm(
        &mut self,
        max_norm: f64,
        counts: impl Fn(&ParameterSpec) -> bool + Sync,
    ) -> f64 {
        let norm = self.gradient_norm(counts);
        let factor = max_norm / (norm + EPS);
        // What is no number makes everything so, as in PyTorch: it must not be hidden.
        if factor < 1.0 || factor.is_nan() {
            let isa = self.isa;
            self.gradients.par_chunks_mut(PIECE).for_each(|piece| optimizer::scale(isa, factor, piece));
        }
        norm
    }

    /// Brings every gradient into `-clip_value..=clip_value`, as `torch.nn.utils.clip_grad_value_` does.
    pub fn clip_gradient_value(&mut self, clip_value: f64) {
        let isa = self.isa;
        self.gradients.par_chunks_mut(PIECE).for_each(|piece| optimizer::clamp(isa, clip_value, piece));
    }

    /// The 2-norm of the gradients of the parameters that `counts` says, together.
    pub(super) fn gradient_norm(&mut self, counts: impl Fn(&ParameterSpec) -> bool + Sync) -> f64 {
        let isa = self.isa;
        self.norm(counts, |_, gradients| optimizer::sum_of_squares(isa, gradients))
    }

    /// The root of what `squares` adds up of the values and gradients of the parameters that `counts` says, together.
    pub(super) fn norm(
        &mut self,
        counts: impl Fn(&ParameterSpec) -> bool + Sync,
        squares: impl Fn(&[f32], &[f32]) -> f64 + Sync,
    ) -> f64 {
        let (segments, stretches, values) = (&self.parameters.segments, &self.stretches, &self.values);
        self.gradients.par_chunks(PIECE).enumerate().for_each(|(piece, gradients)| {
            for (number, stretch, range) in stretches.of_piece(piece) {
                let counted = counts(&segments[stretch.segment].spec);
                let (values, gradients) = (&values[stretch.range.clone()], &gradients[range]);
                stretches.keep(number, [if counted { squares(values, gradients) } else { 0.0 }, 0.0]);
            }
        });
        self.stretches.add_up();
        let totals = (0..self.parameters.segments.len()).map(|segment| self.stretches.total(segment)[0]);
        totals.sum::<f64>().sqrt()
    }
}
