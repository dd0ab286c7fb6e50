//! Nothing is pruned.

use super::{Pruner, Pruning, Verdict};

/// Never gives up on a trial: Optuna's `NopPruner`.
#[derive(Clone, Copy, Debug, Default)]
pub struct NopPruner;

impl Pruner for NopPruner {
    fn prune(&self, _: &Pruning<'_>) -> Verdict {
        Verdict::default()
    }
}
