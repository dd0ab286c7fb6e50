//! Up and down, again and again: PyTorch's `CyclicLR`.

use super::{By, Clock, Rates, Spec, positive, some};
use crate::optimizer::{Checked, below_one, not_negative};
use serde::{Deserialize, Serialize};

/// From `base_lr` up to the learning rate and down again in straight lines, while momentum goes the other way:
/// `torch.optim.lr_scheduler.CyclicLR(max_lr = lr)`, its defaults included.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Cyclic {
    /// The lowest learning rate (default: a tenth of the learning rate).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base_lr: Option<f64>,
    /// Batches (or epochs) of a way up (default 2000).
    pub step_size_up: u64,
    /// Batches (or epochs) of a way down (default: as of a way up).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub step_size_down: Option<u64>,
    /// How the height of the cycles changes (default `triangular`).
    pub mode: CyclicMode,
    /// What heights are multiplied by in `exp_range` (default 1).
    pub gamma: f64,
    /// Whether momentum (Adam: the first beta) moves too, against the learning rate (default true).
    pub cycle_momentum: bool,
    /// Momentum where the learning rate is highest, 0 up to 1 (default 0.8).
    pub base_momentum: f64,
    /// Momentum where the learning rate is lowest, 0 up to 1 (default 0.9).
    pub max_momentum: f64,
    /// What is counted (default batches).
    pub by: By,
}

/// How the height of cycles changes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CyclicMode {
    /// Not at all.
    #[default]
    Triangular,
    /// Every cycle is half as high as the one before.
    Triangular2,
    /// By a power of `gamma`, all the time.
    ExpRange,
}

impl Default for Cyclic {
    fn default() -> Self {
        Cyclic {
            base_lr: None,
            step_size_up: 2000,
            step_size_down: None,
            mode: CyclicMode::Triangular,
            gamma: 1.0,
            cycle_momentum: true,
            base_momentum: 0.8,
            max_momentum: 0.9,
            by: By::Batch,
        }
    }
}

impl Cyclic {
    /// The height of a cycle, after so many batches (or epochs).
    fn scale(&self, cycle: f64, done: f64) -> f64 {
        match self.mode {
            CyclicMode::Triangular => 1.0,
            CyclicMode::Triangular2 => 2_f64.powf(1.0 - cycle),
            CyclicMode::ExpRange => self.gamma.powf(done),
        }
    }
}

impl Spec for Cyclic {
    fn at(&self, lr: f64, clock: Clock) -> Rates {
        let (up, done) = (self.step_size_up as f64, clock.done(self.by) as f64);
        let total = up + self.step_size_down.unwrap_or(self.step_size_up) as f64;
        // PyTorch counts cycles from 1.
        let cycle = (1.0 + done / total).floor();
        let (part, rising) = (1.0 + done / total - cycle, up / total);
        let height = if part <= rising { part / rising } else { (part - 1.0) / (rising - 1.0) };
        let height = height * self.scale(cycle, done);
        let base = self.base_lr.unwrap_or(lr / 10.0);
        let momentum = self.max_momentum - (self.max_momentum - self.base_momentum) * height;
        Rates { lr: base + (lr - base) * height, momentum: self.cycle_momentum.then_some(momentum) }
    }

    fn check(&self) -> Checked {
        self.base_lr.map_or(Ok(()), |lr| not_negative("base_lr", lr))?;
        some("step_size_up", self.step_size_up)?;
        self.step_size_down.map_or(Ok(()), |count| some("step_size_down", count))?;
        positive("gamma", self.gamma)?;
        below_one("base_momentum", self.base_momentum)?;
        below_one("max_momentum", self.max_momentum)
    }
}
