//! `ocelli runs …`: the arguments.

use clap::{Args, Subcommand};
use ocelli::track::{Filter, OrderBy, TrackingUri};
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(crate) struct RunsArgs {
    /// Where the runs are tracked: an SQLite file, sqlite:///PATH, or an MLflow server, http://HOST:PORT [default: what
    /// MLFLOW_TRACKING_URI says, else sqlite:///mlflow.db].
    #[arg(long, value_name = "URI", global = true)]
    pub(crate) tracking_uri: Option<TrackingUri>,
    /// What to do [default: list].
    #[command(subcommand)]
    pub(crate) command: Option<RunsCommand>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum RunsCommand {
    /// List runs, the newest first.
    List(ListArgs),
    /// Show all about one run: settings, figures, data, files.
    Show(ShowArgs),
    /// Show in what runs differ, and draw their curves over one another.
    Compare(CompareArgs),
    /// Mark runs as deleted: they are listed no more, and can be restored.
    Delete(ChosenArgs),
    /// Take the deletion of runs back.
    Restore(ChosenArgs),
    /// Train again by the recipe of a run: the same bits come out, if data and version are the same.
    Repeat(RepeatArgs),
}

#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// What must hold of them, as MLflow has it: "metrics.val_accuracy > 0.9 and params.train.lr = '0.01'".
    #[arg(long, value_name = "TEXT")]
    pub(crate) filter: Option<Filter>,
    /// The order, as MLflow has it: "metrics.val_loss ASC". May be given many times.
    #[arg(long, value_name = "TEXT", action = clap::ArgAction::Append)]
    pub(crate) order_by: Vec<OrderBy>,
    /// Of one experiment alone.
    #[arg(long, value_name = "NAME")]
    pub(crate) experiment: Option<String>,
    /// Deleted ones instead.
    #[arg(long)]
    pub(crate) deleted: bool,
    /// How many at most.
    #[arg(long, value_name = "N", default_value_t = LISTED, value_parser = limit)]
    pub(crate) limit: usize,
    /// Print one JSON document.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Runs that are listed: as many as MLflow gives at once.
fn limit(text: &str) -> Result<usize, String> {
    super::within(text, 1, 50_000)
}

/// Runs that are listed unless said.
const LISTED: usize = 20;

impl Default for ListArgs {
    fn default() -> Self {
        ListArgs {
            filter: None,
            order_by: Vec::new(),
            experiment: None,
            deleted: false,
            limit: LISTED,
            json: false,
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct ShowArgs {
    /// A run: its name, its id, or the first digits of that.
    #[arg(value_name = "RUN")]
    pub(crate) run: String,
    /// Print one JSON document.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct CompareArgs {
    /// Two runs or more: their names, their ids, or the first digits of those.
    #[arg(value_name = "RUN", required = true, num_args = 2..)]
    pub(crate) runs: Vec<String>,
    /// The metric whose curves are drawn [default: val_loss, or train_loss where runs have none].
    #[arg(long, value_name = "NAME")]
    pub(crate) metric: Option<String>,
    /// Where the curves go, as SVG and PNG: a file or a folder [default: compare.svg and compare.png here].
    #[arg(long, value_name = "PATH")]
    pub(crate) out: Option<PathBuf>,
    /// Print one JSON document, and draw nothing unless --out says where.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ChosenArgs {
    /// Runs: their names, their ids, or the first digits of those.
    #[arg(value_name = "RUN", required = true)]
    pub(crate) runs: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct RepeatArgs {
    /// A run of `train`: its name, its id, or the first digits of that.
    #[arg(value_name = "RUN")]
    pub(crate) run: String,
    /// The folder for the model and its companions [default: runs/<date>-repeat-<id>].
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// Threads to work with [default: one for each core]. Results do not depend on it.
    #[arg(long, value_name = "N", value_parser = super::threads)]
    pub(crate) threads: Option<usize>,
}
