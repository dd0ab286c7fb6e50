//! What a server answers, as MLflow's REST interface writes it (<https://mlflow.org/docs/latest/api_reference/rest-api.html>). Its numbers of
//! 64 bits come as numbers or as text.

use crate::entity::{
    Dataset, DatasetInput, Experiment, Lifecycle, Metric, ModelVersion, RegisteredModel, Run, RunStatus,
};
use crate::tags;
use serde::{Deserialize, Deserializer};
use std::collections::BTreeMap;

#[derive(Deserialize)]
pub(super) struct ExperimentWire {
    pub(super) experiment_id: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    artifact_location: String,
    #[serde(default)]
    lifecycle_stage: String,
    #[serde(default, deserialize_with = "integer")]
    creation_time: Option<i64>,
    #[serde(default, deserialize_with = "integer")]
    last_update_time: Option<i64>,
    #[serde(default)]
    tags: Vec<Pair>,
}

#[derive(Deserialize)]
pub(super) struct Pair {
    key: String,
    #[serde(default)]
    value: String,
}

#[derive(Deserialize)]
pub(super) struct RunWire {
    pub(super) info: InfoWire,
    #[serde(default)]
    data: DataWire,
    #[serde(default)]
    inputs: InputsWire,
}

#[derive(Deserialize)]
pub(super) struct InfoWire {
    pub(super) run_id: String,
    #[serde(default)]
    run_name: String,
    #[serde(default)]
    pub(super) experiment_id: String,
    #[serde(default)]
    user_id: String,
    #[serde(default)]
    status: String,
    #[serde(default, deserialize_with = "integer")]
    pub(super) start_time: Option<i64>,
    #[serde(default, deserialize_with = "integer")]
    end_time: Option<i64>,
    #[serde(default)]
    pub(super) artifact_uri: String,
    #[serde(default)]
    lifecycle_stage: String,
}

#[derive(Default, Deserialize)]
struct DataWire {
    #[serde(default)]
    metrics: Vec<MetricWire>,
    #[serde(default)]
    params: Vec<Pair>,
    #[serde(default)]
    tags: Vec<Pair>,
}

#[derive(Deserialize)]
pub(super) struct MetricWire {
    key: String,
    #[serde(default, deserialize_with = "crate::entity::number::deserialize")]
    value: f64,
    #[serde(default, deserialize_with = "integer")]
    timestamp: Option<i64>,
    #[serde(default, deserialize_with = "integer")]
    step: Option<i64>,
}

#[derive(Default, Deserialize)]
struct InputsWire {
    #[serde(default)]
    dataset_inputs: Vec<InputWire>,
}

#[derive(Deserialize)]
struct InputWire {
    #[serde(default)]
    tags: Vec<Pair>,
    dataset: Dataset,
}

#[derive(Deserialize)]
pub(super) struct ModelWire {
    name: String,
    #[serde(default)]
    description: Option<String>,
    #[serde(default, deserialize_with = "integer")]
    creation_timestamp: Option<i64>,
    #[serde(default, deserialize_with = "integer")]
    last_updated_timestamp: Option<i64>,
    #[serde(default)]
    tags: Vec<Pair>,
    #[serde(default)]
    aliases: Vec<AliasWire>,
}

#[derive(Deserialize)]
struct AliasWire {
    alias: String,
    #[serde(deserialize_with = "integer")]
    version: Option<i64>,
}

#[derive(Deserialize)]
pub(super) struct VersionWire {
    name: String,
    #[serde(deserialize_with = "integer")]
    version: Option<i64>,
    #[serde(default)]
    source: String,
    #[serde(default)]
    run_id: Option<String>,
    #[serde(default)]
    description: Option<String>,
    #[serde(default, deserialize_with = "integer")]
    creation_timestamp: Option<i64>,
    #[serde(default)]
    tags: Vec<Pair>,
    #[serde(default)]
    aliases: Vec<String>,
}

/// A whole number, written as such or as text.
pub(super) fn integer<'d, D: Deserializer<'d>>(deserializer: D) -> Result<Option<i64>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Either {
        Number(i64),
        Text(String),
    }
    match Option::<Either>::deserialize(deserializer)? {
        None => Ok(None),
        Some(Either::Number(value)) => Ok(Some(value)),
        Some(Either::Text(text)) => text.parse().map(Some).map_err(serde::de::Error::custom),
    }
}

fn map(pairs: Vec<Pair>) -> BTreeMap<String, String> {
    pairs.into_iter().map(|pair| (pair.key, pair.value)).collect()
}

/// Nothing is often written as an empty text.
fn some(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.is_empty())
}

impl From<ExperimentWire> for Experiment {
    fn from(wire: ExperimentWire) -> Self {
        Experiment {
            id: wire.experiment_id,
            name: wire.name,
            artifact_location: wire.artifact_location,
            lifecycle: Lifecycle::read(&wire.lifecycle_stage),
            created: wire.creation_time,
            updated: wire.last_update_time,
            tags: map(wire.tags),
        }
    }
}

impl From<RunWire> for Run {
    fn from(wire: RunWire) -> Self {
        let info = wire.info;
        let tags = map(wire.data.tags);
        let name = if info.run_name.is_empty() { tags.get(tags::RUN_NAME).cloned() } else { None };
        Run {
            id: info.run_id,
            name: name.unwrap_or(info.run_name),
            experiment_id: info.experiment_id,
            user: info.user_id,
            status: RunStatus::read(&info.status),
            start_time: info.start_time,
            end_time: info.end_time.filter(|time| *time != 0),
            artifact_uri: info.artifact_uri,
            lifecycle: Lifecycle::read(&info.lifecycle_stage),
            params: map(wire.data.params),
            metrics: wire.data.metrics.into_iter().map(Metric::from).map(|it| (it.key.clone(), it)).collect(),
            tags,
            inputs: wire.inputs.dataset_inputs.into_iter().map(DatasetInput::from).collect(),
        }
    }
}

impl From<MetricWire> for Metric {
    fn from(wire: MetricWire) -> Self {
        Metric {
            key: wire.key,
            value: wire.value,
            step: wire.step.unwrap_or_default(),
            timestamp: wire.timestamp.unwrap_or_default(),
        }
    }
}

impl From<InputWire> for DatasetInput {
    fn from(wire: InputWire) -> Self {
        let mut dataset = wire.dataset;
        dataset.schema = some(dataset.schema);
        dataset.profile = some(dataset.profile);
        DatasetInput { dataset, context: map(wire.tags).remove(tags::DATASET_CONTEXT) }
    }
}

impl From<ModelWire> for RegisteredModel {
    fn from(wire: ModelWire) -> Self {
        let version = |alias: &AliasWire| u32::try_from(alias.version?).ok();
        RegisteredModel {
            name: wire.name,
            description: some(wire.description),
            created: wire.creation_timestamp,
            updated: wire.last_updated_timestamp,
            tags: map(wire.tags),
            aliases: wire
                .aliases
                .into_iter()
                .filter_map(|it| Some((it.alias.clone(), version(&it)?)))
                .collect(),
        }
    }
}

impl From<VersionWire> for ModelVersion {
    fn from(wire: VersionWire) -> Self {
        ModelVersion {
            name: wire.name,
            version: wire.version.and_then(|version| u32::try_from(version).ok()).unwrap_or_default(),
            source: wire.source,
            run_id: some(wire.run_id),
            description: some(wire.description),
            created: wire.creation_timestamp,
            tags: map(wire.tags),
            aliases: wire.aliases,
        }
    }
}
