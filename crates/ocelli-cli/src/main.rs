//! The `ocelli` command: parse, build, call, print.
//!
//! Results go to standard output; progress, warnings and errors go to standard error. Exit codes: 0 when all was done,
//! 1 when the work failed or part of it was left out, 2 when what was asked for cannot be.

mod args;
mod commands;
mod example;
mod failure;
mod folder;
mod progress;
mod text;

use args::{Cli, Command};
use clap::Parser;
use std::process::ExitCode;

fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Train(args) => commands::train::run(&args),
        Command::Eval(args) => commands::eval::run(&args),
        Command::Predict(args) => commands::predict::run(&args),
        Command::Summary(args) => commands::summary::run(&args),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}
