//! Where runs are tracked: what flags say, then MLflow's variables, then a file in this folder.

use crate::args::TrackArgs;
use crate::failure::Failure;
use ocelli::track::{ServerOptions, TrackError, Tracker, TrackerOptions, TrackingUri};
use std::env;
use std::path::{Path, PathBuf};

/// MLflow's variable.
const EXPERIMENT: &str = "MLFLOW_EXPERIMENT_NAME";
/// Where runs are tracked if nothing is said, as MLflow has it.
const USUAL: &str = "mlflow.db";
/// The experiment that MLflow makes by itself.
const USUAL_EXPERIMENT: &str = "Default";

/// Where runs are tracked.
pub(crate) struct Place {
    pub(crate) uri: TrackingUri,
    pub(crate) experiment: String,
    /// Whether somebody asked for it: it is no usual place.
    pub(crate) asked: bool,
}

impl Place {
    /// What the flags say, and where they are silent the environment; `None` if nothing is to be tracked.
    ///
    /// # Errors
    /// The environment names no place to track at.
    pub(crate) fn named(args: &TrackArgs) -> Result<Option<Self>, Failure> {
        if args.no_track {
            return Ok(None);
        }
        let asked = asked(args.tracking_uri.as_ref())?;
        let experiment = args.experiment.clone().or_else(|| variable(EXPERIMENT));
        Ok(Some(Self {
            asked: asked.is_some(),
            uri: whole(asked),
            experiment: experiment.unwrap_or_else(|| USUAL_EXPERIMENT.to_owned()),
        }))
    }
}

/// Where to track: what a flag says, else the environment, else the usual file.
pub(crate) fn uri(flag: Option<&TrackingUri>) -> Result<TrackingUri, Failure> {
    asked(flag).map(whole)
}

/// What a flag says, else the environment.
fn asked(flag: Option<&TrackingUri>) -> Result<Option<TrackingUri>, Failure> {
    if let Some(uri) = flag {
        return Ok(Some(uri.clone()));
    }
    TrackingUri::from_env().map_err(|error| {
        Failure::usage(error)
            .hint("set MLFLOW_TRACKING_URI to another place, or say --tracking-uri or --no-track")
    })
}

/// The place that was asked for, or the usual one, wherever it is looked at from: a run is gone on with from other folders too.
fn whole(asked: Option<TrackingUri>) -> TrackingUri {
    let uri = asked.unwrap_or_else(|| TrackingUri::sqlite(USUAL));
    let whole = uri.path().and_then(|path| std::path::absolute(path).ok());
    whole.map_or(uri, TrackingUri::sqlite)
}

/// Opens a place: a file that is not there yet is made.
pub(crate) fn open(uri: &TrackingUri) -> Result<Tracker, TrackError> {
    let queue = uri.is_server().then(queue);
    Tracker::open(uri, TrackerOptions { queue, server: ServerOptions::from_env() })
}

/// A variable that is set to something.
fn variable(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}

/// Where what a server has not taken yet waits for the next command: one folder for a user, wherever commands are run.
fn queue() -> PathBuf {
    let folder = |name: &str| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let state = folder("XDG_STATE_HOME")
        .or_else(|| folder("LOCALAPPDATA"))
        .or_else(|| folder("HOME").map(|home| home.join(".local/state")));
    state.unwrap_or_else(|| Path::new(".").to_path_buf()).join("ocelli/tracking")
}
