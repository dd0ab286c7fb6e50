//! Runs in the database.

use super::{Database, Failure, one, pairs, schema};
use crate::entity::{Dataset, DatasetInput, Lifecycle, Metric, Run, RunKey, RunStatus};
use crate::error::TrackError;
use crate::tracker::StartRun;
use crate::{ids, tags};
use rusqlite::{Connection, OptionalExtension, Row, params};
use std::collections::BTreeMap;

const COLUMNS: &str =
    "run_uuid, name, experiment_id, user_id, status, start_time, end_time, artifact_uri, lifecycle_stage";

impl Database {
    pub(crate) fn create_run(&self, experiment: &str, start: &StartRun) -> Result<Run, TrackError> {
        let id = ids::new_id();
        self.write(|transaction| {
            let experiment = self.experiment_for_runs(transaction, experiment)?;
            let mut tags = start.tags.clone();
            let name = start
                .name
                .clone()
                .or_else(|| tags.get(tags::RUN_NAME).cloned())
                .unwrap_or_else(ids::new_name);
            let user = start.user.clone().unwrap_or_default();
            tags.insert(tags::RUN_NAME.to_owned(), name.clone());
            tags.insert(tags::USER.to_owned(), user.clone());
            if let Some(parent) = &start.parent {
                tags.insert(tags::PARENT_RUN_ID.to_owned(), self.id(transaction, parent)?);
            }
            let start_time = start.start_time.unwrap_or_else(ids::now);
            let artifact_uri =
                format!("{}/{id}/artifacts", experiment.artifact_location.trim_end_matches('/'));
            let none: Option<i64> = None;
            transaction.execute(
                &schema::insert("runs"),
                params![
                    id,
                    name,
                    "UNKNOWN",
                    "",
                    "",
                    user,
                    RunStatus::Running.as_str(),
                    start_time,
                    none,
                    none,
                    "",
                    Lifecycle::Active.as_str(),
                    artifact_uri,
                    experiment.id
                ],
            )?;
            for (key, value) in &tags {
                transaction.execute(&schema::insert("tags"), params![key, value, id])?;
            }
            Ok(())
        })?;
        self.get_run(&id)
    }

    /// The id of a run, whichever way it is named.
    fn id(&self, connection: &Connection, key: &RunKey) -> Result<String, Failure> {
        match key {
            RunKey::Id(id) => Ok(id.clone()),
            RunKey::Key(key) => {
                let sql = "SELECT run_uuid FROM tags WHERE key = ? AND value = ?";
                Ok(one(connection, sql, [tags::RUN_KEY, key])?
                    .ok_or_else(|| self.not_found("run with the key", key))?)
            }
        }
    }

    /// Makes a run go on.
    pub(crate) fn resume_run(&self, key: &RunKey) -> Result<Run, TrackError> {
        let id = self.write(|transaction| {
            let id = self.id(transaction, key)?;
            self.check_active(transaction, &id)?;
            let sql = "UPDATE runs SET status = ?, end_time = NULL WHERE run_uuid = ?";
            transaction.execute(sql, [RunStatus::Running.as_str(), &id])?;
            Ok(id)
        })?;
        self.get_run(&id)
    }

    pub(crate) fn end_run(&self, id: &str, status: RunStatus) -> Result<(), TrackError> {
        self.write(|transaction| {
            self.check_active(transaction, id)?;
            let end = status.is_over().then(ids::now);
            let sql = "UPDATE runs SET status = ?, end_time = ? WHERE run_uuid = ?";
            transaction.execute(sql, params![status.as_str(), end, id])?;
            Ok(())
        })
    }

    /// # Errors
    /// There is no such run, or it is deleted.
    pub(super) fn check_active(&self, connection: &Connection, id: &str) -> Result<(), Failure> {
        let stage: Option<String> =
            one(connection, "SELECT lifecycle_stage FROM runs WHERE run_uuid = ?", [id])?;
        match stage.as_deref().map(Lifecycle::read) {
            None => Err(Failure::Refused(self.not_found("run", id))),
            Some(Lifecycle::Active) => Ok(()),
            Some(Lifecycle::Deleted) => Err(Failure::Refused(TrackError::Lifecycle {
                what: "run",
                name: id.to_owned(),
                found: Lifecycle::Deleted.as_str(),
                needed: Lifecycle::Active.as_str(),
            })),
        }
    }

    pub(crate) fn get_run(&self, id: &str) -> Result<Run, TrackError> {
        self.read(|connection| load(connection, id))?.ok_or_else(|| self.not_found("run", id))
    }

