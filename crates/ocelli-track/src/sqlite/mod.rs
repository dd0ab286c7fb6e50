//! The store in an SQLite file that MLflow opens.
//!
//! What its `SqlAlchemyStore` writes is written here, row by row. The file is in SQLite's ordinary mode with a rollback journal, not
//! in that of write-ahead logs: at rest it is one file that can be copied, on any file system, and with a transaction a
//! second nobody waits long. Every transaction that writes takes the lock at its beginning, and waits for it up to a minute.

mod experiments;
mod models;
mod registry;
mod runs;
mod schema;
mod search;
mod write;
mod writer;

pub(crate) use writer::Writer;

use crate::artifacts;
use crate::error::TrackError;
use rusqlite::{Connection, OptionalExtension, Params, Transaction, TransactionBehavior};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use url::Url;

/// How long a lock is waited for.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct Database {
    path: PathBuf,
    connection: Mutex<Connection>,
    /// Where experiments that are made here have their artifacts.
    artifacts: Url,
}

impl Database {
    /// Opens the file, which is made where there is none.
    pub(crate) fn open(path: &Path) -> Result<Self, TrackError> {
        let failed = |reason: String| TrackError::Database { path: path.to_path_buf(), reason };
        let artifacts = artifacts::root(path)?;
        let opened = Connection::open(path).and_then(|connection| {
            connection.busy_timeout(PATIENCE)?;
            // As MLflow sets them: LIKE tells cases apart, and rows go with those that they belong to.
            connection.execute_batch("PRAGMA foreign_keys = ON; PRAGMA case_sensitive_like = ON;")?;
            Ok(connection)
        });
        let mut connection = opened.map_err(|error| failed(format!("cannot be opened: {error}")))?;
        schema::prepare(&mut connection, |connection| experiments::insert_default(connection, &artifacts))
            .map_err(failed)?;
        Ok(Database { path: path.to_path_buf(), connection: Mutex::new(connection), artifacts })
    }

    /// What error messages call it.
    fn name(&self) -> String {
        self.path.display().to_string()
    }

    fn connection(&self) -> MutexGuard<'_, Connection> {
        // A panic in a transaction has rolled it back.
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads.
    fn read<T>(&self, read: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, TrackError> {
        read(&self.connection()).map_err(|error| self.failed(&error))
    }

    /// Writes in one transaction: all or nothing.
    fn write<T>(&self, write: impl FnOnce(&Transaction<'_>) -> Result<T, Failure>) -> Result<T, TrackError> {
        let mut connection = self.connection();
        let done = connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(Failure::from)
            .and_then(|transaction| {
                let value = write(&transaction)?;
                transaction.commit()?;
                Ok(value)
            });
        done.map_err(|failure| match failure {
            Failure::Sql(error) => self.failed(&error),
            Failure::Refused(error) => error,
        })
    }

    fn failed(&self, error: &rusqlite::Error) -> TrackError {
        let hint = match error.sqlite_error_code() {
            Some(rusqlite::ErrorCode::DatabaseBusy | rusqlite::ErrorCode::DatabaseLocked) => {
                ": another program has held it for more than a minute"
            }
            _ => "",
        };
        TrackError::Database { path: self.path.clone(), reason: format!("{error}{hint}") }
    }

    fn not_found(&self, what: &'static str, name: impl Into<String>) -> TrackError {
        TrackError::NotFound { what, name: name.into(), store: self.name() }
    }
}

/// Why a transaction is taken back.
#[derive(Debug)]
enum Failure {
    Sql(rusqlite::Error),
    Refused(TrackError),
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        Failure::Sql(error)
    }
}

impl From<TrackError> for Failure {
    fn from(error: TrackError) -> Self {
        Failure::Refused(error)
    }
}

/// The one value that a query gives, if there is a row.
fn one<T: rusqlite::types::FromSql>(
    connection: &Connection,
    sql: &str,
    params: impl Params,
) -> rusqlite::Result<Option<T>> {
    connection.query_row(sql, params, |row| row.get(0)).optional()
}

/// Pairs of texts, such as tags.
fn pairs<C: FromIterator<(String, String)>>(
    connection: &Connection,
    sql: &str,
    params: impl Params,
) -> rusqlite::Result<C> {
    let mut statement = connection.prepare(sql)?;
    let rows = statement
        .query_map(params, |row| Ok((row.get(0)?, row.get::<_, Option<String>>(1)?.unwrap_or_default())))?;
    rows.collect()
}

#[cfg(test)]
mod tests;
