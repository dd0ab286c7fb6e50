//! The tables of MLflow's database: made as MLflow makes them, and looked at before they are written to.

use rusqlite::{Connection, TransactionBehavior};
use std::collections::HashSet;

/// What `mlflow` 3.17.2 makes at Alembic revision `7f2a7d5fae7d`; `testing/fixtures/mlflow_schema.py` writes it.
///
/// That revision is the oldest that has data sets. Every MLflow since 2.4 opens it, and brings it to its own when it does.
const SCHEMA: &str = include_str!("schema.sql");

/// The columns that rows are written with, by table. All others must have a default, or take NULL: so this goes on working in
/// databases that a later MLflow has brought to its own revision, until one asks for more.
pub(super) const WRITTEN: [(&str, &[&str]); 14] = [
    (
        "experiments",
        &[
            "experiment_id",
            "name",
            "artifact_location",
            "lifecycle_stage",
            "creation_time",
            "last_update_time",
        ],
    ),
    ("experiment_tags", &["key", "value", "experiment_id"]),
    (
        "runs",
        &[
            "run_uuid",
            "name",
            "source_type",
            "source_name",
            "entry_point_name",
            "user_id",
            "status",
            "start_time",
            "end_time",
            "deleted_time",
            "source_version",
            "lifecycle_stage",
            "artifact_uri",
            "experiment_id",
        ],
    ),
    ("params", &["key", "value", "run_uuid"]),
    ("tags", &["key", "value", "run_uuid"]),
    ("metrics", &["key", "value", "timestamp", "run_uuid", "step", "is_nan"]),
    ("latest_metrics", &["key", "value", "timestamp", "step", "is_nan", "run_uuid"]),
    (
        "datasets",
        &[
            "dataset_uuid",
            "experiment_id",
            "name",
            "digest",
            "dataset_source_type",
            "dataset_source",
            "dataset_schema",
            "dataset_profile",
        ],
    ),
    ("inputs", &["input_uuid", "source_type", "source_id", "destination_type", "destination_id"]),
    ("input_tags", &["input_uuid", "name", "value"]),
    ("registered_models", &["name", "creation_time", "last_updated_time", "description"]),
    ("registered_model_tags", &["key", "value", "name"]),
    (
        "model_versions",
        &[
            "name",
            "version",
            "creation_time",
            "last_updated_time",
            "description",
            "user_id",
            "current_stage",
            "source",
            "run_id",
            "status",
            "status_message",
            "run_link",
        ],
    ),
    ("registered_model_aliases", &["alias", "version", "name"]),
];

/// What logged models are written with, where MLflow 3 has made their tables. A row of `inputs` then has a step, too.
const LOGGED_MODELS: [(&str, &[&str]); 2] = [
    (
        "logged_models",
        &[
            "model_id",
            "experiment_id",
            "name",
            "artifact_location",
            "creation_timestamp_ms",
            "last_updated_timestamp_ms",
            "status",
            "lifecycle_stage",
            "source_run_id",
        ],
    ),
    ("logged_model_params", &["model_id", "experiment_id", "param_key", "param_value"]),
];

/// Makes the tables where the file is empty, and runs `begin` in the same transaction; otherwise checks them.
///
/// # Errors
/// Why the file is no database that can be written to.
pub(super) fn prepare(
    connection: &mut Connection,
    begin: impl FnOnce(&Connection) -> rusqlite::Result<()>,
) -> Result<(), String> {
    let said = |error: rusqlite::Error| match error.sqlite_error_code() {
        Some(rusqlite::ErrorCode::NotADatabase) => "is no SQLite database".to_owned(),
        _ => error.to_string(),
    };
    // Two processes may come upon an empty file at once.
    if is_empty(connection).map_err(said)? {
        let transaction =
            connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(said)?;
        if is_empty(&transaction).map_err(said)? {
            transaction.execute_batch(SCHEMA).and_then(|()| begin(&transaction)).map_err(said)?;
        }
        transaction.commit().map_err(said)?;
    }
    check(connection)
}

fn is_empty(connection: &Connection) -> rusqlite::Result<bool> {
    connection.query_row("SELECT count(*) = 0 FROM sqlite_master", [], |row| row.get(0))
}

/// Whether every table has the columns that are written, and asks for no others.
fn check(connection: &Connection) -> Result<(), String> {
    let version: rusqlite::Result<String> =
        connection.query_row("SELECT version_num FROM alembic_version", [], |row| row.get(0));
    let Ok(version) = version else {
        return Err(
            "is an SQLite database, but none of MLflow's: give another file, or one that is not there yet"
                .to_owned(),
        );
    };
    for (table, written) in WRITTEN {
        let columns = columns(connection, table).map_err(|error| error.to_string())?;
        let found: HashSet<&str> = columns.iter().map(|column| column.name.as_str()).collect();
        if let Some(missing) = written.iter().find(|column| !found.contains(*column)) {
            return Err(format!(
                "is a database of an MLflow before 2.4 (revision {version}, without {table}.{missing}): bring it up to \
                 date with `mlflow db upgrade`"
            ));
        }
        if let Some(asked) =
            columns.iter().find(|column| column.asked && !written.contains(&column.name.as_str()))
        {
            return Err(format!(
                "is a database of a newer MLflow (revision {version}), which asks for {table}.{}, unknown to this \
                 version of Ocelli: update it, or track to `mlflow server` with this database",
                asked.name
            ));
        }
    }
    Ok(())
}

/// Whether there are tables for logged models that rows can be written to.
pub(super) fn has_logged_models(connection: &Connection) -> rusqlite::Result<bool> {
    for (table, written) in LOGGED_MODELS {
        let columns = columns(connection, table)?;
        let is_written = |column: &Column| written.contains(&column.name.as_str());
        let found = columns.iter().filter(|column| is_written(column)).count();
        if found < written.len() || columns.iter().any(|column| column.asked && !is_written(column)) {
            return Ok(false);
        }
    }
    Ok(columns(connection, "inputs")?.iter().any(|column| column.name == "step"))
}

struct Column {
    name: String,
    /// Whether a row cannot do without it.
    asked: bool,
}

fn columns(connection: &Connection, table: &str) -> rusqlite::Result<Vec<Column>> {
    let mut statement =
        connection.prepare("SELECT name, \"notnull\" AND dflt_value IS NULL FROM pragma_table_info(?)")?;
    let rows = statement.query_map([table], |row| Ok(Column { name: row.get(0)?, asked: row.get(1)? }))?;
    rows.collect()
}

/// `INSERT INTO table (…) VALUES (…)` with all the columns that are written.
pub(super) fn insert(table: &str) -> String {
    let mut tables = WRITTEN.iter().chain(&LOGGED_MODELS);
    let columns = tables.find(|(name, _)| *name == table).map_or(&[][..], |(_, columns)| *columns);
    let marks = vec!["?"; columns.len()].join(", ");
    format!("INSERT INTO {table} ({}) VALUES ({marks})", columns.join(", "))
}
