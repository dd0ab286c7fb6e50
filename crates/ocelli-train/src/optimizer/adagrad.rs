//! Adagrad: PyTorch's `torch.optim.Adagrad`.

use super::{Checked, Moving, Spec, not_negative};
use ocelli_kernels::{Isa, optimizer};
use ocelli_nn::ParameterSpec;
use ocelli_nn::plan::{Update, UpdateStep};
use serde::{Deserialize, Serialize};

/// Adagrad with PyTorch's names, defaults and arithmetic: steps divided by the root of the sum of all squared gradients.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Adagrad {
    /// Learning rate (default 0.01). In a recipe this is `train.lr`.
    #[serde(skip)]
    pub lr: f64,
    /// How fast the learning rate falls: in step n it is divided by `1 + (n - 1) · lr_decay` (default 0).
    pub lr_decay: f64,
    /// Added to the gradient, times the weight (default 0).
    pub weight_decay: f64,
    /// Where the sums of squares begin (default 0).
    pub initial_accumulator_value: f64,
    /// Keeps the division from a division by nothing (default 1e-10).
    pub eps: f64,
}

impl Default for Adagrad {
    fn default() -> Self {
        Adagrad { lr: 1e-2, lr_decay: 0.0, weight_decay: 0.0, initial_accumulator_value: 0.0, eps: 1e-10 }
    }
}

impl Spec for Adagrad {
    fn usual_lr(&self) -> f64 {
        1e-2
    }

    fn moving(&mut self) -> Moving<'_> {
        Moving { lr: &mut self.lr, momentum: None, weight_decay: &mut self.weight_decay }
    }

    fn check(&self) -> Checked {
        not_negative("lr_decay", self.lr_decay)?;
        not_negative("weight_decay", self.weight_decay)?;
        not_negative("initial_accumulator_value", self.initial_accumulator_value)?;
        not_negative("eps", self.eps)
    }
}

impl Update for Adagrad {
    fn slots(&self) -> usize {
        1
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
        let step = optimizer::AdagradStep {
            lr: self.lr,
            lr_decay: self.lr_decay,
            weight_decay: self.weight_decay,
            initial: self.initial_accumulator_value,
            eps: self.eps,
            first: step.first,
            number: step.number,
        };
        let [sum] = state else { panic!("Adagrad keeps one buffer for each parameter") };
        optimizer::adagrad(isa, step, value, grad, sum);
    }
}
