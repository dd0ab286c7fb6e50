//! Experiment tracking in MLflow's formats: runs, parameters, metrics, artifacts, search and the model registry.
//!
//! A [`Tracker`] is opened on a [`TrackingUri`]: an SQLite file, `mlflow.db`, which the real MLflow opens
//! (`mlflow ui --backend-store-uri sqlite:///mlflow.db`), or an MLflow server. Names, limits and meanings are MLflow's
//! (<https://mlflow.org/docs/latest/ml/tracking/>).
//!
//! ```no_run
//! use ocelli_track::{RunStatus, SearchRuns, StartRun, Tracker, TrackerOptions, TrackingUri, tags};
//!
//! # fn main() -> Result<(), ocelli_track::TrackError> {
//! let uri: TrackingUri = "sqlite:///mlflow.db".parse()?;
//! let tracker = Tracker::open(&uri, TrackerOptions::default())?;
//!
//! let run = tracker.start_run("flowers", StartRun { name: Some("first".into()), ..StartRun::default() })?;
//! run.log_param("optimizer.lr", 0.01)?;
//! run.set_tag(tags::SOURCE_GIT_COMMIT, "f9e1b77")?;
//! for step in 0..100 {
//!     run.log_metric("loss", 1.0 / (1 + step) as f64, step)?;
//! }
//! run.log_artifact("report.html".as_ref(), "")?;
//! run.end(RunStatus::Finished)?;
//!
//! let best = SearchRuns {
//!     filter: "metrics.loss < 0.5 and params.`optimizer.lr` = '0.01'".parse()?,
//!     order_by: vec!["metrics.loss ASC".parse()?],
//!     ..SearchRuns::in_experiments(["1"])
//! };
//! for run in tracker.search_runs(&best)?.items {
//!     println!("{} {}", run.id, run.name);
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # What waits for what
//!
//! Nothing that an [`ActiveRun`] logs waits for a disk to sync or for a network:
//!
//! - With SQLite a thread writes what was logged once a second, in one transaction, and [`ActiveRun::flush`] and
//!   [`ActiveRun::end`] wait for it. A process that is killed loses at most the last second.
//! - With a server each event is a line of a journal in [`TrackerOptions::queue`] before the call returns, and a thread
//!   sends the journal. A server that is down or slow changes nothing for the run. What was not sent when the
//!   process ended, or was killed, is sent by the next [`Tracker`] that is opened with that folder and server; nothing
//!   is lost and nothing is there twice. Since a server gives a run its id, a run has a [`RunKey`] of its own at once.
//!
//! What is wrong in itself (a name that MLflow does not allow, a parameter that has another value already) is an error of the call that
//! logs it. What only shows when it is written (a full disk) is an error of the next `flush` or `end`.
//!
//! Everything else (searching, experiments, the registry) is done at once and waits for its answer, with a server at most
//! [`ServerOptions::timeout`].

mod artifacts;
mod entity;
mod error;
mod event;
mod filter;
mod ids;
mod mlmodel;
mod outputs;
mod page;
mod queue;
mod run;
mod server;
mod sqlite;
pub mod system;
pub mod tags;
mod tracker;
mod uri;
mod validate;

pub use entity::{
    ArtifactFile, Dataset, DatasetInput, Experiment, Lifecycle, LogModel, Metric, ModelVersion, Page,
    RegisteredModel, Run, RunKey, RunStatus, ViewType,
};
pub use error::TrackError;
pub use filter::{Filter, OrderBy};
pub use run::ActiveRun;
pub use tracker::{Backlog, SearchRuns, ServerOptions, StartRun, Tracker, TrackerOptions};
pub use uri::TrackingUri;
