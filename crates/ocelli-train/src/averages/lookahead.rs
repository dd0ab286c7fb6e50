//! Lookahead: k steps forward, 1 step back.

use ocelli_nn::plan::{Average, TrainPlan};
use serde::{Deserialize, Serialize};

/// Slow weights that move a share of the way to where the optimizer got in `k` steps, and from which it then goes on
/// (Zhang et al., "Lookahead Optimizer: k steps forward, 1 step back", 2019). The optimizer's buffers stay as they are.
///
/// In a recipe: `train.lookahead = { k = 5, alpha = 0.5 }`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Lookahead {
    /// Steps of the optimizer between two of the slow weights, at least 1 (default 5).
    pub k: u64,
    /// The share of the way, more than 0, at most 1 (default 0.5).
    pub alpha: f64,
}

impl Default for Lookahead {
    fn default() -> Self {
        Lookahead { k: 5, alpha: 0.5 }
    }
}

impl Lookahead {
    /// Says which setting is out of its range, if one is.
    pub(crate) fn check(&self) -> Result<(), (&'static str, String)> {
        if self.k == 0 {
            return Err(("k", "is 0, but must be at least 1".into()));
        }
        if !(self.alpha > 0.0 && self.alpha <= 1.0) {
            return Err(("alpha", format!("is {}, but must be more than 0 and at most 1", self.alpha)));
        }
        Ok(())
    }

    /// Moves the slow weights, if it is time, and begins again from them.
    pub(super) fn after_step(&self, plan: &mut TrainPlan, slow: &mut Average, steps: u64) {
        if steps.is_multiple_of(self.k) {
            plan.move_average(slow, self.alpha as f32);
            plan.take_average(slow);
        }
    }
}
