//! What samplers and pruners see of a study.

use crate::{Trial, TrialState};
use std::sync::Arc;

/// The trials of a study at one moment, by number. Cheap to clone: trials are shared.
#[derive(Clone, Debug, Default)]
pub struct History {
    trials: Vec<Arc<Trial>>,
}

impl History {
    /// Of these trials.
    pub fn new(trials: Vec<Arc<Trial>>) -> Self {
        History { trials }
    }

    /// All trials, by number.
    pub fn all(&self) -> &[Arc<Trial>] {
        &self.trials
    }

    /// Trials in one state.
    pub fn in_state(&self, state: TrialState) -> impl Iterator<Item = &Arc<Trial>> {
        self.trials.iter().filter(move |trial| trial.state == state)
    }

    /// Trials that are being worked at: their parameters are known, their objectives are not yet.
    pub fn pending(&self) -> impl Iterator<Item = &Arc<Trial>> {
        self.in_state(TrialState::Running)
    }

    /// How many are finished, in whatever way.
    pub fn finished(&self) -> usize {
        self.trials.iter().filter(|trial| trial.state.is_finished()).count()
    }
}
