//! What a tracking store holds.

use crate::error::TrackError;
use crate::ids;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// An experiment: a named set of runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Experiment {
    /// The store's number of it, as text.
    pub id: String,
    /// Its name, which no other experiment of the store has.
    pub name: String,
    /// Where its runs' artifacts lie, as a URI.
    pub artifact_location: String,
    /// Whether it is deleted.
    pub lifecycle: Lifecycle,
    /// When it was made: milliseconds since 1970.
    pub created: Option<i64>,
    /// When it, not its runs, was last changed: milliseconds since 1970.
    pub updated: Option<i64>,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
}

/// A run as the store has it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Run {
    /// 32 hexadecimal digits.
    pub id: String,
    /// Its name; runs may share one.
    pub name: String,
    /// The experiment it is in.
    pub experiment_id: String,
    /// Who started it; may be empty.
    pub user: String,
    /// How it stands.
    pub status: RunStatus,
    /// When it began: milliseconds since 1970.
    pub start_time: Option<i64>,
    /// When it ended: milliseconds since 1970; none while it runs.
    pub end_time: Option<i64>,
    /// Where its artifacts lie, as a URI.
    pub artifact_uri: String,
    /// Whether it is deleted.
    pub lifecycle: Lifecycle,
    /// Parameters by name.
    pub params: BTreeMap<String, String>,
    /// The latest value of each metric by name: that of the greatest step, then the greatest timestamp, then the greatest value.
    pub metrics: BTreeMap<String, Metric>,
    /// Tags by name.
    pub tags: BTreeMap<String, String>,
    /// The data sets it used.
    pub inputs: Vec<DatasetInput>,
}

/// A value of a metric.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Metric {
    /// Its name: at most 250 characters of those that MLflow allows (letters, digits, `_`, `-`, `.`, ` `, `:`, `/`).
    pub key: String,
    /// Its value. NaN is kept as NaN, an infinity as the greatest finite value of its sign, as MLflow has it in SQL.
    #[serde(with = "crate::entity::number")]
    pub value: f64,
    /// The step it belongs to.
    pub step: i64,
    /// When it was measured: milliseconds since 1970.
    pub timestamp: i64,
}

/// How a run stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum RunStatus {
    /// It runs, or its process was killed and could not say so.
    Running,
    /// It waits for a place to run.
    Scheduled,
    /// It came to its end.
    Finished,
    /// It ended by an error.
    Failed,
    /// Somebody stopped it.
    Killed,
}

/// Whether something is deleted. What is deleted stays in the store until `mlflow gc` removes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Lifecycle {
    /// It is there.
    Active,
    /// It is deleted, and can be restored.
    Deleted,
}

/// Which runs or experiments are wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ViewType {
    /// Those that are not deleted.
    #[default]
    ActiveOnly,
    /// Those that are deleted.
    DeletedOnly,
    /// All.
    All,
}

/// A data set that a run used, and what for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DatasetInput {
    /// The data set.
    pub dataset: Dataset,
    /// What for: `training`, `validation`, `test`; at most 500 characters. None: not said.
    pub context: Option<String>,
}

/// A data set: <https://mlflow.org/docs/latest/ml/dataset/>.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dataset {
    /// Its name, at most 500 characters.
    pub name: String,
    /// What tells it from other data of this name, at most 36 characters (MLflow's own are 8).
    pub digest: String,
    /// How [`source`](Self::source) is to be read, such as `local` or `http`.
    pub source_type: String,
    /// Where it is from, as MLflow has it: JSON, for `local` `{"uri": "…"}`.
    pub source: String,
    /// Its columns or shape as JSON, at most 65,535 characters.
    pub schema: Option<String>,
    /// Figures about it as JSON, such as `{"num_rows": 60000}`.
    pub profile: Option<String>,
}

/// A model for [`crate::ActiveRun::log_model`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogModel {
    /// The model's name, which is also the folder among the run's artifacts: `model` unless a run logs several.
    pub name: String,
    /// The folder with the file `MLmodel` and all that it names.
    pub folder: PathBuf,
    /// The step of the training that the model is of.
    pub step: Option<i64>,
    /// Parameters of the model, shown with it by MLflow 3; none with stores of MLflow 2.
    pub params: BTreeMap<String, String>,
    /// Registers the model under this name as well.
    pub register_as: Option<String>,
}

/// What names a run before a server has given it an id, and afterwards.
///
/// As text it is a run's id, or `key:` and 32 hexadecimal digits, and reads back as it was written: a checkpoint can hold it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum RunKey {
    /// The run's id in the store.
    Id(String),
    /// The key of a run that was begun towards a server: the value of its tag [`crate::tags::RUN_KEY`].
    Key(String),
}

/// A file or folder among a run's artifacts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ArtifactFile {
    /// The path from the run's artifacts, with `/`.
    pub path: String,
    /// Whether it is a folder.
    pub is_folder: bool,
    /// Length in bytes, of files where the store says it.
    pub size: Option<u64>,
}

/// A registered model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RegisteredModel {
    /// Its name.
    pub name: String,
    /// What it is, in Markdown.
    pub description: Option<String>,
    /// When it was made: milliseconds since 1970.
    pub created: Option<i64>,
    /// When it was last changed: milliseconds since 1970.
    pub updated: Option<i64>,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// Versions by alias.
    pub aliases: BTreeMap<String, u32>,
}

