//! Optimizers as options: each implements `ocelli_nn`'s [`Update`](ocelli_nn::plan::Update), so a plan can step with it.

mod adagrad;
mod adam;
mod lamb;
mod lion;
mod muon;
mod nadam;
mod radam;
mod rmsprop;
mod sgd;

pub use adagrad::Adagrad;
pub use adam::{Adam, AdamW};
pub use lamb::Lamb;
pub use lion::Lion;
pub use muon::{AdamWWithin, AdjustLr, Muon};
pub use nadam::NAdam;
pub use radam::RAdam;
pub use rmsprop::RmsProp;
pub use sgd::Sgd;

use crate::schedule::Rates;
use ocelli_nn::Network;
use ocelli_nn::plan::Update;
use serde::{Deserialize, Serialize};

/// Nothing, or the setting that is out of its range and what is wrong with it.
pub(crate) type Checked = Result<(), (&'static str, String)>;

/// What an optimizer's settings tell of it. An optimizer is a struct of settings with this, in a file of its own, and a line in
/// the list below.
trait Spec: Update {
    /// The learning rate that suits it when a recipe gives none.
    fn usual_lr(&self) -> f64;

    /// The settings that schedules and groups change.
    fn moving(&mut self) -> Moving<'_>;

    /// Gives it another weight decay.
    fn set_weight_decay(&mut self, weight_decay: f64) {
        *self.moving().weight_decay = weight_decay;
    }

    /// Looks at the network that it is to train.
    fn look_at(&mut self, _network: &Network) {}

    /// Says which setting is out of its range, if one is.
    fn check(&self) -> Checked;
}

/// The settings of an optimizer that change while it works.
struct Moving<'a> {
    lr: &'a mut f64,
    /// What a schedule moves as momentum, if there is any.
    momentum: Option<&'a mut f64>,
    weight_decay: &'a mut f64,
}

