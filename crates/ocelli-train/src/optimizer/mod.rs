//! Optimizers as options: each implements `ocelli_nn`'s [`Update`](ocelli_nn::plan::Update), so a plan can step with it.

mod adam;
mod sgd;

pub use adam::{Adam, AdamW};
pub use sgd::Sgd;

use crate::schedule::Rates;
use ocelli_nn::plan::Update;
use serde::{Deserialize, Serialize};

/// An optimizer chosen at run time, as in a recipe: `train.optimizer = "sgd"`, or a table with a `name` and the
/// optimizer's own settings.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "lowercase")]
pub enum Optimizer {
    /// Stochastic gradient descent, with momentum.
    Sgd(Sgd),
    /// Adam, weight decay added to the gradient.
    Adam(Adam),
    /// Adam, weight decay apart from the gradient.
    AdamW(AdamW),
}

impl Optimizer {
    /// The names that a recipe may use.
    pub const NAMES: [&str; 3] = ["sgd", "adam", "adamw"];

    /// Its name in a recipe.
    pub fn name(&self) -> &'static str {
        match self {
            Optimizer::Sgd(_) => "sgd",
            Optimizer::Adam(_) => "adam",
            Optimizer::AdamW(_) => "adamw",
        }
    }

    /// The same optimizer with the learning rate (and momentum, if the schedule moves it) of one step.
    /// A momentum of 0 in the recipe means none, and a schedule does not bring it in.
    pub fn with_rates(&self, rates: Rates) -> Optimizer {
        match self.clone() {
            Optimizer::Sgd(mut sgd) => {
                sgd.lr = rates.lr;
                if let (Some(momentum), true) = (rates.momentum, sgd.momentum != 0.0) {
                    sgd.momentum = momentum;
                }
                Optimizer::Sgd(sgd)
            }
            Optimizer::Adam(adam) => Optimizer::Adam(adam.with_rates(rates)),
            Optimizer::AdamW(adam) => Optimizer::AdamW(adam.with_rates(rates)),
        }
    }

    /// The same optimizer with the learning rate scaled, and with another weight decay where one is given.
    pub(crate) fn with_group(&self, lr_scale: f64, weight_decay: Option<f64>) -> Optimizer {
        let mut grouped = self.clone();
        let (lr, decay) = match &mut grouped {
            Optimizer::Sgd(sgd) => (&mut sgd.lr, &mut sgd.weight_decay),
            Optimizer::Adam(adam) => (&mut adam.lr, &mut adam.weight_decay),
            Optimizer::AdamW(adam) => (&mut adam.lr, &mut adam.weight_decay),
        };
        *lr *= lr_scale;
        *decay = weight_decay.unwrap_or(*decay);
        grouped
    }

    /// As what a plan steps with.
    pub fn as_update(&self) -> &dyn Update {
        match self {
            Optimizer::Sgd(sgd) => sgd,
            Optimizer::Adam(adam) => adam,
            Optimizer::AdamW(adam) => adam,
        }
    }

    /// The learning rate that suits this optimizer when a recipe gives none: 0.05 for SGD, 0.005 for Adam and AdamW.
    pub fn usual_lr(&self) -> f64 {
        match self {
            Optimizer::Sgd(_) => 0.05,
            Optimizer::Adam(_) | Optimizer::AdamW(_) => 5e-3,
        }
    }

    /// Says which setting is out of its range, if one is.
    pub(crate) fn check(&self) -> Result<(), (&'static str, String)> {
        match self {
            Optimizer::Sgd(sgd) => sgd.check(),
            Optimizer::Adam(adam) => adam.check(),
            Optimizer::AdamW(adam) => adam.check(),
        }
    }
}

/// A setting that must lie from 0 up to, but not at, 1.
fn below_one(name: &'static str, value: f64) -> Result<(), (&'static str, String)> {
    match (0.0..1.0).contains(&value) {
        true => Ok(()),
        false => Err((name, format!("is {value}, but must be at least 0 and less than 1"))),
    }
}

/// A setting that must be 0 or more.
fn not_negative(name: &'static str, value: f64) -> Result<(), (&'static str, String)> {
    match value >= 0.0 && value.is_finite() {
        true => Ok(()),
        false => Err((name, format!("is {value}, but must be 0 or more"))),
    }
}
