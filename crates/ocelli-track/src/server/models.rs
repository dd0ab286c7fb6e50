//! Models on a server: as MLflow 3's logged models where it has them, and otherwise among the run's artifacts.

use super::wire::integer;
use super::{Nothing, Send, Server, pairs, refused_with};
use crate::entity::{ArtifactFile, Run};
use crate::error::TrackError;
use crate::event::ModelEvent;
use crate::outputs;
use serde::Deserialize;
use serde_json::json;
use std::collections::BTreeMap;
use std::path::Path;

/// The tag of a logged model, and of a version of a registered one, by which it is found again: [`ModelEvent::key`].
const KEY: &str = "ocelli.model_key";

#[derive(Deserialize)]
struct OneModel {
    model: LoggedModel,
}

#[derive(Deserialize)]
struct Models {
    #[serde(default)]
    models: Vec<LoggedModel>,
}

#[derive(Deserialize)]
struct LoggedModel {
    info: LoggedModelInfo,
}

#[derive(Deserialize)]
struct LoggedModelInfo {
    model_id: String,
    artifact_uri: String,
    #[serde(default)]
    name: String,
    #[serde(default, deserialize_with = "integer")]
    creation_timestamp_ms: Option<i64>,
    #[serde(default)]
    status: serde_json::Value,
}

#[derive(Deserialize)]
struct OneRun {
    run: RunOutputs,
}

#[derive(Deserialize)]
struct RunOutputs {
    #[serde(default)]
    outputs: Outputs,
}

#[derive(Default, Deserialize)]
struct Outputs {
    #[serde(default)]
    model_outputs: Vec<Output>,
}

#[derive(Deserialize)]
struct Output {
    model_id: String,
}

impl Server {
    /// Logs a model whose files lie in `folder` under their numbers. May be asked again after any failure.
    pub(crate) fn log_model(&self, run: &Run, model: &ModelEvent, folder: &Path) -> Result<(), TrackError> {
        let source = if self.has_logged_models()? {
            let logged = self.logged_model(run, model)?;
            self.upload_all(&logged.info.artifact_uri, "", model, folder)?;
            self.finish(run, model, &logged)?;
            format!("models:/{}", logged.info.model_id)
        } else {
            self.upload_all(&run.artifact_uri, &model.name, model, folder)?;
            self.record(run, model)?;
            format!("{}/{}", run.artifact_uri, model.name)
        };
        match &model.register_as {
            Some(name) => self.register(name, &source, &run.id, &model.key),
            None => Ok(()),
        }
    }

    /// Whether the server is MLflow 3 or later.
    fn has_logged_models(&self) -> Result<bool, TrackError> {
        let version = self.http.text(&["version"])?;
        let major = version.split('.').next().and_then(|major| major.trim().parse::<u32>().ok());
        Ok(major.is_some_and(|major| major >= 3))
    }

    fn upload_all(
        &self,
        uri: &str,
        prefix: &str,
        model: &ModelEvent,
        folder: &Path,
    ) -> Result<(), TrackError> {
        for (number, path) in &model.files {
            let path = if prefix.is_empty() { path.clone() } else { format!("{prefix}/{path}") };
            self.upload(uri, &path, &folder.join(number.to_string()))?;
        }
        Ok(())
    }

    /// The logged model of an earlier attempt, or a new one.
    fn logged_model(&self, run: &Run, model: &ModelEvent) -> Result<LoggedModel, TrackError> {
        let found: Models = self.post(
            &["logged-models", "search"],
            &json!({
                "experiment_ids": [run.experiment_id],
                "filter": format!("tags.`{KEY}` = '{}'", model.key),
                "max_results": 1,
            }),
        )?;
        if let Some(found) = found.models.into_iter().next() {
            return Ok(found);
        }
        let made: OneModel = self.post(
            &["logged-models"],
            &json!({
                "experiment_id": run.experiment_id,
                "name": model.name,
                "source_run_id": run.id,
                "params": pairs(&model.params),
                "tags": [{ "key": KEY, "value": model.key }],
            }),
        )?;
        Ok(made.model)
    }

