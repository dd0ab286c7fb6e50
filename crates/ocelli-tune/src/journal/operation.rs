//! An operation on a study or a trial: what one line of a journal says.

use crate::{Direction, Distribution, Params, TrialState};
use chrono::{DateTime, Utc};
use indexmap::IndexMap;
use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Something noted with a study or a trial.
pub(crate) type Attrs = BTreeMap<String, Json>;

/// An operation, with the fields and the meaning of Optuna's `JournalOperation`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Operation {
    CreateStudy {
        name: String,
        directions: Vec<Direction>,
    },
    DeleteStudy {
        study: u64,
    },
    StudyUserAttr {
        study: u64,
        attrs: Attrs,
    },
    StudySystemAttr {
        study: u64,
        attrs: Attrs,
    },
    CreateTrial {
        study: u64,
        trial: Box<Template>,
    },
    TrialParam {
        trial: u64,
        name: String,
        internal: f64,
        distribution: Arc<Distribution>,
    },
    TrialState {
        trial: u64,
        state: TrialState,
        values: Option<Vec<f64>>,
        time: Option<DateTime<Utc>>,
    },
    TrialIntermediate {
        trial: u64,
        step: i64,
        value: f64,
    },
    TrialUserAttr {
        trial: u64,
        attrs: Attrs,
    },
    TrialSystemAttr {
        trial: u64,
        attrs: Attrs,
    },
    /// Rustuna's: trials that it need not keep in memory. Optuna reads over it, and so does Ocelli.
    Discard,
}

/// A trial as it is created. Most are running and empty.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Template {
    pub(crate) state: TrialState,
    pub(crate) values: Option<Vec<f64>>,
    pub(crate) params: Params,
    pub(crate) distributions: IndexMap<String, Arc<Distribution>>,
    pub(crate) intermediate_values: BTreeMap<i64, f64>,
    pub(crate) user_attrs: Attrs,
    pub(crate) system_attrs: Attrs,
    pub(crate) start: Option<DateTime<Utc>>,
    pub(crate) complete: Option<DateTime<Utc>>,
}

impl Template {
    /// A trial without anything yet.
    pub(crate) fn empty(state: TrialState, start: Option<DateTime<Utc>>) -> Self {
        Template {
            state,
            values: None,
            params: Params::new(),
            distributions: IndexMap::new(),
            intermediate_values: BTreeMap::new(),
            user_attrs: Attrs::new(),
            system_attrs: Attrs::new(),
            start,
            complete: None,
        }
    }
}

impl Operation {
    /// Whether it has to survive that the machine loses its power. What a trial does until it has a result need not: without the result,
    /// it is as good as not begun. And what does survive takes all lines before it along.
    pub(super) fn must_last(&self) -> bool {
        match self {
            Operation::CreateTrial { trial, .. } => trial.state != TrialState::Running,
            Operation::TrialState { state, .. } => state.is_finished(),
            Operation::TrialParam { .. }
            | Operation::TrialIntermediate { .. }
            | Operation::TrialUserAttr { .. }
            | Operation::TrialSystemAttr { .. } => false,
            _ => true,
        }
    }
}
