//! Lion: "Symbolic Discovery of Optimization Algorithms" (Chen et al., 2023).

use super::{Checked, Moving, Spec, check_adam};
use ocelli_kernels::{Isa, optimizer};
use ocelli_nn::ParameterSpec;
use ocelli_nn::plan::{Update, UpdateStep};
use serde::{Deserialize, Serialize};

/// Lion, as its paper has it: every weight goes as far as the learning rate says, in the direction of the sign of an average of
/// gradients. It wants a learning rate a third to a tenth of Adam's, and a weight decay as much larger.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Lion {
    /// Learning rate (default 1e-4). In a recipe this is `train.lr`.
    #[serde(skip)]
    pub lr: f64,
    /// The share of the average in the direction of a step, and how slowly the average itself moves, each 0 up to 1 (default
    /// 0.9 and 0.99).
    pub betas: [f64; 2],
    /// The share of each weight, times the learning rate, that is taken away in every step (default 0).
    pub weight_decay: f64,
}

impl Default for Lion {
    fn default() -> Self {
        Lion { lr: 1e-4, betas: [0.9, 0.99], weight_decay: 0.0 }
    }
}

impl Spec for Lion {
    fn usual_lr(&self) -> f64 {
        5e-4
    }

    fn moving(&mut self) -> Moving<'_> {
        Moving { lr: &mut self.lr, momentum: Some(&mut self.betas[0]), weight_decay: &mut self.weight_decay }
    }

    fn check(&self) -> Checked {
        check_adam(self.betas, 0.0, self.weight_decay)
    }
}

impl Update for Lion {
    fn slots(&self) -> usize {
        1
    }

    fn update(
        &self,
        _: UpdateStep,
        _: &ParameterSpec,
        isa: Isa,
        value: &mut [f32],
        grad: &[f32],
        state: &mut [&mut [f32]],
    ) {
        let step =
            optimizer::LionStep { lr: self.lr, betas: self.betas.into(), weight_decay: self.weight_decay };
        let [mean] = state else { panic!("Lion keeps one buffer for each parameter") };
        optimizer::lion(isa, step, value, grad, mean);
    }
}
