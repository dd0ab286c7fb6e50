//! NAdam: PyTorch's `torch.optim.NAdam`.

use super::{Checked, Moving, Spec, check_adam, not_negative};
use ocelli_kernels::{Isa, optimizer};
use ocelli_nn::ParameterSpec;
use ocelli_nn::plan::{Update, UpdateStep};
use serde::{Deserialize, Serialize};

/// NAdam, Adam with Nesterov's momentum, with PyTorch's names, defaults and arithmetic.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NAdam {
    /// Learning rate (default 0.002). In a recipe this is `train.lr`.
    #[serde(skip)]
    pub lr: f64,
    /// How slowly the averages of the gradient and of its square move, each 0 up to 1 (default 0.9 and 0.999).
    pub betas: [f64; 2],
    /// Keeps the division from a division by nothing (default 1e-8).
    pub eps: f64,
    /// Added to the gradient, times the weight; with `decoupled_weight_decay` the share of each weight, times the learning
    /// rate, that is taken away in every step (default 0).
    pub weight_decay: f64,
    /// How fast the momentum grows to its full size over the first steps (default 0.004).
    pub momentum_decay: f64,
    /// Whether weight decay shrinks the weight apart from the gradient, as in AdamW (default false).
    pub decoupled_weight_decay: bool,
}

impl Default for NAdam {
    fn default() -> Self {
        NAdam {
            lr: 2e-3,
            betas: [0.9, 0.999],
            eps: 1e-8,
            weight_decay: 0.0,
            momentum_decay: 4e-3,
            decoupled_weight_decay: false,
        }
    }
}

impl NAdam {
    /// The momentum of a step.
    fn mu(&self, number: u64) -> f64 {
        self.betas[0] * (1.0 - 0.5 * 0.96_f64.powf(number as f64 * self.momentum_decay))
    }
}

impl Spec for NAdam {
    fn usual_lr(&self) -> f64 {
        5e-3
    }

    fn moving(&mut self) -> Moving<'_> {
        Moving { lr: &mut self.lr, momentum: Some(&mut self.betas[0]), weight_decay: &mut self.weight_decay }
    }

    fn check(&self) -> Checked {
        check_adam(self.betas, self.eps, self.weight_decay)?;
        not_negative("momentum_decay", self.momentum_decay)
    }
}

impl Update for NAdam {
    fn slots(&self) -> usize {
        2
    }

    fn carry(&self, number: u64, product: f64) -> f64 {
        product * self.mu(number)
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
        let step = optimizer::NAdamStep {
            lr: self.lr,
            betas: self.betas.into(),
            eps: self.eps,
            weight_decay: self.weight_decay,
            decoupled: self.decoupled_weight_decay,
            momenta: (self.mu(step.number), self.mu(step.number + 1)),
            product: step.carried,
            number: step.number,
        };
        let [mean, square] = state else { panic!("NAdam keeps two buffers for each parameter") };
        optimizer::nadam(isa, step, value, grad, mean, square);
    }
}
