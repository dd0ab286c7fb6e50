//! RAdam: PyTorch's `torch.optim.RAdam`.

use super::{Checked, Moving, Spec, check_adam};
use ocelli_kernels::{Isa, optimizer};
use ocelli_nn::ParameterSpec;
use ocelli_nn::plan::{Update, UpdateStep};
use serde::{Deserialize, Serialize};

/// RAdam with PyTorch's names, defaults and arithmetic: Adam that, in its first steps, does not divide by an average of too few
/// squared gradients to trust.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RAdam {
    /// Learning rate (default 0.001). In a recipe this is `train.lr`.
    #[serde(skip)]
    pub lr: f64,
    /// How slowly the averages of the gradient and of its square move, each 0 up to 1 (default 0.9 and 0.999).
    pub betas: [f64; 2],
    /// Keeps the division from a division by nothing (default 1e-8).
    pub eps: f64,
    /// Added to the gradient, times the weight; with `decoupled_weight_decay` the share of each weight, times the learning
    /// rate, that is taken away in every step (default 0).
    pub weight_decay: f64,
    /// Whether weight decay shrinks the weight apart from the gradient, as in AdamW (default false).
    pub decoupled_weight_decay: bool,
}

impl Default for RAdam {
    fn default() -> Self {
        RAdam { lr: 1e-3, betas: [0.9, 0.999], eps: 1e-8, weight_decay: 0.0, decoupled_weight_decay: false }
    }
}

impl Spec for RAdam {
    fn usual_lr(&self) -> f64 {
        5e-3
    }

    fn moving(&mut self) -> Moving<'_> {
        Moving { lr: &mut self.lr, momentum: Some(&mut self.betas[0]), weight_decay: &mut self.weight_decay }
    }

    fn check(&self) -> Checked {
        check_adam(self.betas, self.eps, self.weight_decay)
    }
}

impl Update for RAdam {
    fn slots(&self) -> usize {
        2
    }

    fn update(
        &self,
        step: UpdateStep,
        _: &ParameterSpec,
        isa: Isa,
        value: &mut [f32],
        grad: &[f32],
        state: &mut [&mut [f32]],
    ) {
        let step = optimizer::RAdamStep {
            lr: self.lr,
            betas: self.betas.into(),
            eps: self.eps,
            weight_decay: self.weight_decay,
            decoupled: self.decoupled_weight_decay,
            number: step.number,
        };
        let [mean, square] = state else { panic!("RAdam keeps two buffers for each parameter") };
        optimizer::radam(isa, step, value, grad, mean, square);
    }
}
