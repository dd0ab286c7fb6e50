//! Who proposes values.

pub mod contract;
mod draws;
mod gp;
mod grid;
mod random;
mod sobol;
mod tpe;

pub use gp::{GpSampler, GpSamplerOptions};
pub use grid::{GridOptions, GridSampler};
pub use random::RandomSampler;
pub use sobol::SobolSampler;
pub use tpe::{TpeOptions, TpeSampler};

use crate::{Direction, Distribution, History, Params, Space, Value};
use std::fmt::Debug;
use std::sync::Arc;

/// What a sampler is asked.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// What may vary.
    pub space: &'a Space,
    /// Which way each objective gets better.
    pub directions: &'a [Direction],
    /// The trials of the study so far, the one that is asked for among them only in [`Sampler::sample`], as running and without
    /// parameters. There, under Hyperband, they are those of its bracket alone.
    pub history: &'a History,
    /// The number of the trial that values are for. Random numbers are named by it, so that no two workers draw the same.
    pub number: u64,
    /// Values that the trial has to take: the sampler gives them back as they are, and conditions look at them.
    pub fixed: &'a Params,
}

impl Request<'_> {
    /// Chooses every parameter that is active, in order: those that are fixed as they are, the others by `choose`.
    ///
    /// # Errors
    /// What `choose` says.
    pub fn fill(
        &self,
        mut choose: impl FnMut(&str, &Arc<Distribution>) -> Result<Value, SamplerError>,
    ) -> Result<Params, SamplerError> {
        self.space.fill(|name, distribution| match self.fixed.get(name) {
            Some(value) => Ok(value.clone()),
            None => choose(name, distribution),
        })
    }
}

/// What a sampler says before a trial is made, while the study is locked.
#[derive(Clone, Debug, PartialEq)]
pub enum Claim {
    /// Go on: values follow.
    Free,
    /// Go on, and note this with the trial, so that all other workers see it.
    Note(Vec<(String, serde_json::Value)>),
    /// There is nothing left to try.
    Exhausted,
}

/// A sampler that has no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SamplerError {
    /// It cannot work on such a space.
    #[error("{sampler} cannot search parameter `{parameter}`: {problem}")]
    Space {
        /// The sampler's name.
        sampler: &'static str,
        /// The parameter.
        parameter: String,
        /// What was found, what is needed.
        problem: String,
    },
    /// It cannot do what it is asked.
    #[error("{sampler}: {problem}")]
    Unsupported {
        /// The sampler's name.
        sampler: &'static str,
        /// What was found, what is needed.
        problem: String,
    },
}

/// Proposes values for trials. Its answer depends on its own settings (a seed among them) and on the request alone.
/// [`contract::check`] holds any implementation to what studies rely on.
pub trait Sampler: Debug + Send + Sync {
    /// Said before a trial is made, under the study's lock: it must be quick. Without an implementation, [`Claim::Free`].
    ///
    /// # Errors
    /// The sampler cannot work on such a study.
    fn claim(&self, _request: &Request<'_>) -> Result<Claim, SamplerError> {
        Ok(Claim::Free)
    }

    /// Values for exactly the parameters that are active with them ([`Space::check`]), those of [`Request::fixed`] as they are.
    ///
    /// # Errors
    /// The sampler has no answer.
    fn sample(&self, request: &Request<'_>) -> Result<Params, SamplerError>;
}
