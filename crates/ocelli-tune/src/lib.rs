//! Search for good settings: what may vary is a [`Space`], a [`Sampler`] proposes values, a [`Pruner`] gives up on trials that go
//! badly, and a [`Study`] remembers all of it in a [`Journal`] that Optuna opens and continues.
//!
//! ```
//! use ocelli_tune::{Direction, Journal, Outcome, RandomSampler, Space, Study, StudyOptions};
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let space = Space::parse(r#""train.lr" = { type = "float", low = 1e-4, high = 1e-1, log = true }"#)?;
//! let options = StudyOptions::new("example", space).directions([Direction::Minimize]).sampler(RandomSampler::new(1));
//! let study = Study::open(Journal::memory(), options)?;
//! for _ in 0..20 {
//!     let Some(trial) = study.ask()? else { break };
//!     let lr = trial.float("train.lr").expect("a parameter of the space");
//!     trial.tell(Outcome::Complete(vec![(lr - 0.01).abs()]))?;
//! }
//! let best = study.best_trial()?.expect("twenty trials were told");
//! assert!(best.value().unwrap() < 0.1);
//! # Ok(())
//! # }
//! ```
//!
//! Names, states and meanings are Optuna's. The crate knows nothing of networks: a parameter's name is a path into a recipe to the
//! caller, and a piece of text here.

mod direction;
mod distribution;
mod error;
pub mod gp;
mod history;
pub mod importance;
mod journal;
mod json;
mod pruner;
mod sampler;
mod space;
mod study;
#[cfg(test)]
mod testing;
mod trial;
mod value;

pub use direction::{Direction, dominates, pareto_front};
pub use distribution::{
    CategoricalDistribution, Distribution, DistributionError, FloatDistribution, IntDistribution,
};
pub use error::TuneError;
pub use history::History;
pub use journal::{Journal, JournalError, LockKind, LockOptions, StudyRecord};
pub use pruner::{
    Hyperband, HyperbandOptions, MedianPruner, NopPruner, PatientPruner, PercentilePruner, Pruner,
    PrunerError, Pruning, SuccessiveHalving, SuccessiveHalvingOptions, ThresholdPruner, Verdict,
};
pub use sampler::{
    Claim, GpSampler, GpSamplerOptions, GridOptions, GridSampler, RandomSampler, Request, Sampler,
    SamplerError, SobolSampler, TpeOptions, TpeSampler, contract,
};
pub use space::{Condition, Parameter, Space, SpaceError};
pub use study::{ActiveTrial, Heartbeat, Outcome, Study, StudyOptions};
pub use trial::{Trial, TrialState};
pub use value::{Params, Value};
