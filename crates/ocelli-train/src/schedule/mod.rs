//! How the learning rate (and, for cycles, the momentum) changes over a run: one file for each schedule.

mod constant;
mod cosine;
mod cosine_restarts;
mod cyclic;
mod exponential;
mod lambda;
mod linear;
mod multi_step;
mod one_cycle;
mod pace;
mod plateau;
mod polynomial;
mod sequence;
mod step;
mod warmup;

pub use constant::{Constant, ConstantFactor};
pub use cosine::Cosine;
pub use cosine_restarts::CosineRestarts;
pub use cyclic::{Cyclic, CyclicMode};
pub use exponential::Exponential;
pub use lambda::Lambda;
pub use linear::Linear;
pub use multi_step::MultiStep;
pub use one_cycle::{Anneal, OneCycle};
pub use pace::Pace;
pub use plateau::{Mode, Plateau, PlateauState, ThresholdMode};
pub use polynomial::Polynomial;
pub use sequence::Sequence;
pub use step::StepDecay;
pub use warmup::{Warmup, WarmupMethod};

use crate::optimizer::Checked;
use serde::{Deserialize, Serialize};

/// Where a run stands: which optimizer step comes next, out of how many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clock {
    /// The step that comes next, counted from 0 over the whole run.
    pub step: u64,
    /// Optimizer steps (batches) in one epoch, at least 1.
    pub steps_per_epoch: u64,
    /// Optimizer steps in the whole run.
    pub steps: u64,
    /// The step of the run at which the schedule began that counts from 0 here: epochs end where the run's do.
    origin: u64,
}

impl Clock {
    /// At a step of a run of some epochs.
    pub fn new(step: u64, steps_per_epoch: u64, epochs: u64) -> Self {
        Clock { step, steps_per_epoch, steps: steps_per_epoch.saturating_mul(epochs), origin: 0 }
    }

    /// The epoch that the step belongs to, from 0 for the first.
    pub fn epoch(&self) -> u64 {
        self.epochs_until(self.step)
    }

    /// How many epochs of the run end between the origin and a step counted from it.
    fn epochs_until(&self, step: u64) -> u64 {
        let per_epoch = self.steps_per_epoch.max(1);
        self.origin.saturating_add(step) / per_epoch - self.origin / per_epoch
    }

    /// What a schedule in epochs or in batches counts: how many are done.
    fn done(&self, by: By) -> u64 {
        match by {
            By::Epoch => self.epoch(),
            By::Batch => self.step,
        }
    }

    /// The epochs or batches of the whole run, at least 1.
    fn total(&self, by: By) -> u64 {
        match by {
            // The last one counts, however many steps it has.
            By::Epoch => self.epochs_until(self.steps.max(1) - 1) + 1,
            By::Batch => self.steps.max(1),
        }
    }

    /// The steps until a number of epochs or batches are done.
    fn steps_of(&self, by: By, count: u64) -> u64 {
        let per_epoch = self.steps_per_epoch.max(1);
        match by {
            // Of the first epoch there may be only the rest.
            By::Epoch if count > 0 => count.saturating_mul(per_epoch) - self.origin % per_epoch,
            By::Epoch => 0,
            By::Batch => count,
        }
    }

    /// The same run as if it began at a step. Epochs end where they did.
    fn since(&self, start: u64) -> Clock {
        Clock {
            step: self.step.saturating_sub(start),
            steps: self.steps.saturating_sub(start),
            origin: self.origin.saturating_add(start),
            ..*self
        }
    }
}

/// What a schedule counts, and when it moves: `scheduler.step()` of PyTorch is called after every one of these. A schedule in epochs
/// that begins within one, after a warm-up in batches, say, moves first when that one ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum By {
    /// Epochs.
    Epoch,
    /// Batches: optimizer steps.
    Batch,
}

/// What a schedule says for one step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rates {
    /// Learning rate.
    pub lr: f64,
    /// Momentum (Adam: the first beta), where the schedule moves it.
    pub momentum: Option<f64>,
}

/// What a schedule's settings tell of it. A schedule is a struct of settings with this, in a file of its own, and a line in the
/// list below.
trait Spec {
    /// Learning rate and momentum for the step at `clock`, where `lr` is the recipe's learning rate.
    fn at(&self, lr: f64, clock: Clock) -> Rates;

    /// Says which setting is out of its range, if one is.
    fn check(&self) -> Checked;
}

