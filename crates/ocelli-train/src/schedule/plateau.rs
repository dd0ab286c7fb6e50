//! Down when validation no longer gets better: PyTorch's `ReduceLROnPlateau`.

use super::{Clock, Rates, Spec, flat};
use crate::optimizer::{Checked, below_one, not_negative};
use serde::{Deserialize, Serialize};

/// The learning rate is multiplied by `factor` when the validation loss (or accuracy) has not got better for more than
/// `patience` epochs: `torch.optim.lr_scheduler.ReduceLROnPlateau`, its defaults included. Without validation images the
/// training images' figures are watched.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Plateau {
    /// What is watched: the loss, which is to fall (`min`), or the accuracy, which is to rise (`max`; default `min`).
    pub mode: Mode,
    /// What the learning rate is multiplied by, 0 up to 1 (default 0.1).
    pub factor: f64,
    /// Epochs without getting better that are borne (default 10).
    pub patience: u64,
    /// How much better counts as better (default 0.0001).
    pub threshold: f64,
    /// Whether the threshold is a share of the best or a difference from it (default `rel`).
    pub threshold_mode: ThresholdMode,
    /// Epochs after a change in which nothing is counted (default 0).
    pub cooldown: u64,
    /// The lowest learning rate (default 0).
    pub min_lr: f64,
    /// Changes of the learning rate that are no larger are not made (default 1e-8).
    pub eps: f64,
}

/// Which way is better.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Less: a loss.
    #[default]
    Min,
    /// More: an accuracy.
    Max,
}

/// What a threshold is measured by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ThresholdMode {
    /// A share of the best.
    #[default]
    Rel,
    /// A difference from the best.
    Abs,
}

impl Default for Plateau {
    fn default() -> Self {
        Plateau {
            mode: Mode::Min,
            factor: 0.1,
            patience: 10,
            threshold: 1e-4,
            threshold_mode: ThresholdMode::Rel,
            cooldown: 0,
            min_lr: 0.0,
            eps: 1e-8,
        }
    }
}

/// Where a [`Plateau`] stands between two epochs.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct PlateauState {
    /// The learning rate as it is now.
    pub lr: f64,
    /// The best figure so far.
    pub best: Option<f64>,
    /// Epochs since then.
    pub bad_epochs: u64,
    /// Epochs in which nothing is counted yet.
    pub cooldown: u64,
}

impl PlateauState {
    /// At the beginning of a run with a learning rate.
    pub fn new(lr: f64) -> Self {
        PlateauState { lr, best: None, bad_epochs: 0, cooldown: 0 }
    }

    /// Takes notice of an epoch's figure, and lowers the learning rate if it is time.
    pub fn after_epoch(&mut self, plateau: &Plateau, metric: f64) {
        if self.best.is_none_or(|best| plateau.is_better(metric, best)) {
            self.best = Some(metric);
            self.bad_epochs = 0;
        } else {
            self.bad_epochs += 1;
        }
        if self.cooldown > 0 {
            self.cooldown -= 1;
            self.bad_epochs = 0;
        }
        if self.bad_epochs > plateau.patience {
            let lower = (self.lr * plateau.factor).max(plateau.min_lr);
            if self.lr - lower > plateau.eps {
                self.lr = lower;
            }
            self.cooldown = plateau.cooldown;
            self.bad_epochs = 0;
        }
    }
}

impl Plateau {
    fn is_better(&self, metric: f64, best: f64) -> bool {
        match (self.mode, self.threshold_mode) {
            (Mode::Min, ThresholdMode::Rel) => metric < best * (1.0 - self.threshold),
            (Mode::Min, ThresholdMode::Abs) => metric < best - self.threshold,
            (Mode::Max, ThresholdMode::Rel) => metric > best * (1.0 + self.threshold),
            (Mode::Max, ThresholdMode::Abs) => metric > best + self.threshold,
        }
    }
}

impl Spec for Plateau {
    /// As long as nothing is known of results.
    fn at(&self, lr: f64, _: Clock) -> Rates {
        flat(lr)
    }

    fn check(&self) -> Checked {
        below_one("factor", self.factor)?;
        not_negative("threshold", self.threshold)?;
        not_negative("min_lr", self.min_lr)?;
        not_negative("eps", self.eps)
    }
}
