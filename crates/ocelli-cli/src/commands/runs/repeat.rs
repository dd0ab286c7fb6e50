//! `ocelli runs repeat`.

use super::list::id;
use super::store::Store;
use crate::args::runs::RepeatArgs;
use crate::args::{RunArgs, TrainArgs};
use crate::commands::train;
use crate::failure::Failure;
use crate::folder;
use crate::tracking::{MODEL_FILE, RECIPE};
use ocelli::track::Run;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

pub(super) fn run(store: &Store, args: &RepeatArgs) -> Result<(), Failure> {
    let run = store.find(&args.run)?;
    let scratch = tempfile::tempdir()?;
    let recipe = scratch.path().join(RECIPE);
    store.tracker.download_artifact(&run.id, RECIPE, &recipe).map_err(|error| {
        Failure::failed(error).hint(format!(
            "a run of `ocelli train` has {RECIPE} among its files: ocelli runs show {}",
            id(&run)
        ))
    })?;
    let usual = || folder::for_run(Path::new("runs"), &format!("repeat-{}", id(&run)));
    let out = args.out.clone().unwrap_or_else(usual);
    train::run(&TrainArgs {
        run: RunArgs { recipe: Some(recipe), threads: args.threads, ..RunArgs::default() },
        out: Some(out.clone()),
        track: store.flags(&run.experiment_id)?,
        ..TrainArgs::default()
    })?;
    Ok(judge(store, &run, &out, &scratch.path().join("model"))?)
}

/// Says whether the same bits came out.
fn judge(store: &Store, run: &Run, out: &Path, first: &PathBuf) -> io::Result<()> {
    if store.tracker.download_artifact(&run.id, MODEL_FILE, first).is_err() {
        return writeln!(
            io::stdout(),
            "\nrepeats   {}, whose model cannot be had from there to compare",
            id(run)
        );
    }
    let same = fs::read(first)? == fs::read(out.join("model.safetensors"))?;
    let said = if same {
        "the model has the same bits"
    } else {
        "the model has other bits: the data, the version or the initial weights are others"
    };
    writeln!(io::stdout(), "\nrepeats   {}: {said}", id(run))
}
