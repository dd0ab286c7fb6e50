//! What the lines of a journal amount to. The same rules as Optuna's `JournalStorageReplayResult`: who reads the same lines has the
//! same trials, in whatever program.

use super::operation::{Attrs, Operation, Template};
use crate::{Direction, Distribution, Trial, TrialState};
use chrono::{DateTime, Utc};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// Where Optuna notes what objectives are called.
pub(crate) const METRIC_NAMES: &str = "study:metric_names";

/// A study as it stands in a journal.
#[derive(Clone, Debug)]
pub struct StudyRecord {
    /// Its name.
    pub name: String,
    /// Which way each objective gets better.
    pub directions: Vec<Direction>,
    /// What users noted with it.
    pub user_attrs: Attrs,
    /// What samplers noted with it.
    pub system_attrs: Attrs,
    /// Its trials, by number; shared with the histories that were taken of them.
    pub trials: Arc<Vec<Arc<Trial>>>,
    /// What each parameter was first drawn from: later ones must be compatible with it.
    distributions: HashMap<String, Arc<Distribution>>,
}

impl StudyRecord {
    /// What its objectives are called, one for each direction: Optuna's `study.metric_names`. `None` where nobody named them.
    pub fn metric_names(&self) -> Option<Vec<String>> {
        let names = self.system_attrs.get(METRIC_NAMES)?.as_array()?;
        let names: Option<Vec<String>> = names.iter().map(|name| Some(name.as_str()?.to_owned())).collect();
        names.filter(|names| names.len() == self.directions.len())
    }

    /// What a parameter was first drawn from, if a trial has it.
    pub(crate) fn distribution(&self, name: &str) -> Option<&Arc<Distribution>> {
        self.distributions.get(name)
    }
}

/// Why an operation has no effect. Those of other workers are read over; one's own are errors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rejected {
    NoStudy,
    StudyExists,
    NoTrial,
    Finished(TrialState),
    AlreadyRunning,
    Incompatible,
}

/// All studies and trials of a journal.
#[derive(Debug, Default)]
pub(crate) struct Replay {
    studies: BTreeMap<u64, StudyRecord>,
    next_study: u64,
    /// Each trial's study and number, by its id. Those of deleted studies keep their ids.
    places: Vec<(u64, usize)>,
}

impl Replay {
    pub(crate) fn studies(&self) -> impl Iterator<Item = (u64, &StudyRecord)> {
        self.studies.iter().map(|(id, study)| (*id, study))
    }

    pub(crate) fn study(&self, id: u64) -> Option<&StudyRecord> {
        self.studies.get(&id)
    }

    pub(crate) fn named(&self, name: &str) -> Option<(u64, &StudyRecord)> {
        self.studies().find(|(_, study)| study.name == name)
    }

    pub(crate) fn trial(&self, id: u64) -> Option<&Arc<Trial>> {
        let (study, number) = *self.places.get(usize::try_from(id).ok()?)?;
        self.studies.get(&study)?.trials.get(number)
    }

    /// The id that the next study gets.
    pub(crate) fn next_study(&self) -> u64 {
        self.next_study
    }

    /// The id that the next trial gets.
    pub(crate) fn next_trial(&self) -> u64 {
        self.places.len() as u64
    }

    /// Takes an operation up.
    pub(crate) fn apply(&mut self, operation: Operation) -> Result<(), Rejected> {
        match operation {
            Operation::CreateStudy { name, directions } => self.create_study(name, directions)?,
            Operation::DeleteStudy { study } => {
                self.studies.remove(&study).ok_or(Rejected::NoStudy)?;
            }
            Operation::StudyUserAttr { study, attrs } => self.study_mut(study)?.user_attrs.extend(attrs),
            Operation::StudySystemAttr { study, attrs } => self.study_mut(study)?.system_attrs.extend(attrs),
            Operation::CreateTrial { study, trial } => self.create_trial(study, *trial)?,
            Operation::TrialParam { trial, name, internal, distribution } => {
                self.set_param(trial, name, internal, distribution)?;
            }
            Operation::TrialState { trial, state, values, time } => {
                self.set_state(trial, state, values, time)?
            }
            Operation::TrialIntermediate { trial, step, value } => {
                self.trial_mut(trial)?.intermediate_values.insert(step, value);
            }
            Operation::TrialUserAttr { trial, attrs } => self.trial_mut(trial)?.user_attrs.extend(attrs),
            Operation::TrialSystemAttr { trial, attrs } => self.trial_mut(trial)?.system_attrs.extend(attrs),
            Operation::Discard => {}
        }
        Ok(())
    }

