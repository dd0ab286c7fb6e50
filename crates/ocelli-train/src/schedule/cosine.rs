//! Half a cosine down: PyTorch's `CosineAnnealingLR`, stepped after every batch.

use super::Clock;
use serde::{Deserialize, Serialize};

/// From the learning rate at the first step down to `eta_min` after the last, along half a cosine.
///
/// Equals `torch.optim.lr_scheduler.CosineAnnealingLR(T_max = all steps of the run)` stepped after every batch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Cosine {
    /// The learning rate at the end (default 0).
    pub eta_min: f64,
}

impl Cosine {
    pub(super) fn lr(&self, lr: f64, clock: Clock) -> f64 {
        let part = clock.step as f64 / clock.total().max(1) as f64;
        self.eta_min + (lr - self.eta_min) * (1.0 + (std::f64::consts::PI * part).cos()) / 2.0
    }

    pub(super) fn check(&self) -> Result<(), (&'static str, String)> {
        if self.eta_min >= 0.0 && self.eta_min.is_finite() {
            return Ok(());
        }
        Err(("eta_min", format!("is {}, but a learning rate is 0 or more", self.eta_min)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // CosineAnnealingLR(SGD(lr=0.1), T_max=10, eta_min=0.001), PyTorch 2.
    #[test]
    fn follows_pytorch() {
        let expected = [
            0.1,
            0.09757729755661012,
            0.09054634122155991,
            0.07959536998847743,
            0.0657963412215599,
            0.0505,
            0.03520365877844011,
            0.02140463001152259,
            0.010453658778440109,
            0.0034227024433899,
        ];
        let cosine = Cosine { eta_min: 0.001 };
        for (step, want) in expected.into_iter().enumerate() {
            let clock = Clock { step: step as u64, steps_per_epoch: 5, epochs: 2 };
            assert!((cosine.lr(0.1, clock) - want).abs() < 1e-12, "step {step}");
        }
    }
}
