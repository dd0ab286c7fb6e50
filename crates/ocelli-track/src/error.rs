//! What goes wrong in tracking.

use std::io;
use std::path::PathBuf;

/// What goes wrong in tracking.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrackError {
    /// Nothing can be tracked at such a place.
    #[error("{uri} is no place to track runs at: {reason}")]
    Uri {
        /// What was given, without any password.
        uri: String,
        /// What is wrong, and what would do.
        reason: String,
    },
    /// A name, value or batch is outside of what MLflow allows.
    #[error("{0}")]
    Invalid(String),
    /// The run has this parameter with another value.
    #[error(
        "the parameter {key} of run {run} is {old} already, and cannot become {new}: parameters are written once; log it under another name, or in another run"
    )]
    ParamChanged {
        /// The run's key or id.
        run: String,
        /// The parameter.
        key: String,
        /// What it is.
        old: String,
        /// What it was to become.
        new: String,
    },
    /// A filter or an order cannot be understood.
    #[error("{text}: at character {at}: {reason}")]
    Filter {
        /// The filter or order.
        text: String,
        /// The character where it goes wrong, from 1.
        at: usize,
        /// What was found there, and what would do.
        reason: String,
    },
    /// There is no such thing in the store.
    #[error("there is no {what} {name} in {store}")]
    NotFound {
        /// What kind of thing: experiment, run, registered model, …
        what: &'static str,
        /// Its name or id.
        name: String,
        /// The store.
        store: String,
    },
    /// There is such a thing already.
    #[error("there is a {what} {name} in {store} already{hint}")]
    Exists {
        /// What kind of thing.
        what: &'static str,
        /// Its name.
        name: String,
        /// The store.
        store: String,
        /// What to do about it; may be empty.
        hint: &'static str,
    },
    /// What is deleted cannot be changed, and what is not deleted cannot be restored.
    #[error("{what} {name} is {found}, and this needs one that is {needed}")]
    Lifecycle {
        /// Experiment or run.
        what: &'static str,
        /// Its id.
        name: String,
        /// What it is: `active` or `deleted`.
        found: &'static str,
        /// What it should be.
        needed: &'static str,
    },
    /// The database cannot be read or written.
    #[error("{}: {reason}", path.display())]
    Database {
        /// The file.
        path: PathBuf,
        /// What is wrong, and what to do.
        reason: String,
    },
    /// A file cannot be read or written.
    #[error("{}: cannot be {doing}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What was tried, as in "cannot be …".
        doing: &'static str,
        /// Why.
        source: io::Error,
    },
    /// Artifacts cannot be reached where the run has them.
    #[error("artifacts at {uri} cannot be {doing}: {reason}")]
    Artifacts {
        /// Where they are.
        uri: String,
        /// What was tried.
        doing: &'static str,
        /// Why, and what to do.
        reason: String,
    },
    /// The server did not answer, or said that it cannot just now: worth another try.
    #[error("{server} cannot be reached: {reason}")]
    Unreachable {
        /// Its address.
        server: String,
        /// What happened.
        reason: String,
        /// HTTP status, if there was an answer at all.
        status: Option<u16>,
    },
    /// The server refused what it was asked: it will do so again.
    #[error("{server} refused {request}: {status} {message}")]
    Refused {
        /// Its address.
        server: String,
        /// What was asked, such as `POST runs/create`.
        request: String,
        /// HTTP status.
        status: u16,
        /// MLflow's error code and message.
        message: String,
    },
}
