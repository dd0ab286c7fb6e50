//! Up, then down to nearly nothing: PyTorch's `OneCycleLR`.

use super::{Clock, Rates};
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
            Anneal::Cos => end + (start - end) / 2.0 * ((std::f64::consts::PI * part).cos() + 1.0),
            Anneal::Linear => (end - start) * part + start,
        }
    }
}

/// One cycle: the learning rate warms up from `lr / div_factor` to `lr` over the first `pct_start` of the steps, then
/// falls to `lr / div_factor / final_div_factor`, while momentum goes the other way.
///
/// Equals `torch.optim.lr_scheduler.OneCycleLR(max_lr = lr, three_phase = False)`, its defaults included.
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
    /// Momentum where the learning rate is highest (default 0.85).
    pub base_momentum: f64,
    /// Momentum at both ends (default 0.95).
    pub max_momentum: f64,
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
        }
    }
}

impl OneCycle {
    pub(super) fn at(&self, lr: f64, clock: Clock) -> Rates {
        let first = lr / self.div_factor;
        let last = first / self.final_div_factor;
        let total = clock.total() as f64;
        let (top, end) = (self.pct_start * total - 1.0, total - 1.0);
        let step = clock.step as f64;
        let way = |start: f64, end: f64| {
            if end > start { ((step - start) / (end - start)).clamp(0.0, 1.0) } else { 1.0 }
        };
        let anneal = self.anneal_strategy;
        let (lr, momentum) = if step <= top {
            let part = way(0.0, top);
            (anneal.between(first, lr, part), anneal.between(self.max_momentum, self.base_momentum, part))
        } else {
            let part = way(top, end);
            (anneal.between(lr, last, part), anneal.between(self.base_momentum, self.max_momentum, part))
        };
        Rates { lr, momentum: self.cycle_momentum.then_some(momentum) }
    }

    pub(super) fn check(&self) -> Result<(), (&'static str, String)> {
        let part = |name, value: f64| match (0.0..=1.0).contains(&value) {
            true => Ok(()),
            false => Err((name, format!("is {value}, but must lie between 0 and 1"))),
        };
        let factor = |name, value: f64| match value > 0.0 && value.is_finite() {
            true => Ok(()),
            false => Err((name, format!("is {value}, but must be more than 0"))),
        };
        part("pct_start", self.pct_start)?;
        part("base_momentum", self.base_momentum)?;
        part("max_momentum", self.max_momentum)?;
        factor("div_factor", self.div_factor)?;
        factor("final_div_factor", self.final_div_factor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(cycle: OneCycle, max_lr: f64, expected: &[(f64, f64)]) {
        for (step, (lr, momentum)) in expected.iter().enumerate() {
            let clock = Clock { step: step as u64, steps_per_epoch: expected.len() as u64, epochs: 1 };
            let rates = cycle.at(max_lr, clock);
            assert!((rates.lr - lr).abs() < 1e-12, "lr at {step}");
            assert!((rates.momentum.unwrap() - momentum).abs() < 1e-12, "momentum at {step}");
        }
    }

    // OneCycleLR(SGD(momentum=0.9), max_lr=0.1, total_steps=12), PyTorch 2.
    #[test]
    fn follows_pytorch_with_its_defaults() {
        let expected = [
            (0.0040000000000000036, 0.95),
            (0.0349789654219583, 0.9177302443521267),
            (0.08792851591221287, 0.8625744625914449),
            (0.09944154354509119, 0.8505584586887436),
            (0.09330129698414118, 0.856698729810778),
            (0.0811745653949763, 0.8688255099070633),
            (0.06473789976951033, 0.8852622412794547),
            (0.046263710266697504, 0.9037365046793212),
            (0.028306099820869922, 0.9216941869558779),
            (0.01334775301888306, 0.9366525935914912),
            (0.0034566987425395223, 0.9465436874322102),
            (4e-07, 0.95),
        ];
        check(OneCycle::default(), 0.1, &expected);
    }

    // OneCycleLR(max_lr=0.5, total_steps=10, pct_start=0.25, anneal_strategy='linear', div_factor=10,
    // final_div_factor=100, base_momentum=0.8, max_momentum=0.9), PyTorch 2.
    #[test]
    fn follows_pytorch_in_straight_lines() {
        let cycle = OneCycle {
            pct_start: 0.25,
            div_factor: 10.0,
            final_div_factor: 100.0,
            anneal_strategy: Anneal::Linear,
            base_momentum: 0.8,
            max_momentum: 0.9,
            ..OneCycle::default()
        };
        let expected = [
            (0.05, 0.9),
            (0.35, 0.8333333333333334),
            (0.4667, 0.8066666666666668),
            (0.4001, 0.8200000000000001),
            (0.3335, 0.8333333333333334),
            (0.2669, 0.8466666666666667),
            (0.2003, 0.86),
            (0.1337, 0.8733333333333333),
            (0.0671, 0.8866666666666667),
            (0.0005, 0.9),
        ];
        check(cycle, 0.5, &expected);
    }

    #[test]
    fn a_run_of_one_step_is_finite() {
        let clock = Clock { step: 0, steps_per_epoch: 1, epochs: 1 };
        assert!(OneCycle::default().at(0.1, clock).lr.is_finite());
    }
}
