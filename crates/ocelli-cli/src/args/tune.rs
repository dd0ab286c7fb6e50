//! `ocelli tune`: the arguments.

use super::{RunArgs, TrackArgs};
use crate::commands::tune::{Objective, PrunerChoice};
use clap::{Args, ValueEnum};
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(crate) struct TuneArgs {
    #[command(flatten)]
    pub(crate) run: RunArgs,
    /// What may vary, as TOML: a line for each setting, "train.lr" = { type = "float", low = 1e-4, high = 0.1, log = true }.
    #[arg(long, value_name = "FILE")]
    pub(crate) space: PathBuf,
    /// What to make better: a figure of metrics.jsonl (val_loss, val_accuracy, …), parameters or multiply_adds; accuracies and
    /// speeds are to rise, all else is to fall, unless NAME=minimize or NAME=maximize says so. Given many times, the trials that
    /// no other beats in all of them are looked for [default: val_loss].
    #[arg(long, value_name = "NAME", action = clap::ArgAction::Append)]
    pub(crate) objective: Vec<Objective>,
    /// Trials in all, those of earlier calls included.
    #[arg(long, value_name = "N", default_value_t = 30)]
    pub(crate) trials: usize,
    /// Begin no trial after so many seconds.
    #[arg(long, value_name = "SECONDS")]
    pub(crate) timeout: Option<f64>,
    /// Who proposes settings [default: gp; tpe with a pruner or several objectives].
    #[arg(long, value_enum)]
    pub(crate) sampler: Option<SamplerName>,
    /// Who gives up on trials, epoch by epoch: none; median: what is worse than half of the others were; percentile:25: than the best
    /// quarter were; asha, or asha:4: one of four goes on from epochs 1, 4, 16, …; hyperband, or hyperband:3: several of these side
    /// by side; patient:3: what has not got better for 3 epochs; threshold:2.5: what is worse than 2.5.
    #[arg(long, value_name = "NAME[:NUMBER]", default_value = "none")]
    pub(crate) pruner: PrunerChoice,
    /// Trials at once; each gets its share of the threads.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) jobs: usize,
    /// The folder of the study and its trials; called with the same again, the study goes on [default: runs/<date>-tune-<network>].
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// The study's journal, which other processes may work on too, and Optuna opens [default: study.log in the folder].
    #[arg(long, value_name = "FILE")]
    pub(crate) storage: Option<PathBuf>,
    /// The study's name in its journal.
    #[arg(long, value_name = "NAME", default_value = "ocelli")]
    pub(crate) study: String,
    #[command(flatten)]
    pub(crate) track: TrackArgs,
}

/// Who proposes settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum SamplerName {
    /// Gaussian process: knows from few trials where the next is worth most; learns nothing from trials that were given up.
    Gp,
    /// Tree-structured Parzen estimator: looks where good trials are denser than others.
    Tpe,
    /// All combinations, one after the other: every setting needs a step or choices.
    Grid,
    /// Evenly spread: a scrambled Sobol sequence.
    Sobol,
    /// By chance.
    Random,
}
