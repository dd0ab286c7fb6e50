//! `ocelli runs`: what was tracked.

mod compare;
mod list;
mod repeat;
mod show;
mod store;

use crate::args::runs::{ListArgs, RunsArgs, RunsCommand};
use crate::failure::Failure;
use ocelli::data::printable;
use std::io::{self, Write};
use store::Store;

pub(crate) fn run(args: &RunsArgs) -> Result<(), Failure> {
    let store = Store::open(args.tracking_uri.as_ref())?;
    match &args.command {
        None => list::run(&store, &ListArgs::default()),
        Some(RunsCommand::List(args)) => list::run(&store, args),
        Some(RunsCommand::Show(args)) => show::run(&store, args),
        Some(RunsCommand::Compare(args)) => compare::run(&store, args),
        Some(RunsCommand::Delete(args)) => change(&store, &args.runs, true),
        Some(RunsCommand::Restore(args)) => change(&store, &args.runs, false),
        Some(RunsCommand::Repeat(args)) => repeat::run(&store, args),
    }
}

/// Deletes or restores runs; all are looked up before the first is changed.
fn change(store: &Store, named: &[String], delete: bool) -> Result<(), Failure> {
    let runs = named.iter().map(|named| store.find(named)).collect::<Result<Vec<_>, _>>()?;
    for run in &runs {
        if delete {
            store.tracker.delete_run(&run.id)?;
        } else {
            store.tracker.restore_run(&run.id)?;
        }
        writeln!(
            io::stdout(),
            "{} {} {}",
            if delete { "deleted " } else { "restored" },
            printable(&run.id),
            printable(&run.name)
        )?;
    }
    Ok(())
}
