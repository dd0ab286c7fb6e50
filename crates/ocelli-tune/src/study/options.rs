//! What a study is made of.

use super::Heartbeat;
use crate::{Direction, NopPruner, Pruner, Sampler, Space, StudyRecord, TpeOptions, TpeSampler, TuneError};
use std::sync::Arc;

/// What a study is made of.
#[derive(Clone, Debug)]
pub struct StudyOptions {
    /// Its name in the journal.
    pub name: String,
    /// Which way each objective gets better (default: one, minimised).
    pub directions: Vec<Direction>,
    /// What may vary.
    pub space: Space,
    /// Who proposes values (default: TPE, with Optuna's defaults and the seed 0).
    pub sampler: Arc<dyn Sampler>,
    /// Who gives up on trials (default: nobody does; Optuna's default is the median).
    pub pruner: Arc<dyn Pruner>,
    /// How workers that died are noticed (default: [`Heartbeat::default`]); `None`: not at all.
    pub heartbeat: Option<Heartbeat>,
}

impl StudyOptions {
    /// With the defaults.
    pub fn new(name: impl Into<String>, space: Space) -> Self {
        StudyOptions {
            name: name.into(),
            directions: vec![Direction::Minimize],
            space,
            sampler: Arc::new(TpeSampler::new(TpeOptions::default())),
            pruner: Arc::new(NopPruner),
            heartbeat: Some(Heartbeat::default()),
        }
    }

    /// Which way each objective gets better.
    pub fn directions(mut self, directions: impl IntoIterator<Item = Direction>) -> Self {
        self.directions = directions.into_iter().collect();
        self
    }

    /// Who proposes values.
    pub fn sampler(mut self, sampler: impl Sampler + 'static) -> Self {
        self.sampler = Arc::new(sampler);
        self
    }

    /// Who gives up on trials.
    pub fn pruner(mut self, pruner: impl Pruner + 'static) -> Self {
        self.pruner = Arc::new(pruner);
        self
    }

    /// How workers that died are noticed; `None`: not at all.
    pub fn heartbeat(mut self, heartbeat: Option<Heartbeat>) -> Self {
        self.heartbeat = heartbeat;
        self
    }

    /// Whether a study of the journal can go on with these.
    pub(super) fn check(&self, study: &StudyRecord) -> Result<(), TuneError> {
        if study.directions != self.directions {
            return Err(TuneError::Directions {
                name: self.name.clone(),
                found: study.directions.clone(),
                asked: self.directions.clone(),
            });
        }
        for (name, parameter) in self.space.iter() {
            if let Some(first) =
                study.distribution(name).filter(|first| !first.is_compatible(&parameter.distribution))
            {
                return Err(TuneError::Incompatible {
                    study: self.name.clone(),
                    name: name.to_string(),
                    found: first.to_string(),
                    asked: parameter.distribution.to_string(),
                });
            }
        }
        Ok(())
    }
}
