//! The way of a trial from the sampler to its worker.

use super::heartbeat::BEAT;
use super::{ActiveTrial, Study, now};
use crate::journal::{Attrs, Operation, Template};
use crate::{Claim, History, Params, Request, SpaceError, Trial, TrialState, TuneError, Value};
use serde_json::json;
use std::sync::{Arc, PoisonError};

impl Study {
    /// The next trial: from the queue if it has one, proposed by the sampler otherwise. `None` when the sampler has nothing left.
    /// Trials of workers that died go back into the queue first.
    ///
    /// # Errors
    /// The journal cannot be used, or the sampler has no answer; the trial is then noted as failed.
    pub fn ask(&self) -> Result<Option<ActiveTrial>, TuneError> {
        self.revive()?;
        let Some(number) = self.begin()? else { return Ok(None) };
        let mut watch = self.inner.watch.lock().unwrap_or_else(PoisonError::into_inner);
        watch.own.insert(number);
        drop(watch);
        // From here on, whatever happens, the trial is ours and gives signs of life.
        let mut active = ActiveTrial::new(self, number);
        match self.choose(number) {
            Ok(params) => {
                active.params = params;
                Ok(Some(active))
            }
            Err(error) => {
                active.fail(&error.to_string())?;
                Err(error)
            }
        }
    }

    /// Takes a trial of the queue, or makes one, so that nobody else has it.
    fn begin(&self) -> Result<Option<u64>, TuneError> {
        let beat = self.inner.options.heartbeat.map(|_| (BEAT.to_string(), json!(0)));
        self.journal().transact(|replay| {
            let study = self.record(replay)?;
            if let Some(trial) = study.trials.iter().find(|trial| trial.state == TrialState::Waiting) {
                let (id, state, values) = (trial.id, TrialState::Running, None);
                let run = Operation::TrialState { trial: id, state, values, time: Some(now()) };
                let note =
                    beat.map(|beat| Operation::TrialSystemAttr { trial: id, attrs: Attrs::from([beat]) });
                return Ok((Some(trial.number), [run].into_iter().chain(note).collect()));
            }
            let number = study.trials.len() as u64;
            let history = History::shared(&study.trials);
            let notes =
                match self.inner.options.sampler.claim(&self.request(number, &history, &Params::new()))? {
                    Claim::Free => Vec::new(),
                    Claim::Note(notes) => notes,
                    Claim::Exhausted => return Ok((None, Vec::new())),
                };
            let system_attrs = notes.into_iter().chain(beat).collect();
            let trial = Template { system_attrs, ..Template::empty(TrialState::Running, Some(now())) };
            let create = Operation::CreateTrial { study: self.inner.id, trial: Box::new(trial) };
            Ok((Some(number), vec![create]))
        })
    }

    /// Chooses the parameters of a trial that has begun, while others may do the same, and notes them.
    fn choose(&self, number: u64) -> Result<Params, TuneError> {
        let history = self.peers(number, self.history()?);
        let trial = history.all().iter().find(|trial| trial.number == number);
        let trial = trial.ok_or(TuneError::NoTrial { number, count: history.all().len() })?;
        let fixed = self.fixed(trial);
        let params = self.inner.options.sampler.sample(&self.request(number, &history, &fixed))?;
        self.space().check(&params)?;
        let operations = self.param_operations(trial, &params)?;
        // Nobody else holds it: the study goes on with the same list.
        drop(history);
        self.journal().transact(|replay| -> Result<_, TuneError> {
            self.running(replay, number)?;
            let study = self.record(replay)?;
            self.inner.options.check(study)?;
            Ok(((), operations))
        })?;
        Ok(params)
    }

    /// What is to be noted of a trial's parameters: those that it has not yet.
    fn param_operations(&self, trial: &Arc<Trial>, params: &Params) -> Result<Vec<Operation>, TuneError> {
        let missing = params.iter().filter(|(name, value)| trial.params.get(*name) != Some(*value));
        let operation = |(name, value): (&String, &Value)| {
            let distribution = &self.space().get(name)?.distribution;
            let internal = distribution.to_internal(value)?;
            let (name, distribution) = (name.clone(), Arc::clone(distribution));
            Some(Operation::TrialParam { trial: trial.id, name, internal, distribution })
        };
        let wrong =
            |name: &String| SpaceError::Parameter { name: name.clone(), problem: "has no such value".into() };
        missing.map(|pair| operation(pair).ok_or_else(|| wrong(pair.0).into())).collect()
    }

    fn peers(&self, number: u64, history: History) -> History {
        self.inner.options.pruner.peers(self.name(), number, history)
    }

    fn request<'a>(&'a self, number: u64, history: &'a History, fixed: &'a Params) -> Request<'a> {
        Request { space: self.space(), directions: self.directions(), history, number, fixed }
    }
}
