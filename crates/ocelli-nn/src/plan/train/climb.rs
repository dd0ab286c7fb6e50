//! Sharpness-aware minimisation's climb: to the weights nearby where the loss is largest, as far as the gradient tells, and back.

use rayon::prelude::*;

use ocelli_kernels::optimizer;

use super::super::PlanError;
use super::super::aligned::Aligned;
use super::stretches::PIECE;
use super::{SampleKeys, TrainPlan};
use crate::network::ParameterSpec;

/// What keeps the climb finite where there is no gradient.
const EPS: f64 = 1e-12;

impl TrainPlan {
    /// Moves the weights w by ρ · g / ‖g‖, where g are the gradients of the last [`backward`](TrainPlan::backward); with `adaptive`
    /// by ρ · w² · g / ‖w · g‖. Parameters that `moves` does not say stay where they are, and count in no norm.
    /// [`climb_down`](TrainPlan::climb_down) undoes it.
    ///
    /// The norm is the same to the bit with any number of threads.
    ///
    /// # Errors
    /// If there is no memory for a second set of weights, which the first call takes.
    pub fn climb(
        &mut self,
        rho: f64,
        adaptive: bool,
        moves: impl Fn(&ParameterSpec) -> bool + Sync,
    ) -> Result<(), PlanError> {
        if self.foot.len() != self.values.len() {
            self.foot = Aligned::zeros(self.values.len())?;
        }
        self.foot.copy_from_slice(&self.values);
        let isa = self.isa;
        let norm = match adaptive {
            false => self.gradient_norm(&moves),
            true => self
                .norm(&moves, |values, gradients| optimizer::sum_of_squared_products(isa, values, gradients)),
        };
        let factor = (rho / (norm + EPS)) as f32;
        let (segments, stretches, gradients) = (&self.parameters.segments, &self.stretches, &self.gradients);
        self.values.par_chunks_mut(PIECE).enumerate().for_each(|(piece, values)| {
            for (_, stretch, range) in stretches.of_piece(piece) {
                if !moves(&segments[stretch.segment].spec) {
                    continue;
                }
                let both = values[range].iter_mut().zip(&gradients[stretch.range.clone()]);
                match adaptive {
                    false => both.for_each(|(value, gradient)| *value += factor * gradient),
                    true => both.for_each(|(value, gradient)| *value += *value * *value * gradient * factor),
                }
            }
        });
        self.forget_transposed();
        Ok(())
    }

    /// The output at the weights that [`climb`](TrainPlan::climb) led to, as [`forward`](TrainPlan::forward) gives it, but that
    /// running averages stay: they are of the weights that are kept. The same dropout is drawn for the same keys.
    ///
    /// # Panics
    /// As `forward`.
    pub fn forward_above(&mut self, images: &[f32], keys: &SampleKeys<'_>) -> &[f32] {
        self.averages_move = false;
        self.run_forward(images, keys);
        self.averages_move = true;
        self.outputs()
    }

    /// Takes the weights back to where the last [`climb`](TrainPlan::climb) began. Gradients stay what they are.
    pub fn climb_down(&mut self) {
        self.values.copy_from_slice(&self.foot);
        self.forget_transposed();
    }
}
