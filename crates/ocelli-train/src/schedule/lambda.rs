//! A function in code: PyTorch's `LambdaLR`.

use super::{By, Clock, Rates, Spec, flat};
use crate::optimizer::Checked;
use std::sync::Arc;

/// The learning rate times a function of the epochs (or batches) done: `torch.optim.lr_scheduler.LambdaLR`.
///
/// ```
/// use ocelli_train::{By, Clock, Lambda, Schedule};
/// let halved = Schedule::Lambda(Lambda::new(By::Epoch, |epoch| 0.5_f64.powf(epoch as f64)));
/// assert_eq!(halved.at(0.1, Clock::new(6, 3, 4)).lr, 0.025);
/// ```
#[derive(Clone)]
pub struct Lambda {
    by: By,
    factor: Arc<dyn Fn(u64) -> f64 + Send + Sync>,
}

impl Lambda {
    /// The learning rate is multiplied by what `factor` gives for the number of epochs (or batches) done.
    pub fn new(by: By, factor: impl Fn(u64) -> f64 + Send + Sync + 'static) -> Self {
        Lambda { by, factor: Arc::new(factor) }
    }
}

impl std::fmt::Debug for Lambda {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lambda").field("by", &self.by).finish_non_exhaustive()
    }
}

/// Functions are the same where they are one and the same.
impl PartialEq for Lambda {
    fn eq(&self, other: &Self) -> bool {
        self.by == other.by && Arc::ptr_eq(&self.factor, &other.factor)
    }
}

impl Spec for Lambda {
    fn at(&self, lr: f64, clock: Clock) -> Rates {
        flat(lr * (self.factor)(clock.done(self.by)))
    }

    fn check(&self) -> Checked {
        Err(("name", "is a function in code, which a recipe cannot hold: give it to a Trainer".into()))
    }
}
