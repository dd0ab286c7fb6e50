//! Stochastic gradient descent: PyTorch's `torch.optim.SGD`.

use super::{Checked, Moving, Spec, below_one, not_negative};
use ocelli_kernels::{Isa, optimizer};
use ocelli_nn::ParameterSpec;
use ocelli_nn::plan::{Update, UpdateStep};
use serde::{Deserialize, Serialize};

/// Stochastic gradient descent with momentum, PyTorch's names, defaults and arithmetic.
///
/// ```
/// use ocelli_train::Sgd;
/// let sgd = Sgd { lr: 0.05, momentum: 0.9, nesterov: true, ..Sgd::default() };
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Sgd {
    /// Learning rate (default 0.001). In a recipe this is `train.lr`.
    #[serde(skip)]
    pub lr: f64,
    /// The share of the last step that carries on, 0 up to 1 (default 0: none).
    pub momentum: f64,
    /// How much of each gradient momentum leaves out, 0 to 1 (default 0).
    pub dampening: f64,
    /// Added to the gradient, times the weight (default 0).
    pub weight_decay: f64,
    /// Nesterov's momentum: looks one step ahead (default false). Needs momentum, and no dampening.
    pub nesterov: bool,
}

impl Default for Sgd {
    fn default() -> Self {
        Sgd { lr: 1e-3, momentum: 0.0, dampening: 0.0, weight_decay: 0.0, nesterov: false }
    }
}

impl Spec for Sgd {
    fn usual_lr(&self) -> f64 {
        0.05
    }

    fn moving(&mut self) -> Moving<'_> {
        // None stays none: the plan keeps no buffer for it.
        Moving {
            lr: &mut self.lr,
            momentum: (self.momentum != 0.0).then_some(&mut self.momentum),
            weight_decay: &mut self.weight_decay,
        }
    }

    fn check(&self) -> Checked {
        below_one("momentum", self.momentum)?;
        not_negative("dampening", self.dampening)?;
        not_negative("weight_decay", self.weight_decay)?;
        if self.nesterov && (self.momentum == 0.0 || self.dampening != 0.0) {
            return Err(("nesterov", "needs a momentum above 0 and a dampening of 0".into()));
        }
        Ok(())
    }
}

impl Update for Sgd {
    fn slots(&self) -> usize {
        usize::from(self.momentum != 0.0)
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
        let step = optimizer::SgdStep {
            lr: self.lr,
            momentum: self.momentum,
            dampening: self.dampening,
            weight_decay: self.weight_decay,
            nesterov: self.nesterov,
            first: step.first,
        };
        optimizer::sgd(isa, step, value, grad, state.first_mut().map(|buffer| &mut **buffer));
    }
}
