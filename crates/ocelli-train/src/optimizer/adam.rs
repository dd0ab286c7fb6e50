//! Adam and AdamW: PyTorch's `torch.optim.Adam` and `torch.optim.AdamW`.

use super::{Checked, Moving, Spec, check_adam};
use ocelli_kernels::{Isa, optimizer};
use ocelli_nn::ParameterSpec;
use ocelli_nn::plan::{Update, UpdateStep};
use serde::{Deserialize, Serialize};

/// Adam with PyTorch's names, defaults and arithmetic. Weight decay is added to the gradient.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Adam {
    /// Learning rate (default 0.001). In a recipe this is `train.lr`.
    #[serde(skip)]
    pub lr: f64,
    /// How slowly the averages of the gradient and of its square move, each 0 up to 1 (default 0.9 and 0.999).
    pub betas: [f64; 2],
    /// Keeps the division from a division by nothing (default 1e-8).
    pub eps: f64,
    /// Added to the gradient, times the weight (default 0).
    pub weight_decay: f64,
    /// Divide by the largest mean of squared gradients so far instead of the present one (default false).
    pub amsgrad: bool,
}

/// AdamW with PyTorch's names, defaults and arithmetic. Weight decay shrinks the weight apart from the gradient.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AdamW {
    /// Learning rate (default 0.001). In a recipe this is `train.lr`.
    #[serde(skip)]
    pub lr: f64,
    /// How slowly the averages of the gradient and of its square move, each 0 up to 1 (default 0.9 and 0.999).
    pub betas: [f64; 2],
    /// Keeps the division from a division by nothing (default 1e-8).
    pub eps: f64,
    /// The share of each weight, times the learning rate, that is taken away in every step (default 0.01).
    pub weight_decay: f64,
    /// Divide by the largest mean of squared gradients so far instead of the present one (default false).
    pub amsgrad: bool,
}

impl Default for Adam {
    fn default() -> Self {
        Adam { lr: 1e-3, betas: [0.9, 0.999], eps: 1e-8, weight_decay: 0.0, amsgrad: false }
    }
}

impl Default for AdamW {
    fn default() -> Self {
        AdamW { lr: 1e-3, betas: [0.9, 0.999], eps: 1e-8, weight_decay: 1e-2, amsgrad: false }
    }
}

impl Spec for Adam {
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

impl Spec for AdamW {
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

impl Update for Adam {
    fn slots(&self) -> usize {
        2 + usize::from(self.amsgrad)
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
        let step = optimizer::AdamStep {
            lr: self.lr,
            betas: self.betas.into(),
            eps: self.eps,
            weight_decay: self.weight_decay,
            decoupled: false,
            number: step.number,
        };
        run(isa, step, value, grad, state);
    }
}

impl Update for AdamW {
    fn slots(&self) -> usize {
        2 + usize::from(self.amsgrad)
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
        let step = optimizer::AdamStep {
            lr: self.lr,
            betas: self.betas.into(),
            eps: self.eps,
            weight_decay: self.weight_decay,
            decoupled: true,
            number: step.number,
        };
        run(isa, step, value, grad, state);
    }
}

fn run(isa: Isa, step: optimizer::AdamStep, value: &mut [f32], grad: &[f32], state: &mut [&mut [f32]]) {
    let [mean, square, highest @ ..] = state else { panic!("Adam keeps two buffers for each parameter") };
    let highest = highest.first_mut().map(|highest| &mut **highest);
    optimizer::adam(isa, step, value, grad, mean, square, highest);
}
