//! A fixed factor every few epochs: PyTorch's `StepLR`.

use super::Clock;
use serde::{Deserialize, Serialize};

/// The learning rate is multiplied by `gamma` after every `step_size` epochs.
///
/// Equals `torch.optim.lr_scheduler.StepLR` stepped after every epoch.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StepDecay {
    /// Epochs between two changes, at least 1 (default 10).
    pub step_size: u64,
    /// What the learning rate is multiplied by (default 0.1).
    pub gamma: f64,
}

impl Default for StepDecay {
    fn default() -> Self {
        StepDecay { step_size: 10, gamma: 0.1 }
    }
}

impl StepDecay {
    pub(super) fn lr(&self, lr: f64, clock: Clock) -> f64 {
        lr * self.gamma.powf((clock.epoch() / self.step_size.max(1)) as f64)
    }

    pub(super) fn check(&self) -> Result<(), (&'static str, String)> {
        if self.step_size == 0 {
            return Err(("step_size", "is 0, but counts the epochs between two changes: 1 or more".into()));
        }
        if !(self.gamma > 0.0 && self.gamma.is_finite()) {
            return Err(("gamma", format!("is {}, but must be more than 0", self.gamma)));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // StepLR(SGD(lr=0.1), step_size=2, gamma=0.5) over five epochs, PyTorch 2.
    #[test]
    fn follows_pytorch() {
        let decay = StepDecay { step_size: 2, gamma: 0.5 };
        for (epoch, want) in [0.1, 0.1, 0.05, 0.05, 0.025].into_iter().enumerate() {
            for batch in 0..3 {
                let clock = Clock { step: epoch as u64 * 3 + batch, steps_per_epoch: 3, epochs: 5 };
                assert!((decay.lr(0.1, clock) - want).abs() < 1e-15, "epoch {epoch}");
            }
        }
    }
}
