//! LAMB: "Large Batch Optimization for Deep Learning: Training BERT in 76 minutes" (You et al., 2019).

use super::{Checked, Moving, Spec, check_adam};
use ocelli_kernels::{Isa, optimizer};
use ocelli_nn::ParameterSpec;
use ocelli_nn::plan::{Update, UpdateStep, Whole};
use serde::{Deserialize, Serialize};

/// LAMB, as its paper has it: Adam's direction, gone along as far as the parameter is large, for large batches. The norm of a
/// parameter is not bounded, and one that is 0 steps as if it were as large as its direction.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Lamb {
    /// Learning rate (default 0.001). In a recipe this is `train.lr`.
    #[serde(skip)]
    pub lr: f64,
    /// How slowly the averages of the gradient and of its square move, each 0 up to 1 (default 0.9 and 0.999).
    pub betas: [f64; 2],
    /// Keeps the division from a division by nothing (default 1e-6).
    pub eps: f64,
    /// Added to the direction, times the weight (default 0.01).
    pub weight_decay: f64,
}

impl Default for Lamb {
    fn default() -> Self {
        Lamb { lr: 1e-3, betas: [0.9, 0.999], eps: 1e-6, weight_decay: 1e-2 }
    }
}

impl Lamb {
    fn step(&self, number: u64) -> optimizer::LambStep {
        let Lamb { lr, betas, eps, weight_decay } = *self;
        optimizer::LambStep { lr, betas: betas.into(), eps, weight_decay, number }
    }
}

impl Spec for Lamb {
    fn usual_lr(&self) -> f64 {
        1e-2
    }

    fn moving(&mut self) -> Moving<'_> {
        Moving { lr: &mut self.lr, momentum: Some(&mut self.betas[0]), weight_decay: &mut self.weight_decay }
    }

    fn check(&self) -> Checked {
        check_adam(self.betas, self.eps, self.weight_decay)
    }
}

impl Update for Lamb {
    fn slots(&self) -> usize {
        2
    }

    fn whole(&self, _: &ParameterSpec) -> Whole {
        Whole::Sums
    }

    fn prepare(
        &self,
        step: UpdateStep,
        _: &ParameterSpec,
        isa: Isa,
        value: &[f32],
        grad: &[f32],
        state: &mut [&mut [f32]],
    ) -> [f64; 2] {
        let [mean, square] = state else { panic!("LAMB keeps two buffers for each parameter") };
        optimizer::lamb_means(isa, self.step(step.number), value, grad, mean, square)
    }

    fn update(
        &self,
        step: UpdateStep,
        _: &ParameterSpec,
        isa: Isa,
        value: &mut [f32],
        _: &[f32],
        state: &mut [&mut [f32]],
    ) {
        let [of_value, of_direction] = step.sums;
        let trust = if of_value > 0.0 && of_direction > 0.0 { (of_value / of_direction).sqrt() } else { 1.0 };
        let [mean, square] = state else { panic!("LAMB keeps two buffers for each parameter") };
        optimizer::lamb(isa, self.step(step.number), trust, value, mean, square);
    }
}
