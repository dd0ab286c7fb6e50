//! Models of runs: MLflow 3's logged models where the file has their tables, and otherwise a list in a tag of the run.

use super::{Database, one, schema, write};
use crate::error::TrackError;
use crate::event::ModelEvent;
use crate::outputs::Output;
use crate::{ids, tags};
use rusqlite::{Connection, params};
use serde_json::{Value, json};

/// MLflow's number of a model whose files are all there.
const READY: u8 = 2;

impl Database {
    /// Where the files of a new logged model go, where a current MLflow would put them; none before MLflow 3 has upgraded the file.
    pub(crate) fn logged_model_uri(&self, run: &str, key: &str) -> Result<Option<String>, TrackError> {
        self.read(|connection| {
            if !schema::has_logged_models(connection)? {
                return Ok(None);
            }
            let sql = "SELECT e.artifact_location FROM runs r JOIN experiments e USING (experiment_id) WHERE r.run_uuid = ?";
            let experiment: Option<String> = one(connection, sql, [run])?;
            Ok(experiment.map(|uri| format!("{}/models/{}/artifacts", uri.trim_end_matches('/'), id(key))))
        })
    }

    /// Notes a model whose files are all there: at `uri` as a logged model, else among the run's artifacts.
    pub(crate) fn log_model(
        &self,
        run: &str,
        model: &ModelEvent,
        uri: Option<&str>,
    ) -> Result<(), TrackError> {
        self.write(|transaction| {
            self.check_active(transaction, run)?;
            match uri {
                Some(uri) => Ok(insert(transaction, run, model, uri)?),
                None => Ok(list(transaction, run, model)?),
            }
        })
    }

    /// The logged models of a run, in the order in which they were logged.
    pub(crate) fn outputs(&self, run: &str) -> Result<Vec<Output>, TrackError> {
        self.read(|connection| {
            if !schema::has_logged_models(connection)? {
                return Ok(Vec::new());
            }
            let mut statement = connection.prepare(
                "SELECT m.model_id, m.name, m.artifact_location FROM inputs i JOIN logged_models m ON m.model_id = i.destination_id \
                 WHERE i.source_type = 'RUN_OUTPUT' AND i.source_id = ? AND i.destination_type = 'MODEL_OUTPUT' \
                 AND m.lifecycle_stage = 'active' ORDER BY m.creation_timestamp_ms, m.rowid",
            )?;
            let rows = statement.query_map([run], |row| {
                Ok(Output { id: row.get(0)?, name: row.get(1)?, artifact_uri: row.get(2)? })
            })?;
            rows.collect()
        })
    }
}

/// As MLflow makes the ids of logged models.
fn id(key: &str) -> String {
    format!("m-{key}")
}

/// A logged model, made by the run.
fn insert(connection: &Connection, run: &str, model: &ModelEvent, uri: &str) -> rusqlite::Result<()> {
    let (id, now) = (id(&model.key), ids::now());
    let experiment: i64 =
        connection.query_row("SELECT experiment_id FROM runs WHERE run_uuid = ?", [run], |row| row.get(0))?;
    connection.execute(
        &schema::insert("logged_models"),
        params![id, experiment, model.name, uri, now, now, READY, "active", run],
    )?;
    for (key, value) in &model.params {
        connection.execute(&schema::insert("logged_model_params"), params![id, experiment, key, value])?;
    }
    let edge = ids::new_id();
    connection.execute(&schema::insert("inputs"), [&edge, "RUN_OUTPUT", run, "MODEL_OUTPUT", &id])?;
    let step = "UPDATE inputs SET step = ? WHERE input_uuid = ?";
    connection.execute(step, params![model.step.unwrap_or_default(), edge]).map(drop)
}

/// The model's files are among the run's artifacts: the run's list of models grows.
fn list(connection: &Connection, run: &str, model: &ModelEvent) -> rusqlite::Result<()> {
    let find = "SELECT value FROM tags WHERE run_uuid = ? AND key = ?";
    let list: Option<String> = one(connection, find, [run, tags::LOGGED_MODELS])?;
    let mut list = match list.and_then(|list| serde_json::from_str(&list).ok()) {
        Some(Value::Array(list)) => list,
        _ => Vec::new(),
    };
    let mut entry = model.summary.clone();
    entry["run_id"] = json!(run);
    entry["model_uuid"] = json!(model.key);
    list.push(entry);
    write::set_tag(connection, run, tags::LOGGED_MODELS, &Value::Array(list).to_string())
}
