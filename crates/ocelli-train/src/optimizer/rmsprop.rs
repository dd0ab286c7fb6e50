//! RMSprop: PyTorch's `torch.optim.RMSprop`.

use super::{Checked, Moving, Spec, below_one, not_negative};
use ocelli_kernels::{Isa, optimizer};
use ocelli_nn::ParameterSpec;
use ocelli_nn::plan::{Update, UpdateStep};
use serde::{Deserialize, Serialize};

/// RMSprop with PyTorch's names, defaults and arithmetic: steps divided by the root of the mean of squared gradients.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RmsProp {
    /// Learning rate (default 0.01). In a recipe this is `train.lr`.
    #[serde(skip)]
    pub lr: f64,
    /// How slowly the averages move, 0 up to 1 (default 0.99).
    pub alpha: f64,
    /// Keeps the division from a division by nothing (default 1e-8).
    pub eps: f64,
    /// Added to the gradient, times the weight (default 0).
    pub weight_decay: f64,
    /// The share of the last step that carries on, 0 up to 1 (default 0: none).
    pub momentum: f64,
    /// Whether gradients are measured from their own average: steps are divided by the deviation from it (default false).
    pub centered: bool,
}

impl Default for RmsProp {
    fn default() -> Self {
        RmsProp { lr: 1e-2, alpha: 0.99, eps: 1e-8, weight_decay: 0.0, momentum: 0.0, centered: false }
    }
}

impl Spec for RmsProp {
    fn usual_lr(&self) -> f64 {
        1e-3
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
        below_one("alpha", self.alpha)?;
        not_negative("eps", self.eps)?;
        not_negative("weight_decay", self.weight_decay)?;
        below_one("momentum", self.momentum)
    }
}

impl Update for RmsProp {
    fn slots(&self) -> usize {
        1 + usize::from(self.centered) + usize::from(self.momentum != 0.0)
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
        let step = optimizer::RmsPropStep {
            lr: self.lr,
            alpha: self.alpha,
            eps: self.eps,
            weight_decay: self.weight_decay,
            momentum: self.momentum,
        };
        let mut buffers = state.iter_mut().map(|buffer| &mut **buffer);
        let square = buffers.next().expect("RMSprop keeps a buffer for each parameter");
        let mean = if self.centered { buffers.next() } else { None };
        optimizer::rmsprop(isa, step, value, grad, square, mean, buffers.next());
    }
}
