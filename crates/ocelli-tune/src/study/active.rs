//! A trial that is being worked at.

use super::heartbeat::Beating;
use super::{Study, now};
use crate::journal::{Attrs, Operation};
use crate::{Params, Pruning, Trial, TrialState, TuneError, Value, json};
use serde_json::json;
use std::sync::{Arc, PoisonError};

/// How a trial ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// With its objectives, one for each direction. One that is no number (NaN) makes it a failed trial, as in Optuna.
    Complete(Vec<f64>),
    /// A pruner gave up on it. Its last intermediate value becomes its objective, as in Optuna.
    Pruned,
    /// Without a result, for this reason.
    Fail(String),
}

/// A trial that this process works at; a thread gives signs of life meanwhile ([`Heartbeat`](crate::Heartbeat)). Dropped without being
/// told, it stays as running until these are missed.
#[derive(Debug)]
pub struct ActiveTrial {
    study: Study,
    number: u64,
    pub(super) params: Params,
    beating: Option<Beating>,
}

impl ActiveTrial {
    pub(super) fn new(study: &Study, number: u64) -> Self {
        let heartbeat = study.inner.options.heartbeat;
        let beating = heartbeat.map(|heartbeat| Beating::start(study, number, heartbeat.interval));
        ActiveTrial { study: study.clone(), number, params: Params::new(), beating }
    }

    /// Its number.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Its parameters.
    pub fn params(&self) -> &Params {
        &self.params
    }

    /// One parameter.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.params.get(name)
    }

    /// One parameter that is a number.
    pub fn float(&self, name: &str) -> Option<f64> {
        self.get(name)?.as_f64()
    }

    /// Notes the objective on the way, after `step` (an epoch, from 0 or 1 as the caller likes). A step that was reported keeps its
    /// value, as in Optuna. May be NaN.
    ///
    /// # Errors
    /// A step below 0, several objectives, another worker has finished the trial, the journal cannot be written.
    pub fn report(&self, step: i64, value: f64) -> Result<(), TuneError> {
        self.single()?;
        if step < 0 {
            return Err(TuneError::Step { number: self.number, step });
        }
        self.study.journal().transact(|replay| {
            let trial = self.study.running(replay, self.number)?;
            let known = trial.intermediate_values.contains_key(&step);
            let report = Operation::TrialIntermediate { trial: trial.id, step, value };
            Ok(((), Vec::from_iter((!known).then_some(report))))
        })
    }

    /// Whether the pruner gives up on it after what was reported.
    ///
    /// # Errors
    /// Several objectives, another worker has finished the trial, the journal cannot be used.
    pub fn should_prune(&self) -> Result<bool, TuneError> {
        self.single()?;
        let history = self.study.history()?;
        let index = usize::try_from(self.number).unwrap_or(usize::MAX);
        let count = history.all().len();
        let trial = history.all().get(index).ok_or(TuneError::NoTrial { number: self.number, count })?;
        let pruning = Pruning {
            study: self.study.name(),
            direction: self.study.directions()[0],
            trial,
            history: &history,
        };
        let verdict = self.study.inner.options.pruner.prune(&pruning);
        let notes: Vec<_> =
            verdict.notes.into_iter().map(|(key, value)| (key, json::from_number(value))).collect();
        if !notes.is_empty() {
            self.study.note(self.number, &notes)?;
        }
        Ok(verdict.prune)
    }

    /// Notes something with the trial.
    ///
    /// # Errors
    /// Another worker has finished the trial; the journal cannot be written.
    pub fn set_user_attr(&self, key: &str, value: serde_json::Value) -> Result<(), TuneError> {
        self.study.journal().transact(|replay| {
            let trial = self.study.running(replay, self.number)?.id;
            let attrs = Attrs::from([(key.to_string(), value)]);
            Ok(((), vec![Operation::TrialUserAttr { trial, attrs }]))
        })
    }

    /// Ends it; gives the trial as the journal has it.
    ///
    /// # Errors
    /// Another number of objectives than directions, another worker has finished it, the journal cannot be written.
    pub fn tell(self, outcome: Outcome) -> Result<Arc<Trial>, TuneError> {
        match outcome {
            Outcome::Complete(values) => {
                let needed = self.study.directions().len();
                if values.len() != needed {
                    return Err(TuneError::Objectives { number: self.number, found: values.len(), needed });
                }
                match values.iter().position(|value| value.is_nan()) {
                    Some(index) => self.fail(&format!("objective {index} is NaN")),
                    None => self.finish(TrialState::Complete, None, |_| Some(values)),
                }
            }
            Outcome::Pruned => self.finish(TrialState::Pruned, None, |trial| {
                let last = trial.intermediate_values.last_key_value().map(|(_, value)| *value);
                last.filter(|value| !value.is_nan()).map(|value| vec![value])
            }),
            Outcome::Fail(reason) => self.fail(&reason),
        }
    }

    pub(super) fn fail(self, reason: &str) -> Result<Arc<Trial>, TuneError> {
        self.finish(TrialState::Fail, Some(reason), |_| None)
    }

    fn finish(
        mut self,
        state: TrialState,
        reason: Option<&str>,
        values: impl FnOnce(&Trial) -> Option<Vec<f64>>,
    ) -> Result<Arc<Trial>, TuneError> {
        self.beating = None;
        let mut journal = self.study.journal();
        let id = journal.transact(|replay| -> Result<_, TuneError> {
            let trial = self.study.running(replay, self.number)?;
            let note = reason.map(|reason| Operation::TrialSystemAttr {
                trial: trial.id,
                attrs: Attrs::from([("fail_reason".to_string(), json!(reason))]),
            });
            let end =
                Operation::TrialState { trial: trial.id, state, values: values(trial), time: Some(now()) };
            Ok((trial.id, note.into_iter().chain([end]).collect()))
        })?;
        let count = journal.replay().next_trial() as usize;
        journal.replay().trial(id).cloned().ok_or(TuneError::NoTrial { number: self.number, count })
    }

    /// Reports and pruning are for one objective, as in Optuna.
    fn single(&self) -> Result<(), TuneError> {
        match self.study.directions().len() {
            1 => Ok(()),
            count => Err(TuneError::SeveralObjectives { count }),
        }
    }
}

impl Drop for ActiveTrial {
    fn drop(&mut self) {
        let mut watch = self.study.inner.watch.lock().unwrap_or_else(PoisonError::into_inner);
        watch.own.remove(&self.number);
    }
}
