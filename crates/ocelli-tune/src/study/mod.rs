//! A study: trials that are asked for and told about.

mod active;
mod ask;
mod heartbeat;
mod options;
mod queue;

pub use active::{ActiveTrial, Outcome};
pub use heartbeat::Heartbeat;
pub use options::StudyOptions;

use crate::journal::{Attrs, METRIC_NAMES, Operation, Replay};
use crate::{Direction, History, Journal, Space, StudyRecord, Trial, TrialState, TuneError, pareto_front};
use chrono::{DateTime, Utc};
use heartbeat::Watch;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A study: cheap to clone, all clones are one; from several threads, too.
#[derive(Clone, Debug)]
pub struct Study {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    journal: Mutex<Journal>,
    watch: Mutex<Watch>,
    id: u64,
    options: StudyOptions,
}

impl Study {
    /// Opens the study of this name, or makes it; an interrupted one goes on where it was.
    ///
    /// # Errors
    /// The journal cannot be used, or has such a study with other directions, or with parameters of another kind.
    pub fn open(mut journal: Journal, options: StudyOptions) -> Result<Self, TuneError> {
        let id = journal.transact(|replay| -> Result<_, TuneError> {
            if let Some((id, study)) = replay.named(&options.name) {
                options.check(study)?;
                return Ok((id, Vec::new()));
            }
            let (name, directions) = (options.name.clone(), options.directions.clone());
            Ok((replay.next_study(), vec![Operation::CreateStudy { name, directions }]))
        })?;
        let inner = Inner { journal: Mutex::new(journal), watch: Mutex::default(), id, options };
        Ok(Study { inner: Arc::new(inner) })
    }

    /// All trials, as the journal has them now.
    ///
    /// # Errors
    /// The journal cannot be read.
    pub fn history(&self) -> Result<History, TuneError> {
        let mut journal = self.journal();
        journal.sync()?;
        Ok(History::shared(&self.record(journal.replay())?.trials))
    }

    /// The complete trial with the best objective, the earliest of equals; `None` when there is none. Of several objectives, the first
    /// of the Pareto front.
    ///
    /// # Errors
    /// The journal cannot be read.
    pub fn best_trial(&self) -> Result<Option<Arc<Trial>>, TuneError> {
        Ok(self.best_trials()?.into_iter().next())
    }

    /// The Pareto front, by number; with one objective, all of the best.
    ///
    /// # Errors
    /// The journal cannot be read.
    pub fn best_trials(&self) -> Result<Vec<Arc<Trial>>, TuneError> {
        Ok(pareto_front(self.history()?.all(), self.directions()))
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.inner.options.name
    }

    /// Which way each objective gets better.
    pub fn directions(&self) -> &[Direction] {
        &self.inner.options.directions
    }

    /// What may vary.
    pub fn space(&self) -> &Space {
        &self.inner.options.space
    }

    /// Notes something with the study.
    ///
    /// # Errors
    /// The journal cannot be written.
    pub fn set_user_attr(&self, key: &str, value: serde_json::Value) -> Result<(), TuneError> {
        let study = self.inner.id;
        let attrs = Attrs::from([(key.to_string(), value)]);
        self.journal().transact(|replay| {
            self.record(replay)?;
            Ok(((), vec![Operation::StudyUserAttr { study, attrs }]))
        })
    }

    /// Names the objectives, as Optuna's `study.set_metric_names` does: its figures and its dashboard show them. Nothing is written where they have
    /// these names already.
    ///
    /// # Errors
    /// Not a name for each direction; the journal cannot be written.
    pub fn set_metric_names(&self, names: &[&str]) -> Result<(), TuneError> {
        let (found, needed) = (names.len(), self.directions().len());
        if found != needed {
            return Err(TuneError::MetricNames { found, needed });
        }
        let study = self.inner.id;
        self.journal().transact(|replay| {
            let known = self.record(replay)?.metric_names();
            if known.is_some_and(|known| known == names) {
                return Ok(((), Vec::new()));
            }
            let attrs = Attrs::from([(METRIC_NAMES.to_string(), names.into())]);
            Ok(((), vec![Operation::StudySystemAttr { study, attrs }]))
        })
    }

    /// What its objectives are called; `None` where nobody named them.
    ///
    /// # Errors
    /// The journal cannot be read.
    pub fn metric_names(&self) -> Result<Option<Vec<String>>, TuneError> {
        let mut journal = self.journal();
        journal.sync()?;
        Ok(self.record(journal.replay())?.metric_names())
    }

    /// What users noted with the study.
    ///
    /// # Errors
    /// The journal cannot be read.
    pub fn user_attrs(&self) -> Result<BTreeMap<String, serde_json::Value>, TuneError> {
        let mut journal = self.journal();
        journal.sync()?;
        Ok(self.record(journal.replay())?.user_attrs.clone())
    }

    /// A worker that panicked leaves the journal as it is in the file.
    fn journal(&self) -> MutexGuard<'_, Journal> {
        self.inner.journal.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The study among all of the journal.
    fn record<'r>(&self, replay: &'r Replay) -> Result<&'r StudyRecord, TuneError> {
        replay.study(self.inner.id).ok_or_else(|| TuneError::NoStudy {
            name: self.name().to_string(),
            found: replay.studies().map(|(_, study)| study.name.clone()).collect(),
        })
    }

    /// A trial that still runs.
    fn running<'r>(&self, replay: &'r Replay, number: u64) -> Result<&'r Arc<Trial>, TuneError> {
        let trials = &self.record(replay)?.trials;
        let found = usize::try_from(number).ok().and_then(|number| trials.get(number));
        let trial = found.ok_or(TuneError::NoTrial { number, count: trials.len() })?;
        match trial.state {
            TrialState::Running => Ok(trial),
            state => Err(TuneError::NotRunning { number, state }),
        }
    }
}

/// The time, to the microsecond: that is what the journal keeps.
fn now() -> DateTime<Utc> {
    let now = Utc::now();
    DateTime::from_timestamp_micros(now.timestamp_micros()).unwrap_or(now)
}

#[cfg(test)]
mod tests;