    fn create_study(&mut self, name: String, directions: Vec<Direction>) -> Result<(), Rejected> {
        if self.named(&name).is_some() {
            return Err(Rejected::StudyExists);
        }
        let study = StudyRecord {
            name,
            directions,
            user_attrs: Attrs::new(),
            system_attrs: Attrs::new(),
            trials: Arc::default(),
            distributions: HashMap::new(),
        };
        self.studies.insert(self.next_study, study);
        self.next_study += 1;
        Ok(())
    }

    fn create_trial(&mut self, study_id: u64, template: Template) -> Result<(), Rejected> {
        let id = self.next_trial();
        let study = self.study_mut(study_id)?;
        let number = study.trials.len();
        for (name, distribution) in &template.distributions {
            study.distributions.entry(name.clone()).or_insert_with(|| Arc::clone(distribution));
        }
        Arc::make_mut(&mut study.trials).push(Arc::new(Trial {
            number: number as u64,
            id,
            state: template.state,
            values: template.values,
            params: template.params,
            distributions: template.distributions,
            intermediate_values: template.intermediate_values,
            user_attrs: template.user_attrs,
            system_attrs: template.system_attrs,
            datetime_start: template.start,
            datetime_complete: template.complete,
        }));
        self.places.push((study_id, number));
        Ok(())
    }

    fn set_param(
        &mut self,
        trial: u64,
        name: String,
        internal: f64,
        distribution: Arc<Distribution>,
    ) -> Result<(), Rejected> {
        self.trial_mut(trial)?;
        let (study, _) = self.places[trial as usize];
        let study = self.study_mut(study)?;
        let first = study.distributions.entry(name.clone()).or_insert_with(|| Arc::clone(&distribution));
        if !first.is_compatible(&distribution) {
            return Err(Rejected::Incompatible);
        }
        let value = distribution.to_external(internal).ok_or(Rejected::Incompatible)?;
        let trial = self.trial_mut(trial)?;
        trial.params.insert(name.clone(), value);
        trial.distributions.insert(name, distribution);
        Ok(())
    }

    fn set_state(
        &mut self,
        trial: u64,
        state: TrialState,
        values: Option<Vec<f64>>,
        time: Option<DateTime<Utc>>,
    ) -> Result<(), Rejected> {
        let trial = self.trial_mut(trial)?;
        if state == TrialState::Running && trial.state == TrialState::Running {
            return Err(Rejected::AlreadyRunning);
        }
        trial.state = state;
        if state == TrialState::Running {
            trial.datetime_start = time;
        }
        if state.is_finished() {
            trial.datetime_complete = time;
        }
        if values.is_some() {
            trial.values = values;
        }
        Ok(())
    }

    fn study_mut(&mut self, id: u64) -> Result<&mut StudyRecord, Rejected> {
        self.studies.get_mut(&id).ok_or(Rejected::NoStudy)
    }

    /// A trial that may still change. Who holds it as part of a history keeps it as it was.
    fn trial_mut(&mut self, id: u64) -> Result<&mut Trial, Rejected> {
        let place = usize::try_from(id).ok().and_then(|id| self.places.get(id));
        let (study, number) = *place.ok_or(Rejected::NoTrial)?;
        let trials = &mut self.study_mut(study)?.trials;
        let trial = Arc::make_mut(trials).get_mut(number).ok_or(Rejected::NoTrial)?;
        if trial.state.is_finished() {
            return Err(Rejected::Finished(trial.state));
        }
        Ok(Arc::make_mut(trial))
    }
}
