//! Experiments in the database.

use super::{Database, Failure, one, pairs, schema};
use crate::entity::{Experiment, Lifecycle, ViewType};
use crate::error::TrackError;
use crate::ids;
use rusqlite::{Connection, OptionalExtension, Row, params};
use std::collections::BTreeMap;
use url::Url;

const COLUMNS: &str =
    "experiment_id, name, artifact_location, lifecycle_stage, creation_time, last_update_time";

/// The experiment that MLflow gives every new store: number 0.
pub(super) fn insert_default(connection: &Connection, artifacts: &Url) -> rusqlite::Result<()> {
    let now = ids::now();
    connection.execute(
        &schema::insert("experiments"),
        params![0, "Default", format!("{artifacts}0"), "active", now, now],
    )?;
    Ok(())
}

impl Database {
    pub(crate) fn create_experiment(
        &self,
        name: &str,
        tags: &BTreeMap<String, String>,
    ) -> Result<String, TrackError> {
        self.write(|transaction| {
            if one::<i64>(transaction, "SELECT experiment_id FROM experiments WHERE name = ?", [name])?
                .is_some()
            {
                return Err(Failure::Refused(TrackError::Exists {
                    what: "experiment",
                    name: name.to_owned(),
                    store: self.name(),
                    hint: "",
                }));
            }
            Ok(self.insert_experiment(transaction, name, tags)?)
        })
    }

    fn insert_experiment(
        &self,
        connection: &Connection,
        name: &str,
        tags: &BTreeMap<String, String>,
    ) -> rusqlite::Result<String> {
        let now = ids::now();
        let none: Option<i64> = None;
        connection.execute(&schema::insert("experiments"), params![none, name, "", "active", now, now])?;
        let id = connection.last_insert_rowid();
        connection.execute(
            "UPDATE experiments SET artifact_location = ? WHERE experiment_id = ?",
            params![format!("{}{id}", self.artifacts), id],
        )?;
        for (key, value) in tags {
            connection.execute(&schema::insert("experiment_tags"), params![key, value, id])?;
        }
        Ok(id.to_string())
    }

    /// The id of the experiment of this name, which is made where there is none.
    pub(super) fn experiment_for_runs(
        &self,
        connection: &Connection,
        name: &str,
    ) -> Result<Experiment, Failure> {
        if let Some(found) = by(connection, "name", name)? {
            if found.lifecycle == Lifecycle::Deleted {
                return Err(Failure::Refused(lifecycle(
                    &format!("{name} (id {})", found.id),
                    Lifecycle::Active,
                )));
            }
            return Ok(found);
        }
        let id = self.insert_experiment(connection, name, &BTreeMap::new())?;
        Ok(by(connection, "experiment_id", &id)?.ok_or(rusqlite::Error::QueryReturnedNoRows)?)
    }

    pub(crate) fn get_experiment(&self, id: &str) -> Result<Experiment, TrackError> {
        self.read(|connection| by(connection, "experiment_id", id))?
            .ok_or_else(|| self.not_found("experiment", id))
    }

    pub(crate) fn get_experiment_by_name(&self, name: &str) -> Result<Option<Experiment>, TrackError> {
        self.read(|connection| by(connection, "name", name))
    }

    pub(crate) fn list_experiments(&self, view: ViewType) -> Result<Vec<Experiment>, TrackError> {
        self.read(|connection| {
            let sql = format!(
                "SELECT {COLUMNS} FROM experiments ORDER BY last_update_time DESC, experiment_id DESC"
            );
            let mut statement = connection.prepare(&sql)?;
            let rows: Vec<Experiment> = statement.query_map([], read)?.collect::<rusqlite::Result<_>>()?;
            let wanted = rows.into_iter().filter(|experiment| view.includes(experiment.lifecycle));
            wanted.map(|experiment| with_tags(connection, experiment)).collect()
        })
    }

    /// Marks an experiment and its runs.
    pub(crate) fn mark_experiment(&self, id: &str, to: Lifecycle) -> Result<(), TrackError> {
        self.write(|transaction| {
            let found =
                by(transaction, "experiment_id", id)?.ok_or_else(|| self.not_found("experiment", id))?;
            if found.lifecycle == to {
                let needed = if to == Lifecycle::Active { Lifecycle::Deleted } else { Lifecycle::Active };
                return Err(Failure::Refused(lifecycle(id, needed)));
            }
            let now = ids::now();
            transaction.execute(
                "UPDATE experiments SET lifecycle_stage = ?, last_update_time = ? WHERE experiment_id = ?",
                params![to.as_str(), now, id],
            )?;
            let deleted = (to == Lifecycle::Deleted).then_some(now);
            transaction.execute(
                "UPDATE runs SET lifecycle_stage = ?, deleted_time = ? WHERE experiment_id = ?",
                params![to.as_str(), deleted, id],
            )?;
            Ok(())
        })
    }
}

fn lifecycle(name: &str, needed: Lifecycle) -> TrackError {
    let found = if needed == Lifecycle::Active { Lifecycle::Deleted } else { Lifecycle::Active };
    TrackError::Lifecycle {
        what: "experiment",
        name: name.to_owned(),
        found: found.as_str(),
        needed: needed.as_str(),
    }
}

fn by(connection: &Connection, column: &str, value: &str) -> rusqlite::Result<Option<Experiment>> {
    let sql = format!("SELECT {COLUMNS} FROM experiments WHERE {column} = ?");
    let found = connection.query_row(&sql, [value], read).optional()?;
    found.map(|experiment| with_tags(connection, experiment)).transpose()
}

fn read(row: &Row<'_>) -> rusqlite::Result<Experiment> {
    let lifecycle: Option<String> = row.get(3)?;
    Ok(Experiment {
        id: row.get::<_, i64>(0)?.to_string(),
        name: row.get(1)?,
        artifact_location: row.get::<_, Option<String>>(2)?.unwrap_or_default(),
        lifecycle: Lifecycle::read(&lifecycle.unwrap_or_default()),
        created: row.get(4)?,
        updated: row.get(5)?,
        tags: BTreeMap::new(),
    })
}

fn with_tags(connection: &Connection, experiment: Experiment) -> rusqlite::Result<Experiment> {
    let tags = pairs(
        connection,
        "SELECT key, value FROM experiment_tags WHERE experiment_id = ?",
        [&experiment.id],
    )?;
    Ok(Experiment { tags, ..experiment })
}
