//! `ocelli runs show`.

use super::list::{status, took};
use super::store::Store;
use crate::args::runs::ShowArgs;
use crate::commands::print_json;
use crate::failure::Failure;
use crate::text::{bytes, date, duration};
use ocelli::data::printable;
use ocelli::track::{ArtifactFile, Run};
use serde::Serialize;
use std::io::{self, Write};

/// A run and its files.
#[derive(Serialize)]
struct Document<'a> {
    #[serde(flatten)]
    run: &'a Run,
    artifacts: &'a [ArtifactFile],
}

pub(super) fn run(store: &Store, args: &ShowArgs) -> Result<(), Failure> {
    let run = store.find(&args.run)?;
    let files = files(store, &run)?;
    if args.json {
        return print_json(&Document { run: &run, artifacts: &files });
    }
    let experiment = store.tracker.get_experiment(&run.experiment_id)?.name;
    Ok(print(&run, &experiment, &files)?)
}

/// All files of a run, folder by folder.
fn files(store: &Store, run: &Run) -> Result<Vec<ArtifactFile>, Failure> {
    let (mut files, mut folders) = (Vec::new(), vec![String::new()]);
    while let Some(folder) = folders.pop() {
        for entry in store.tracker.list_artifacts(&run.id, &folder)? {
            // A server could name a folder as its own.
            match entry.is_folder {
                true if entry.path.len() > folder.len() => folders.push(entry.path),
                true => {}
                false => files.push(entry),
            }
        }
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(files)
}

fn print(run: &Run, experiment: &str, files: &[ArtifactFile]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "run         {} {}", printable(&run.id), printable(&run.name))?;
    writeln!(out, "experiment  {}", printable(experiment))?;
    writeln!(out, "status      {}", status(run.status))?;
    if let Some(began) = run.start_time {
        writeln!(out, "began       {} UTC", date(began))?;
    }
    if let Some(seconds) = took(run) {
        writeln!(out, "took        {}", duration(seconds))?;
    }
    let mut table = |title: &str, rows: Vec<(String, String)>| {
        let wide = rows.iter().map(|(key, _)| key.chars().count()).max().unwrap_or(0);
        if !rows.is_empty() {
            writeln!(out, "\n{title}")?;
        }
        rows.iter()
            .try_for_each(|(key, value)| writeln!(out, "  {:<wide$}  {}", printable(key), printable(value)))
    };
    table("parameters", run.params.iter().map(|(key, value)| (key.clone(), value.clone())).collect())?;
    table(
        "metrics, the latest",
        run.metrics.iter().map(|(key, metric)| (key.clone(), metric.value.to_string())).collect(),
    )?;
    let data = run.inputs.iter().map(|input| {
        let what = input.context.clone().unwrap_or_default();
        (what, format!("{} {} {}", input.dataset.name, input.dataset.digest, input.dataset.source))
    });
    table("data", data.collect())?;
    table("tags", run.tags.iter().map(|(key, value)| (key.clone(), value.clone())).collect())?;
    let file = |file: &ArtifactFile| (file.path.clone(), file.size.map_or_else(String::new, bytes));
    table("files", files.iter().map(file).collect())?;
    writeln!(out, "\n{}", printable(&run.artifact_uri))
}
