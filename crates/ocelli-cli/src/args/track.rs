//! Where a command is tracked, as all commands take it that make a run.

use clap::Args;
use ocelli::track::TrackingUri;

#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Tracking")]
pub(crate) struct TrackArgs {
    /// Where MLflow finds this run: an SQLite file, sqlite:///PATH, or a server, http://HOST:PORT [default: what
    /// MLFLOW_TRACKING_URI says, else sqlite:///mlflow.db; look at it with `ocelli runs` or `mlflow ui`].
    #[arg(long, value_name = "URI")]
    pub(crate) tracking_uri: Option<TrackingUri>,
    /// The experiment that the run belongs to [default: what MLFLOW_EXPERIMENT_NAME says, else Default].
    #[arg(long, value_name = "NAME")]
    pub(crate) experiment: Option<String>,
    /// The run's name [default: that of its folder].
    #[arg(long, value_name = "NAME")]
    pub(crate) run_name: Option<String>,
    /// Do not track this run.
    #[arg(long, conflicts_with_all = ["tracking_uri", "experiment", "run_name"])]
    pub(crate) no_track: bool,
}
