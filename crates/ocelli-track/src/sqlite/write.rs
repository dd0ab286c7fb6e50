//! What is logged, as rows.

use super::{Database, Failure, one, schema};
use crate::entity::{DatasetInput, Metric};
use crate::error::TrackError;
use crate::event::Event;
use crate::{ids, tags};
use rusqlite::{Connection, params};

/// Something logged to the run of this id.
pub(crate) type Logged = (String, Event);

impl Database {
    /// Writes events in one transaction. Those that are refused, because their run is deleted or a parameter has another value, are left
    /// out and returned with the reason.
    ///
    /// # Errors
    /// Nothing is written.
    pub(crate) fn log(&self, events: &[Logged]) -> Result<Vec<(String, TrackError)>, TrackError> {
        self.write(|transaction| {
            let mut refused = Vec::new();
            let mut checked: Option<&str> = None;
            for (run, event) in events {
                let done = match checked == Some(run.as_str()) {
                    true => Ok(()),
                    false => self.check_active(transaction, run),
                };
                match done.and_then(|()| apply(transaction, run, event)) {
                    Ok(()) => checked = Some(run),
                    Err(Failure::Refused(error)) => refused.push((run.clone(), error)),
                    Err(Failure::Sql(error)) => return Err(Failure::Sql(error)),
                }
            }
            Ok(refused)
        })
    }
}

fn apply(connection: &Connection, run: &str, event: &Event) -> Result<(), Failure> {
    match event {
        Event::Param { key, value } => log_param(connection, run, key, value),
        Event::Metric(metric) => Ok(log_metric(connection, run, metric)?),
        Event::Tag { key, value } => Ok(set_tag(connection, run, key, value)?),
        Event::Dataset(input) => Ok(log_dataset(connection, run, input)?),
        // These are done at once, and never get here.
        Event::Artifact { .. } | Event::Model(_) | Event::Resume | Event::End { .. } | Event::Leave => Ok(()),
    }
}

fn log_param(connection: &Connection, run: &str, key: &str, value: &str) -> Result<(), Failure> {
    let old: Option<String> =
        one(connection, "SELECT value FROM params WHERE run_uuid = ? AND key = ?", [run, key])?;
    match old {
        None => {
            connection.prepare_cached(&schema::insert("params"))?.execute([key, value, run])?;
            Ok(())
        }
        Some(old) if old == value => Ok(()),
        Some(old) => Err(Failure::Refused(TrackError::ParamChanged {
            run: run.to_owned(),
            key: key.to_owned(),
            old,
            new: value.to_owned(),
        })),
    }
}

/// SQL has no infinities and no NaN: MLflow writes the greatest number, and 0 with a mark.
pub(super) fn stored(value: f64) -> (f64, bool) {
    if value.is_nan() { (0.0, true) } else { (value.clamp(-f64::MAX, f64::MAX), false) }
}

fn log_metric(connection: &Connection, run: &str, metric: &Metric) -> rusqlite::Result<()> {
    let (value, nan) = stored(metric.value);
    let Metric { key, step, timestamp, .. } = metric;
    // The same value again is no other value.
    let insert = format!("{} ON CONFLICT DO NOTHING", schema::insert("metrics"));
    connection.prepare_cached(&insert)?.execute(params![key, value, timestamp, run, step, nan])?;
    let latest = format!(
        "{} ON CONFLICT (key, run_uuid) DO UPDATE SET \
         value = excluded.value, timestamp = excluded.timestamp, step = excluded.step, is_nan = excluded.is_nan \
         WHERE (excluded.step, excluded.timestamp, excluded.value) > \
         (latest_metrics.step, latest_metrics.timestamp, latest_metrics.value)",
        schema::insert("latest_metrics")
    );
    connection.prepare_cached(&latest)?.execute(params![key, value, timestamp, step, nan, run])?;
    Ok(())
}

pub(super) fn set_tag(connection: &Connection, run: &str, key: &str, value: &str) -> rusqlite::Result<()> {
    if key == tags::RUN_NAME {
        connection.execute("UPDATE runs SET name = ? WHERE run_uuid = ?", [value, run])?;
    }
    let set = format!(
        "{} ON CONFLICT (key, run_uuid) DO UPDATE SET value = excluded.value",
        schema::insert("tags")
    );
    connection.prepare_cached(&set)?.execute([key, value, run])?;
    Ok(())
}

fn log_dataset(connection: &Connection, run: &str, input: &DatasetInput) -> rusqlite::Result<()> {
    let dataset = &input.dataset;
    let experiment: i64 =
        connection.query_row("SELECT experiment_id FROM runs WHERE run_uuid = ?", [run], |row| row.get(0))?;
    let find = "SELECT dataset_uuid FROM datasets WHERE experiment_id = ? AND name = ? AND digest = ?";
    let found: Option<String> = one(connection, find, params![experiment, dataset.name, dataset.digest])?;
    let id = match found {
        Some(id) => id,
        None => {
            let id = ids::new_id();
            connection.execute(
                &schema::insert("datasets"),
                params![
                    id,
                    experiment,
                    dataset.name,
                    dataset.digest,
                    dataset.source_type,
                    dataset.source,
                    dataset.schema,
                    dataset.profile
                ],
            )?;
            id
        }
    };
    let find = "SELECT input_uuid FROM inputs \
                WHERE source_type = 'DATASET' AND source_id = ? AND destination_type = 'RUN' AND destination_id = ?";
    if one::<String>(connection, find, [&id, run])?.is_some() {
        return Ok(());
    }
    let edge = ids::new_id();
    connection.execute(&schema::insert("inputs"), [&edge, "DATASET", &id, "RUN", run])?;
    if let Some(context) = &input.context {
        connection.execute(&schema::insert("input_tags"), [&edge, tags::DATASET_CONTEXT, context])?;
    }
    Ok(())
}