    /// The run that a key names.
    pub(crate) fn find_run(&self, key: &RunKey) -> Result<Run, TrackError> {
        let id = self.write(|transaction| self.id(transaction, key))?;
        self.get_run(&id)
    }

    /// Deletes a run, or takes that back; done already, it is no error, as in MLflow.
    pub(crate) fn mark_run(&self, id: &str, to: Lifecycle) -> Result<(), TrackError> {
        self.write(|transaction| {
            let deleted = (to == Lifecycle::Deleted).then(ids::now);
            let sql = "UPDATE runs SET lifecycle_stage = ?, deleted_time = ? WHERE run_uuid = ?";
            match transaction.execute(sql, params![to.as_str(), deleted, id])? {
                0 => Err(Failure::Refused(self.not_found("run", id))),
                _ => Ok(()),
            }
        })
    }

    pub(crate) fn metric_history(&self, id: &str, key: &str) -> Result<Vec<Metric>, TrackError> {
        self.read(|connection| {
            let mut statement = connection.prepare(
                "SELECT key, value, step, timestamp, is_nan FROM metrics WHERE run_uuid = ? AND key = ? \
                 ORDER BY timestamp, step, value",
            )?;
            let rows = statement.query_map([id, key], metric)?;
            rows.collect()
        })
    }
}

/// A run with all that belongs to it.
pub(super) fn load(connection: &Connection, id: &str) -> rusqlite::Result<Option<Run>> {
    let sql = format!("SELECT {COLUMNS} FROM runs WHERE run_uuid = ?");
    let Some(run) = connection.query_row(&sql, [id], read).optional()? else { return Ok(None) };
    let mut statement = connection.prepare_cached(
        "SELECT key, value, step, timestamp, is_nan FROM latest_metrics WHERE run_uuid = ?",
    )?;
    let metrics =
        statement.query_map([id], metric)?.map(|row| row.map(|metric| (metric.key.clone(), metric)));
    Ok(Some(Run {
        metrics: metrics.collect::<rusqlite::Result<_>>()?,
        params: pairs(connection, "SELECT key, value FROM params WHERE run_uuid = ?", [id])?,
        tags: pairs(connection, "SELECT key, value FROM tags WHERE run_uuid = ?", [id])?,
        inputs: inputs(connection, id)?,
        ..run
    }))
}

fn inputs(connection: &Connection, id: &str) -> rusqlite::Result<Vec<DatasetInput>> {
    let mut statement = connection.prepare_cached(
        "SELECT d.name, d.digest, d.dataset_source_type, d.dataset_source, d.dataset_schema, d.dataset_profile, t.value \
         FROM inputs i JOIN datasets d ON d.dataset_uuid = i.source_id \
         LEFT JOIN input_tags t ON t.input_uuid = i.input_uuid AND t.name = ? \
         WHERE i.destination_type = 'RUN' AND i.destination_id = ? ORDER BY d.name, d.digest",
    )?;
    let rows = statement.query_map([tags::DATASET_CONTEXT, id], |row| {
        Ok(DatasetInput {
            dataset: Dataset {
                name: row.get(0)?,
                digest: row.get(1)?,
                source_type: row.get(2)?,
                source: row.get(3)?,
                schema: row.get(4)?,
                profile: row.get(5)?,
            },
            context: row.get(6)?,
        })
    })?;
    rows.collect()
}

/// Of the columns key, value, step, timestamp and is_nan.
fn metric(row: &Row<'_>) -> rusqlite::Result<Metric> {
    let value: Option<f64> = row.get(1)?;
    let nan: bool = row.get(4)?;
    Ok(Metric {
        key: row.get(0)?,
        value: value.filter(|_| !nan).unwrap_or(f64::NAN),
        step: row.get(2)?,
        timestamp: row.get::<_, Option<i64>>(3)?.unwrap_or_default(),
    })
}

fn read(row: &Row<'_>) -> rusqlite::Result<Run> {
    let text = |column: usize| row.get::<_, Option<String>>(column).map(Option::unwrap_or_default);
    Ok(Run {
        id: row.get(0)?,
        name: text(1)?,
        experiment_id: row.get::<_, Option<i64>>(2)?.unwrap_or_default().to_string(),
        user: text(3)?,
        status: RunStatus::read(&text(4)?),
        start_time: row.get(5)?,
        end_time: row.get(6)?,
        artifact_uri: text(7)?,
        lifecycle: Lifecycle::read(&text(8)?),
        params: BTreeMap::new(),
        metrics: BTreeMap::new(),
        tags: BTreeMap::new(),
        inputs: Vec::new(),
    })
}