    /// Says that the model is whole, and that the run made it.
    fn finish(&self, run: &Run, model: &ModelEvent, logged: &LoggedModel) -> Result<(), TrackError> {
        let id = &logged.info.model_id;
        // A model that is ready already takes no other status.
        if logged.info.status != "LOGGED_MODEL_READY" {
            self.http.call::<Nothing>(
                "PATCH",
                &[&super::API, &["logged-models", id][..]].concat(),
                &[],
                Send::Json(&json!({ "model_id": id, "status": "LOGGED_MODEL_READY" })),
            )?;
        }
        // The link cannot be made twice.
        if self.output_ids(&run.id)?.contains(id) {
            return Ok(());
        }
        let step = model.step.unwrap_or_default();
        let body = json!({ "run_id": run.id, "models": [{ "model_id": id, "step": step }] });
        self.post::<Nothing>(&["runs", "outputs"], &body).map(drop)
    }

    /// The ids of a run's logged models; before MLflow 3 there are none.
    fn output_ids(&self, run: &str) -> Result<Vec<String>, TrackError> {
        let found: OneRun = self.named(self.get(&["runs", "get"], &[("run_id", run)]), "run", run)?;
        Ok(found.run.outputs.model_outputs.into_iter().map(|output| output.model_id).collect())
    }

    /// The logged models of a run, in the order in which they were logged.
    pub(crate) fn outputs(&self, run: &str) -> Result<Vec<outputs::Output>, TrackError> {
        let mut models = Vec::new();
        for id in self.output_ids(run)? {
            match self.get::<OneModel>(&["logged-models", &id], &[]) {
                Ok(found) => models.push(found.model.info),
                // It is deleted.
                Err(error) if refused_with(&error, "RESOURCE_DOES_NOT_EXIST") => {}
                Err(error) => return Err(error),
            }
        }
        models.sort_by_key(|model| model.creation_timestamp_ms);
        let output = |model: LoggedModelInfo| outputs::Output {
            id: model.model_id,
            name: model.name,
            artifact_uri: model.artifact_uri,
        };
        Ok(models.into_iter().map(output).collect())
    }

    /// What lies in a folder of a logged model's files.
    pub(crate) fn list_model(&self, id: &str, folder: &str) -> Result<Vec<ArtifactFile>, TrackError> {
        let query = [("artifact_directory_path", folder)];
        let query = if folder.is_empty() { &[][..] } else { &query[..] };
        self.listed(&["logged-models", id, "artifacts", "directories"], query)
    }

    /// Adds the model to the run's list of models.
    fn record(&self, run: &Run, model: &ModelEvent) -> Result<(), TrackError> {
        let current = self.get_run(&run.id)?;
        let list = current.tags.get(crate::tags::LOGGED_MODELS);
        if list.is_some_and(|list| list.contains(&model.key)) {
            return Ok(());
        }
        let mut list = match list.and_then(|list| serde_json::from_str(list).ok()) {
            Some(serde_json::Value::Array(list)) => list,
            _ => Vec::new(),
        };
        let mut entry = model.summary.clone();
        entry["run_id"] = json!(run.id);
        entry["model_uuid"] = json!(model.key);
        list.push(entry);
        self.set_tag(&run.id, crate::tags::LOGGED_MODELS, &serde_json::Value::Array(list).to_string())
    }

    fn register(&self, name: &str, source: &str, run: &str, key: &str) -> Result<(), TrackError> {
        match self.create_registered_model(name, None) {
            Ok(_) | Err(TrackError::Exists { .. }) => {}
            Err(error) => return Err(error),
        }
        if self
            .list_model_versions(name)?
            .iter()
            .any(|version| version.tags.get(KEY).is_some_and(|it| it == key))
        {
            return Ok(());
        }
        let tags = BTreeMap::from([(KEY.to_owned(), key.to_owned())]);
        self.create_model_version(name, source, Some(run), &tags).map(drop)
    }
}
