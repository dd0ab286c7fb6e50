//! `ocelli runs list`.

use super::store::Store;
use crate::args::runs::ListArgs;
use crate::commands::print_json;
use crate::failure::Failure;
use crate::text::{date, duration, percent, plural};
use ocelli::data::printable;
use ocelli::track::{Run, RunStatus, SearchRuns, ViewType};
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::time::Duration;

/// Digits of an id that are shown.
pub(super) const DIGITS: usize = 8;
/// Accuracies of a run, the one that tells most first.
const ACCURACIES: [&str; 3] = ["test_accuracy", "val_accuracy", "accuracy"];
const LOSSES: [&str; 3] = ["test_loss", "val_loss", "loss"];

pub(super) fn run(store: &Store, args: &ListArgs) -> Result<(), Failure> {
    let experiments = store.experiments()?;
    let names: BTreeMap<String, String> = experiments.into_iter().map(|one| (one.id, one.name)).collect();
    let chosen: Vec<String> = match &args.experiment {
        None => names.keys().cloned().collect(),
        Some(asked) => {
            let id = names.iter().find(|(_, name)| *name == asked).map(|(id, _)| id.clone());
            let all = || names.values().cloned().collect::<Vec<_>>().join(", ");
            vec![id.ok_or_else(|| {
                Failure::usage(format!("there is no experiment {asked} at {}", store.uri))
                    .hint(format!("there are {}", all()))
            })?]
        }
    };
    let search = SearchRuns {
        filter: args.filter.clone().unwrap_or_default(),
        order_by: args.order_by.clone(),
        max_results: args.limit,
        view: if args.deleted { ViewType::DeletedOnly } else { ViewType::ActiveOnly },
        ..SearchRuns::in_experiments(chosen)
    };
    let page = store.tracker.search_runs(&search)?;
    if args.json {
        return print_json(&page.items);
    }
    print(&page.items, &names, page.next.is_some())?;
    Ok(())
}

fn print(runs: &[Run], experiments: &BTreeMap<String, String>, more: bool) -> io::Result<()> {
    let mut out = io::stdout().lock();
    if runs.is_empty() {
        return writeln!(out, "no runs");
    }
    let name = |run: &Run| printable(&run.name).into_owned();
    let experiment =
        |run: &Run| printable(experiments.get(&run.experiment_id).map_or("-", String::as_str)).into_owned();
    let wide = |of: &dyn Fn(&Run) -> String, least: usize| {
        runs.iter().map(|run| of(run).chars().count()).max().unwrap_or(0).max(least)
    };
    let (names, groups) = (wide(&name, 4), wide(&experiment, 10));
    writeln!(
        out,
        "{:<DIGITS$}  {:<names$}  {:<groups$}  {:<9}  {:<16}  {:>8}  {:>8}  {:>7}",
        "id", "name", "experiment", "status", "began (UTC)", "took", "accuracy", "loss"
    )?;
    for run in runs {
        writeln!(
            out,
            "{:<DIGITS$}  {:<names$}  {:<groups$}  {:<9}  {:<16}  {:>8}  {:>8}  {:>7}",
            id(run),
            name(run),
            experiment(run),
            status(run.status),
            run.start_time.map_or_else(|| "-".into(), date),
            took(run).map_or_else(|| "-".into(), duration),
            first(run, &ACCURACIES).map_or_else(|| "-".into(), percent),
            first(run, &LOSSES).map_or_else(|| "-".into(), |loss| format!("{loss:.4}")),
        )?;
    }
    if more {
        writeln!(
            out,
            "\nthere are more than {}: --limit N lists more",
            plural(runs.len() as u64, "run", "runs")
        )?;
    }
    Ok(())
}

/// The first digits of a run's id.
pub(super) fn id(run: &Run) -> &str {
    run.id.get(..DIGITS).unwrap_or(&run.id)
}

/// How a run stands, in small letters.
pub(super) fn status(status: RunStatus) -> &'static str {
    match status {
        RunStatus::Running => "running",
        RunStatus::Scheduled => "scheduled",
        RunStatus::Finished => "finished",
        RunStatus::Failed => "failed",
        RunStatus::Killed => "stopped",
    }
}

/// How long a run took, if it is over.
pub(super) fn took(run: &Run) -> Option<f64> {
    let milliseconds = run.end_time?.checked_sub(run.start_time?)?;
    Some(Duration::from_millis(u64::try_from(milliseconds).ok()?).as_secs_f64())
}

/// The first of these metrics that the run has.
fn first(run: &Run, names: &[&str]) -> Option<f64> {
    names.iter().find_map(|name| run.metrics.get(*name)).map(|metric| metric.value)
}
