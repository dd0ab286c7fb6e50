//! The `ocelli` command: parse, build, call, print.
//!
//! Results go to standard output; progress, warnings and errors go to standard error. Exit codes: 0 when all was done
//! (`train` names what it leaves out of the data, and that is done too), 1 when the work failed or an image that was to be
//! evaluated or predicted on was left out, or `lint` or `data check` found something serious, 2 when what was asked for cannot be, 130
//! when a command was interrupted (Ctrl-C, or SIGTERM): once, `train` writes its checkpoint first, and `eval` and `lr-find` end their tracked
//! runs; twice, it stops at once.

mod args;
mod chart;
mod commands;
mod example;
mod failure;
mod files;
mod folder;
mod interrupt;
mod memory;
mod progress;
mod text;
mod tracking;

use args::{Cli, Command};
use clap::Parser;
use failure::Failure;
use ocelli::kernels::{ISA_VARIABLE, Isa};
use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let command = Cli::parse().command;
    // Before any work: a wrong name would otherwise count as none.
    if let Err(error) = Isa::detect() {
        return Failure::usage(error)
            .hint(format!("unset {ISA_VARIABLE}, or set it to one of these"))
            .report();
    }
    let done = match command {
        Command::Train(args) => commands::train::run(&args),
        Command::Eval(args) => commands::eval::run(&args),
        Command::Predict(args) => commands::predict::run(&args),
        Command::Export(args) => commands::export::run(&args),
        Command::Verify(args) => commands::export::run_verify(&args),
        Command::Serve(args) => commands::serve::run(&args),
        Command::Explain(args) => commands::explain::run(&args),
        Command::Tune(args) => commands::tune::run(&args),
        Command::Runs(args) => commands::runs::run(&args),
        Command::LrFind(args) => commands::lr_find::run(&args),
        Command::BatchSize(args) => commands::batch_size::run(&args),
        Command::Schedule(args) => commands::schedule::run(&args),
        Command::Report(args) => commands::report::run(&args),
        Command::Embed(args) => commands::embed::run(&args),
        Command::Data(args) => commands::data::run(&args),
        Command::Summary(args) => commands::summary::run(&args),
        Command::Lint(args) => commands::lint::run(&args),
        Command::Models(args) => commands::models::run(&args),
        Command::Weights(args) => commands::weights::run(&args),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}