macro_rules! schedules {
    ($($(#[$doc:meta])* $variant:ident($spec:ty) = $name:literal or $alias:literal,)*) => {
        /// A learning-rate schedule. A pure function of the step, but for [`Plateau`], whose state is a [`PlateauState`]: resuming
        /// a run needs no state of it.
        ///
        /// In a recipe: `train.schedule = "one-cycle"`, or a table with a `name` and the schedule's own settings. The names of
        /// PyTorch's classes will do as well.
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        #[serde(tag = "name")]
        #[non_exhaustive]
        pub enum Schedule {
            $($(#[$doc])* #[serde(rename = $name, alias = $alias)] $variant($spec),)*
            /// A function of the epoch or batch, in code alone: a recipe cannot hold it.
            #[serde(skip)]
            Lambda(Lambda),
        }

        impl Schedule {
            /// The names that a recipe may use.
            pub const NAMES: &[&str] = &[$($name),*];

            /// Its name in a recipe.
            pub fn name(&self) -> &'static str {
                match self {
                    $(Self::$variant(_) => $name,)*
                    Self::Lambda(_) => "lambda",
                }
            }

            fn spec(&self) -> &dyn Spec {
                match self {
                    $(Self::$variant(spec) => spec,)*
                    Self::Lambda(spec) => spec,
                }
            }
        }

        $(impl From<$spec> for Schedule {
            fn from(spec: $spec) -> Self {
                Self::$variant(spec)
            }
        })*
    };
}

schedules! {
    /// The learning rate stays as given.
    Constant(Constant) = "constant" or "Constant",
    /// Multiplied by a factor for the first while.
    ConstantFactor(ConstantFactor) = "constant-factor" or "ConstantLR",
    /// Multiplied by a factor that goes from one value to another in a straight line.
    Linear(Linear) = "linear" or "LinearLR",
    /// Multiplied by `gamma` every `step_size` epochs.
    Step(StepDecay) = "step" or "StepLR",
    /// Multiplied by `gamma` at given epochs.
    MultiStep(MultiStep) = "multi-step" or "MultiStepLR",
    /// Multiplied by `gamma` every epoch.
    Exponential(Exponential) = "exponential" or "ExponentialLR",
    /// Down to 0 along a power.
    Polynomial(Polynomial) = "polynomial" or "PolynomialLR",
    /// From the learning rate down to `eta_min` along half a cosine.
    Cosine(Cosine) = "cosine" or "CosineAnnealingLR",
    /// Half a cosine down, again and again.
    CosineRestarts(CosineRestarts) = "cosine-restarts" or "CosineAnnealingWarmRestarts",
    /// Up and down, again and again.
    Cyclic(Cyclic) = "cyclic" or "CyclicLR",
    /// Up to the learning rate, then down to nearly nothing.
    OneCycle(OneCycle) = "one-cycle" or "OneCycleLR",
    /// Down when the validation loss no longer falls.
    Plateau(Plateau) = "plateau" or "ReduceLROnPlateau",
    /// One schedule after the other.
    Sequence(Sequence) = "sequence" or "SequentialLR",
}

impl Default for Schedule {
    fn default() -> Self {
        Schedule::Constant(Constant {})
    }
}

impl Schedule {
    /// Learning rate and momentum for the step at `clock`, where `lr` is the recipe's learning rate
    /// (for cycles, the highest).
    pub fn at(&self, lr: f64, clock: Clock) -> Rates {
        self.spec().at(lr, clock)
    }

    /// The settings of a schedule that goes down when validation no longer gets better, if this is one.
    pub fn plateau(&self) -> Option<&Plateau> {
        match self {
            Schedule::Plateau(plateau) => Some(plateau),
            _ => None,
        }
    }

    /// Says which setting is out of its range, if one is.
    pub(crate) fn check(&self) -> Checked {
        self.spec().check()
    }
}

/// A learning rate alone.
fn flat(lr: f64) -> Rates {
    Rates { lr, momentum: None }
}

/// Half a cosine's way from a rate to another, of which a part is gone.
fn half_cosine(start: f64, end: f64, part: f64) -> f64 {
    end + (start - end) / 2.0 * ((std::f64::consts::PI * part).cos() + 1.0)
}

/// A setting that must be above 0.
fn positive(name: &'static str, value: f64) -> Checked {
    match value > 0.0 && value.is_finite() {
        true => Ok(()),
        false => Err((name, format!("is {value}, but must be more than 0"))),
    }
}

/// A setting that must lie from 0 to 1.
fn part(name: &'static str, value: f64) -> Checked {
    match (0.0..=1.0).contains(&value) {
        true => Ok(()),
        false => Err((name, format!("is {value}, but must lie between 0 and 1"))),
    }
}

/// A number of epochs or batches, at least 1.
fn some(name: &'static str, count: u64) -> Checked {
    match count {
        0 => Err((name, "is 0, but counts epochs or batches: 1 or more".into())),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schedules_have_pytorchs_names_too() {
        for (name, class) in [("step", "StepLR"), ("cosine-restarts", "CosineAnnealingWarmRestarts")] {
            let of = |name: &str| toml::from_str::<Schedule>(&format!("name = '{name}'")).unwrap();
            assert_eq!(of(name), of(class));
            assert_eq!(of(class).name(), name);
        }
    }

    #[test]
    fn every_schedule_reads_back_and_is_finite() {
        for name in Schedule::NAMES {
            let settings = match *name {
                "multi-step" => "milestones = [1, 3]",
                "sequence" => "milestones = [2]\nschedules = [{ name = 'linear' }, { name = 'cosine' }]",
                _ => "",
            };
            let schedule: Schedule = toml::from_str(&format!("name = '{name}'\n{settings}")).unwrap();
            schedule.check().unwrap();
            assert_eq!(schedule.name(), *name);
            assert_eq!(toml::from_str::<Schedule>(&toml::to_string(&schedule).unwrap()).unwrap(), schedule);
            for (steps_per_epoch, epochs) in [(1, 1), (3, 5), (1, 100)] {
                for step in 0..steps_per_epoch * epochs + 5 {
                    let rates = schedule.at(0.1, Clock::new(step, steps_per_epoch, epochs));
                    assert!((0.0..=0.1 + 1e-9).contains(&rates.lr), "{name}: {rates:?} at {step}");
                }
            }
        }
    }

    #[test]
    fn epochs_end_where_the_runs_do() {
        let run = Clock::new(20, 3, 14);
        for (start, done, total) in [(0, 6, 14), (3, 5, 13), (5, 5, 13), (6, 4, 12), (20, 0, 8), (41, 0, 1)] {
            let since = run.since(start);
            assert_eq!((since.done(By::Epoch), since.total(By::Epoch)), (done, total), "from {start} on");
            // By and by, it is the same.
            assert_eq!(run.since(start / 2).since(start - start / 2), since);
            let ends = [0, 1, 2].map(|epochs| start + since.steps_of(By::Epoch, epochs));
            let first = (start / 3 + 1) * 3;
            assert_eq!(ends, [start, first, first + 3]);
        }
        // All of what is left, where the length of a schedule is not given.
        let cosine = Schedule::Cosine(Cosine { by: By::Epoch, ..Cosine::default() });
        let warmup = Warmup { length: 5, by: By::Batch, ..Warmup::default() };
        let lr = |step| warmup.at(&cosine, 1.0, Clock::new(step, 3, 3)).lr;
        assert_eq!([lr(5), lr(6), lr(8)], [1.0, 0.5, 0.5]);
    }

    #[test]
    fn settings_out_of_their_range_are_named() {
        for (settings, key) in [
            ("name = 'step'\nstep_size = 0", "step_size"),
            ("name = 'multi-step'", "milestones"),
            ("name = 'multi-step'\nmilestones = [3, 2]", "milestones"),
            ("name = 'exponential'\ngamma = -1.0", "gamma"),
            ("name = 'linear'\nstart_factor = 0.0", "start_factor"),
            ("name = 'linear'\nend_factor = 1.5", "end_factor"),
            ("name = 'constant-factor'\nfactor = 2.0", "factor"),
            ("name = 'polynomial'\npower = -1.0", "power"),
            ("name = 'cosine'\neta_min = -1.0", "eta_min"),
            ("name = 'cosine'\nT_max = 0", "T_max"),
            ("name = 'cosine-restarts'\nT_0 = 0", "T_0"),
            ("name = 'cosine-restarts'\nT_mult = 0", "T_mult"),
            ("name = 'cyclic'\nstep_size_up = 0", "step_size_up"),
            ("name = 'cyclic'\nbase_lr = -1.0", "base_lr"),
            // Means of nothing but the past: Adam would divide by 0.
            ("name = 'cyclic'\nbase_momentum = 1.0", "base_momentum"),
            ("name = 'cyclic'\nmax_momentum = 1.0", "max_momentum"),
            ("name = 'one-cycle'\nbase_momentum = 1.0", "base_momentum"),
            ("name = 'one-cycle'\nmax_momentum = 1.0", "max_momentum"),
            ("name = 'one-cycle'\npct_start = 2.0", "pct_start"),
            ("name = 'plateau'\nfactor = 1.0", "factor"),
            ("name = 'sequence'", "schedules"),
            (
                "name = 'sequence'\nmilestones = []\nschedules = [{ name = 'step' }, { name = 'step' }]",
                "milestones",
            ),
            (
                "name = 'sequence'\nmilestones = [1]\nschedules = [{ name = 'step' }, { name = 'plateau' }]",
                "schedules",
            ),
            (
                "name = 'sequence'\nmilestones = [1]\nschedules = [{ name = 'step' }, { name = 'step', step_size = 0 }]",
                "schedules",
            ),
        ] {
            let schedule: Schedule = toml::from_str(settings).unwrap();
            assert_eq!(schedule.check().unwrap_err().0, key, "{settings}");
        }
    }
}
