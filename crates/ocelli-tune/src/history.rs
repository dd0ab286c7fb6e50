//! What samplers and pruners see of a study.

use crate::{Trial, TrialState};
use std::sync::Arc;

/// The trials of a study at one moment, by number. Cheap to clone: the list is shared, and copied where a study that somebody holds a history of
/// goes on.
#[derive(Clone, Debug, Default)]
pub struct History {
    trials: Arc<Vec<Arc<Trial>>>,
}

impl History {
    /// Of these trials.
    pub fn new(trials: Vec<Arc<Trial>>) -> Self {
        History { trials: Arc::new(trials) }
    }

    /// Of the trials of a study's record.
    pub(crate) fn shared(trials: &Arc<Vec<Arc<Trial>>>) -> Self {
        History { trials: Arc::clone(trials) }
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
