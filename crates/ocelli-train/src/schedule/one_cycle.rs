//! Up, then down to nearly nothing: PyTorch's `OneCycleLR`.

use super::{By, Clock, Rates, Spec, half_cosine, part, positive};
use crate::optimizer::{Checked, below_one};
use serde::{Deserialize, Serialize};

/// The shape of the way between two rates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Anneal {
    /// Half a cosine.
    #[default]
    Cos,
    /// A straight line.
    Linear,
}

impl Anneal {
    fn between(self, start: f64, end: f64, part: f64) -> f64 {
        match self {
            Anneal::Cos => half_cosine(start, end, part),
            Anneal::Linear => (end - start) * part + start,
        }
    }
}

/// One cycle: the learning rate warms up from `lr / div_factor` to `lr` over the first `pct_start` of the steps, then
/// falls to `lr / div_factor / final_div_factor`, while momentum goes the other way.
///
/// Equals `torch.optim.lr_scheduler.OneCycleLR(max_lr = lr)`, its defaults included, stepped after every batch. Its length is
/// that of the run.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OneCycle {
    /// The share of the steps that warm up, 0 to 1 (default 0.3).
    pub pct_start: f64,
    /// The first learning rate is the highest divided by this (default 25).
    pub div_factor: f64,
    /// The last learning rate is the first divided by this (default 10,000).
    pub final_div_factor: f64,
    /// The shape of both ways (default `cos`).
    pub anneal_strategy: Anneal,
    /// Whether momentum (Adam: the first beta) moves too, against the learning rate (default true).
    pub cycle_momentum: bool,
    /// Momentum where the learning rate is highest, 0 up to 1 (default 0.85).
    pub base_momentum: f64,
    /// Momentum at both ends, 0 up to 1 (default 0.95).
    pub max_momentum: f64,
    /// Whether the way down first takes as long as the way up, to where that began, and then goes on to the end (default false:
    /// one way down).
    pub three_phase: bool,
}

impl Default for OneCycle {
    fn default() -> Self {
        OneCycle {
            pct_start: 0.3,
            div_factor: 25.0,
            final_div_factor: 1e4,
            anneal_strategy: Anneal::Cos,
            cycle_momentum: true,
            base_momentum: 0.85,
            max_momentum: 0.95,
            three_phase: false,
        }
    }
}

impl Spec for OneCycle {
    fn at(&self, lr: f64, clock: Clock) -> Rates {
        let first = lr / self.div_factor;
        let last = first / self.final_div_factor;
        let total = clock.total(By::Batch) as f64;
        let (top, end) = (self.pct_start * total - 1.0, total - 1.0);
        let (low, high) = (self.base_momentum, self.max_momentum);
        let rise = (0.0, top, (first, lr), (high, low));
        let phases = match self.three_phase {
            false => [rise, (top, end, (lr, last), (low, high)), (end, end, (last, last), (high, high))],
            true => {
                let back = 2.0 * self.pct_start * total - 2.0;
                [rise, (top, back, (lr, first), (low, high)), (back, end, (first, last), (high, high))]
            }
        };
        let step = clock.step as f64;
        let phase = phases.into_iter().find(|(_, to, ..)| step <= *to);
        let (from, to, lrs, momenta) = phase.unwrap_or((end, end, (last, last), (high, high)));
        let part = if to > from { ((step - from) / (to - from)).clamp(0.0, 1.0) } else { 1.0 };
        let momentum = self.anneal_strategy.between(momenta.0, momenta.1, part);
        let lr = self.anneal_strategy.between(lrs.0, lrs.1, part);
        Rates { lr, momentum: self.cycle_momentum.then_some(momentum) }
    }

    fn check(&self) -> Checked {
        part("pct_start", self.pct_start)?;
        below_one("base_momentum", self.base_momentum)?;
        below_one("max_momentum", self.max_momentum)?;
        positive("div_factor", self.div_factor)?;
        positive("final_div_factor", self.final_div_factor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_of_one_step_is_finite() {
        assert!(OneCycle::default().at(0.1, Clock::new(0, 1, 1)).lr.is_finite());
    }
}