/// A version of a registered model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ModelVersion {
    /// The name of the registered model.
    pub name: String,
    /// Its number, from 1.
    pub version: u32,
    /// Where its files are, as a URI.
    pub source: String,
    /// The run that logged it.
    pub run_id: Option<String>,
    /// What it is, in Markdown.
    pub description: Option<String>,
    /// When it was made: milliseconds since 1970.
    pub created: Option<i64>,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// Aliases that point at it.
    pub aliases: Vec<String>,
}

/// Some of the results of a search.
#[derive(Clone, Debug, PartialEq)]
pub struct Page<T> {
    /// The results, in order.
    pub items: Vec<T>,
    /// What to put into [`crate::SearchRuns::page_token`] for those that follow; none on the last page.
    pub next: Option<String>,
}

impl RunStatus {
    /// As MLflow writes it: `RUNNING`, `SCHEDULED`, `FINISHED`, `FAILED` or `KILLED`.
    pub fn as_str(self) -> &'static str {
        match self {
            RunStatus::Running => "RUNNING",
            RunStatus::Scheduled => "SCHEDULED",
            RunStatus::Finished => "FINISHED",
            RunStatus::Failed => "FAILED",
            RunStatus::Killed => "KILLED",
        }
    }

    /// What a store says; what it should not say counts as running.
    pub(crate) fn read(text: &str) -> Self {
        [RunStatus::Scheduled, RunStatus::Finished, RunStatus::Failed, RunStatus::Killed]
            .into_iter()
            .find(|status| status.as_str() == text)
            .unwrap_or(RunStatus::Running)
    }

    /// Whether a run with it is over.
    pub fn is_over(self) -> bool {
        !matches!(self, RunStatus::Running | RunStatus::Scheduled)
    }
}

impl fmt::Display for RunStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl Lifecycle {
    /// As MLflow writes it: `active` or `deleted`.
    pub fn as_str(self) -> &'static str {
        match self {
            Lifecycle::Active => "active",
            Lifecycle::Deleted => "deleted",
        }
    }

    pub(crate) fn read(text: &str) -> Self {
        if text == "deleted" { Lifecycle::Deleted } else { Lifecycle::Active }
    }
}

impl ViewType {
    /// Whether it takes in what has this stage.
    pub fn includes(self, lifecycle: Lifecycle) -> bool {
        match self {
            ViewType::ActiveOnly => lifecycle == Lifecycle::Active,
            ViewType::DeletedOnly => lifecycle == Lifecycle::Deleted,
            ViewType::All => true,
        }
    }
}

impl fmt::Display for RunKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RunKey::Id(id) => f.write_str(id),
            RunKey::Key(key) => write!(f, "key:{key}"),
        }
    }
}

impl FromStr for RunKey {
    type Err = TrackError;

    fn from_str(text: &str) -> Result<Self, TrackError> {
        let (text, key) = match text.strip_prefix("key:") {
            Some(rest) => (rest, true),
            None => (text, false),
        };
        if !ids::is_id(text) {
            return Err(TrackError::Invalid(format!(
                "{text} is neither a run's id (32 hexadecimal digits) nor its key (`key:` and as many)"
            )));
        }
        Ok(if key { RunKey::Key(text.to_owned()) } else { RunKey::Id(text.to_owned()) })
    }
}

impl TryFrom<String> for RunKey {
    type Error = TrackError;

    fn try_from(text: String) -> Result<Self, TrackError> {
        text.parse()
    }
}

impl From<RunKey> for String {
    fn from(key: RunKey) -> Self {
        key.to_string()
    }
}

/// Values in JSON: what is not finite is a word, as in Protocol Buffers' JSON, which MLflow's servers read and write.
pub(crate) mod number {
    use serde::{Deserialize, Deserializer, Serializer};

    pub(crate) fn serialize<S: Serializer>(value: &f64, serializer: S) -> Result<S::Ok, S::Error> {
        if value.is_nan() {
            serializer.serialize_str("NaN")
        } else if value.is_infinite() {
            serializer.serialize_str(if *value > 0.0 { "Infinity" } else { "-Infinity" })
        } else {
            serializer.serialize_f64(*value)
        }
    }

    pub(crate) fn deserialize<'d, D: Deserializer<'d>>(deserializer: D) -> Result<f64, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Either {
            Number(f64),
            Text(String),
        }
        match Either::deserialize(deserializer)? {
            Either::Number(value) => Ok(value),
            Either::Text(text) => text.parse().map_err(serde::de::Error::custom),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_read_back_as_they_were_written() {
        let digits = "0123456789abcdef0123456789abcdef";
        for key in [RunKey::Id(digits.into()), RunKey::Key(digits.into())] {
            assert_eq!(key.to_string().parse::<RunKey>().unwrap(), key);
            let json = serde_json::to_string(&key).unwrap();
            assert_eq!(serde_json::from_str::<RunKey>(&json).unwrap(), key);
        }
        for wrong in ["", "key:", "../../etc", "0123456789ABCDEF0123456789ABCDEG"] {
            assert!(wrong.parse::<RunKey>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn values_that_are_not_finite_pass_through_json() {
        for value in [0.1, f64::NAN, f64::INFINITY, f64::NEG_INFINITY, f64::MAX, -0.0] {
            let metric = Metric { key: "m".into(), value, step: 0, timestamp: 1 };
            let read: Metric = serde_json::from_str(&serde_json::to_string(&metric).unwrap()).unwrap();
            assert_eq!(read.value.to_bits(), value.to_bits());
        }
    }
}
