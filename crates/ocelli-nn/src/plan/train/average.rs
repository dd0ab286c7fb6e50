//! A second set of a plan's weights: an average of them over steps, or weights to come back to.

use rayon::prelude::*;

use super::super::PlanError;
use super::super::aligned::Aligned;
use super::super::parameters::Parameters;
use super::TrainPlan;
use super::stretches::PIECE;
use crate::weights::Weights;

/// Weights beside those of a [`TrainPlan`], in its memory layout. Only the plan that made it may use it.
#[derive(Debug)]
pub struct Average {
    values: Aligned<f32>,
    parameters: Parameters,
}

impl Average {
    /// The weights, running averages included.
    #[must_use]
    pub fn weights(&self) -> Weights {
        self.parameters.unload(&self.values, true)
    }
}

impl TrainPlan {
    /// A copy of the weights as they are now.
    ///
    /// # Errors
    /// If there is no memory for it.
    pub fn average(&self) -> Result<Average, PlanError> {
        let mut values = Aligned::zeros(self.values.len())?;
        values.copy_from_slice(&self.values);
        Ok(Average { values, parameters: self.parameters.clone() })
    }

    /// The same with other weights.
    ///
    /// # Errors
    /// If they do not fit the plan's network, or there is no memory for them.
    pub fn average_of(&self, weights: &Weights) -> Result<Average, PlanError> {
        weights.check_parameters(&self.parameters.specs).map_err(PlanError::weights)?;
        let mut average = self.average()?;
        average.parameters.load(weights, &mut average.values);
        Ok(average)
    }

    /// Moves an average by a share, 0 to 1, towards the weights as they are now, as `torch.lerp` does. Running averages move
    /// too; how many batches they are of is taken over.
    pub fn move_average(&self, average: &mut Average, share: f32) {
        let pieces = average.values.par_chunks_mut(PIECE).zip(self.values.par_chunks(PIECE));
        pieces.for_each(|(average, values)| lerp(average, values, share));
        average.parameters.move_running(&self.parameters, |average, values| lerp(average, values, share));
    }

    /// Takes over an average's parameters; running averages stay as they are.
    pub fn take_average(&mut self, average: &Average) {
        self.values.copy_from_slice(&average.values);
        self.forget_transposed();
    }
}

/// PyTorch's `lerp`, whose error is small at both ends.
fn lerp(from: &mut [f32], to: &[f32], share: f32) {
    for (from, to) in from.iter_mut().zip(to) {
        *from = if share < 0.5 { *from + share * (to - *from) } else { to - (to - *from) * (1.0 - share) };
    }
}
