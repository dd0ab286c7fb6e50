//! What is logged to a run.

use crate::entity::{DatasetInput, Metric, RunStatus};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What is logged to a run; a line of a journal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Event {
    Param {
        key: String,
        value: String,
    },
    Metric(Metric),
    Tag {
        key: String,
        value: String,
    },
    Dataset(DatasetInput),
    /// A file that lies in the journal's folder under this number.
    Artifact {
        file: u64,
        path: String,
    },
    Model(ModelEvent),
    /// The run goes on after it had ended, or after its process had.
    Resume,
    End {
        status: RunStatus,
        time: i64,
    },
    /// Nothing more is logged, and the run stays as it is.
    Leave,
}

impl Event {
    /// Whether it says that nothing more is logged.
    pub(crate) fn is_last(&self) -> bool {
        matches!(self, Event::End { .. } | Event::Leave)
    }
}

/// A model that was logged.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct ModelEvent {
    /// By which it is found again if the server's answer was lost.
    pub(crate) key: String,
    pub(crate) name: String,
    pub(crate) step: Option<i64>,
    pub(crate) params: BTreeMap<String, String>,
    pub(crate) register_as: Option<String>,
    /// Its files: number in the journal's folder, and path from the model's folder. None with SQLite, where they are in place already.
    pub(crate) files: Vec<(u64, String)>,
    /// What of its `MLmodel` the run's tag says.
    pub(crate) summary: serde_json::Value,
}