macro_rules! optimizers {
    ($($(#[$doc:meta])* $variant:ident($spec:ty) = $name:literal,)*) => {
        /// An optimizer chosen at run time, as in a recipe: `train.optimizer = "sgd"`, or a table with a `name` and the
        /// optimizer's own settings.
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        #[serde(tag = "name")]
        #[non_exhaustive]
        pub enum Optimizer {
            $($(#[$doc])* #[serde(rename = $name)] $variant($spec),)*
        }

        impl Optimizer {
            /// The names that a recipe may use.
            pub const NAMES: &[&str] = &[$($name),*];

            /// Its name in a recipe.
            pub fn name(&self) -> &'static str {
                match self {
                    $(Self::$variant(_) => $name,)*
                }
            }

            fn spec(&self) -> &dyn Spec {
                match self {
                    $(Self::$variant(spec) => spec,)*
                }
            }

            fn spec_mut(&mut self) -> &mut dyn Spec {
                match self {
                    $(Self::$variant(spec) => spec,)*
                }
            }
        }

        $(impl From<$spec> for Optimizer {
            fn from(spec: $spec) -> Self {
                Self::$variant(spec)
            }
        })*
    };
}

optimizers! {
    /// Stochastic gradient descent, with momentum.
    Sgd(Sgd) = "sgd",
    /// Adam, weight decay added to the gradient.
    Adam(Adam) = "adam",
    /// Adam, weight decay apart from the gradient.
    AdamW(AdamW) = "adamw",
    /// Steps divided by the root of the mean of squared gradients.
    RmsProp(RmsProp) = "rmsprop",
    /// Steps divided by the root of the sum of squared gradients.
    Adagrad(Adagrad) = "adagrad",
    /// Adam with Nesterov's momentum.
    NAdam(NAdam) = "nadam",
    /// Adam whose first steps do not trust their own deviation.
    RAdam(RAdam) = "radam",
    /// The sign of an average of gradients.
    Lion(Lion) = "lion",
    /// Adam's steps, as long as the parameter itself is large.
    Lamb(Lamb) = "lamb",
    /// Orthogonal steps for weights of convolutions and linear layers, AdamW for the rest.
    Muon(Muon) = "muon",
}

impl Optimizer {
    /// The same optimizer with the learning rate (and momentum, if the schedule moves it) of one step.
    /// For SGD and RMSprop a momentum of 0 in the recipe means none, and a schedule does not bring it in; a first beta (or
    /// Muon's momentum) of 0 moves as any other.
    pub fn with_rates(&self, rates: Rates) -> Optimizer {
        let mut optimizer = self.clone();
        let Moving { lr, momentum, .. } = optimizer.spec_mut().moving();
        *lr = rates.lr;
        if let (Some(momentum), Some(moved)) = (rates.momentum, momentum) {
            *moved = momentum;
        }
        optimizer
    }

    /// The same optimizer with the learning rate scaled, and with another weight decay where one is given.
    pub(crate) fn with_group(&self, lr_scale: f64, weight_decay: Option<f64>) -> Optimizer {
        let mut grouped = self.clone();
        let spec = grouped.spec_mut();
        *spec.moving().lr *= lr_scale;
        if let Some(decay) = weight_decay {
            spec.set_weight_decay(decay);
        }
        grouped
    }

    /// The same optimizer for training a network: Muon leaves its last layer to AdamW.
    pub fn for_network(&self, network: &Network) -> Optimizer {
        let mut optimizer = self.clone();
        optimizer.spec_mut().look_at(network);
        optimizer
    }

    /// As what a plan steps with.
    pub fn as_update(&self) -> &dyn Update {
        self.spec()
    }

    /// The learning rate that suits this optimizer when a recipe gives none: 0.05 for SGD, 0.005 for Adam, AdamW, NAdam and
    /// RAdam, 0.001 for RMSprop, 0.01 for Adagrad and LAMB, 0.0005 for Lion, 0.02 for Muon.
    pub fn usual_lr(&self) -> f64 {
        self.spec().usual_lr()
    }

    /// Says which setting is out of its range, if one is.
    pub(crate) fn check(&self) -> Checked {
        self.spec().check()
    }
}

/// What is common to the settings of Adam's kin.
fn check_adam(betas: [f64; 2], eps: f64, weight_decay: f64) -> Checked {
    below_one("betas", betas[0])?;
    below_one("betas", betas[1])?;
    not_negative("eps", eps)?;
    not_negative("weight_decay", weight_decay)
}

/// A setting that must lie from 0 up to, but not at, 1.
pub(crate) fn below_one(name: &'static str, value: f64) -> Checked {
    match (0.0..1.0).contains(&value) {
        true => Ok(()),
        false => Err((name, format!("is {value}, but must be at least 0 and less than 1"))),
    }
}

/// A setting that must be 0 or more.
pub(crate) fn not_negative(name: &'static str, value: f64) -> Checked {
    match value >= 0.0 && value.is_finite() {
        true => Ok(()),
        false => Err((name, format!("is {value}, but must be 0 or more"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ocelli_kernels::Isa;
    use ocelli_nn::plan::{UpdateStep, Whole};
    use ocelli_nn::{ParameterSpec, Role};

    fn by_name(name: &str, settings: &str) -> Result<Optimizer, String> {
        toml::from_str(&format!("name = '{name}'\n{settings}")).map_err(|error| error.to_string())
    }

    #[test]
    fn every_name_is_an_optimizer_that_reads_back_the_same() {
        for name in Optimizer::NAMES {
            let optimizer = by_name(name, "weight_decay = 0.25").unwrap();
            assert_eq!(optimizer.name(), *name);
            optimizer.check().unwrap();
            assert!(optimizer.usual_lr() > 0.0 && optimizer.usual_lr() < 1.0);
            let text = toml::to_string(&optimizer).unwrap();
            assert_eq!(
                toml::from_str::<Optimizer>(&text).unwrap().with_rates(rates(0.1)),
                optimizer.with_rates(rates(0.1))
            );
            assert!(optimizer.as_update().slots() <= ocelli_nn::plan::MAX_SLOTS);
            for wrong in ["weight_decay = -1.0", "weight_decay = nan"] {
                let (key, problem) = by_name(name, wrong).unwrap().check().unwrap_err();
                assert!(key == "weight_decay" && problem.ends_with("must be 0 or more"), "{key} {problem}");
            }
            assert!(by_name(name, "momentun = 3").unwrap_err().contains("unknown field"));
        }
    }

    /// The values after three steps, each stretch by itself; every fifth value is padding.
    fn stepped(optimizer: &Optimizer, stretches: &[std::ops::Range<usize>], isa: Isa) -> Vec<f32> {
        let update = optimizer.as_update();
        let of = ParameterSpec { name: "weight".into(), shape: vec![100], node: 0, role: Role::Weight };
        let wavy = |at: usize| if at.is_multiple_of(5) { 0.0 } else { (at as f32 * 0.7).sin() };
        let mut value: Vec<f32> = (0..100).map(wavy).collect();
        let mut state = vec![vec![0.0; 100]; update.slots()];
        let mut carried = 1.0;
        for number in 1..=3 {
            carried = update.carry(number, carried);
            let step = UpdateStep { first: number == 1, number, carried, sums: [4.0, 9.0] };
            let grad: Vec<f32> = (0..100).map(|at| wavy(at) * wavy(at + number as usize)).collect();
            for range in stretches {
                let mut slots: Vec<&mut [f32]> =
                    state.iter_mut().map(|slot| &mut slot[range.clone()]).collect();
                let (value, grad) = (&mut value[range.clone()], &grad[range.clone()]);
                if update.whole(&of) != Whole::Nothing {
                    update.prepare(step, &of, isa, value, grad, &mut slots);
                }
                update.update(step, &of, isa, value, grad, &mut slots);
            }
        }
        value
    }

    #[test]
    fn cuts_change_no_bit_and_padding_stays() {
        for name in Optimizer::NAMES {
            for settings in ["", "eps = 0.0\nweight_decay = 0.1"] {
                let Ok(optimizer) = by_name(name, settings) else { continue };
                let optimizer = optimizer.with_rates(rates(0.01));
                for isa in Isa::available() {
                    let whole = stepped(&optimizer, std::slice::from_ref(&(0..100)), isa);
                    assert!(whole.iter().all(|value| value.is_finite()), "{name}");
                    assert!(whole.iter().step_by(5).all(|value| *value == 0.0), "{name} with {settings}");
                    assert!(whole.iter().skip(1).step_by(5).all(|value| *value != 0.0), "{name}");
                    for cut in [1, 16, 37, 99] {
                        assert_eq!(
                            stepped(&optimizer, &[cut..100, 0..cut], isa),
                            whole,
                            "{name} cut at {cut}"
                        );
                    }
                }
            }
        }
    }

    fn rates(lr: f64) -> Rates {
        Rates { lr, momentum: Some(0.625) }
    }

    #[test]
    fn schedules_and_groups_change_what_they_should() {
        for name in Optimizer::NAMES {
            let mut moved = by_name(name, "").unwrap().with_rates(rates(0.5)).with_group(0.5, Some(0.75));
            let Moving { lr, momentum, .. } = moved.spec_mut().moving();
            assert_eq!(*lr, 0.25, "{name}");
            assert!(momentum.is_none_or(|momentum| *momentum == 0.625), "{name}");
            let expected = by_name(name, "weight_decay = 0.75").unwrap().with_rates(rates(0.25));
            assert!(*name == "muon" || moved == expected, "{name}");
        }
        // A schedule does not bring momentum in, for which a plan would need another buffer.
        for name in ["sgd", "rmsprop"] {
            let slots = |settings| {
                let optimizer = by_name(name, settings).unwrap();
                (optimizer.as_update().slots(), optimizer.with_rates(rates(0.5)).as_update().slots())
            };
            let (none, some) = (slots(""), slots("momentum = 0.9"));
            assert!(none.0 == none.1 && some == (none.0 + 1, none.1 + 1), "{name}: {none:?} {some:?}");
        }
    }
}
