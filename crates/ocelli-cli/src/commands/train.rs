//! `ocelli train`: from a folder of images, or nothing at all, to a model.

use super::{network_names, threads};
use crate::args::{RunArgs, TrainArgs};
use crate::example;
use crate::failure::{Failure, closed_pipe};
use crate::folder;
use crate::interrupt;
use crate::progress::{self, Progress, Style};
use crate::text::{bytes, count, percent, plural, shell, warn};
use crate::tracking::{Kept, Place, Tracking, Watched, Watching};
use ocelli::data::printable;
use ocelli::nn::lint::Severity;
use ocelli::nn::{NetworkErrorKind, ShapeErrorKind, Summary};
use ocelli::train::{
    DataInfo, Distillation, EpochDone, OnDivergence, Outcome, Position, Recipe, RecipeBuilder, RecipeError,
    Resize, Resume, Run, RunOptions, TrainError, TrainSection, claim, has_checkpoint,
};
use std::collections::HashMap;
use std::fs;
use std::io::{self, Write};
use std::path::Path;

pub(crate) fn run(args: &TrainArgs) -> Result<(), Failure> {
    let options = RunOptions { threads: threads(args.run.threads) };
    if let Some(path) = &args.resume {
        return resume(args, path, options);
    }
    let recipe = recipe(args, args.run.recipe.as_deref()).map_err(Failure::usage)?;
    let place = Place::named(&args.track)?;
    let run = prepare(args, recipe, options).map_err(failure)?;
    let out = args.out.clone().unwrap_or_else(|| folder::for_run(Path::new("runs"), run.network().name()));
    let mut tracking = Tracking::begin(place, &args.track, "train", name_of(&out))?;
    tracking.describe(&run);
    train(&run, options, &out, (args.style(), tracking), |watched| run.train(&out, watched))
}

/// A run's usual name: that of its folder.
pub(super) fn name_of(folder: &Path) -> Option<String> {
    std::path::absolute(folder).ok()?.file_name().map(|name| name.to_string_lossy().into_owned())
}

/// Where the run of a folder is tracked, if it is, and is to be there.
///
/// # Errors
/// It is at a server that nobody named: what the environment says for another is not for it.
fn tracked(place: Option<&Place>, args: &TrainArgs, folder: &Path) -> Result<Option<Kept>, Failure> {
    let (Some(place), Some(mut kept)) = (place, Kept::read(folder)?) else { return Ok(None) };
    if kept.uri.to_string() == place.uri.to_string() {
        // With user and password, where those are known.
        kept.uri = place.uri.clone();
        return Ok(Some(kept));
    }
    if args.track.tracking_uri.is_some() {
        return Ok(None);
    }
    match kept.uri.path() {
        Some(path) if path.exists() => Ok(Some(kept)),
        Some(path) => {
            warn(&format!("{} is there no more: it is tracked as another run from here on", path.display()));
            Ok(None)
        }
        None => Err(Failure::usage(format!("{} is tracked at {}", folder.display(), kept.uri))
            .hint(format!("go on there with --tracking-uri {}, or untracked with --no-track", kept.uri))),
    }
}

/// Goes on with the tracked run of a folder; with another one where there is none.
fn resume_tracking(args: &TrainArgs, run: &Run, folder: &Path) -> Result<Tracking, Failure> {
    let place = Place::named(&args.track)?;
    let resumed = tracked(place.as_ref(), args, folder)?.map(Tracking::resume).transpose()?;
    if let Some(tracking) = resumed.flatten() {
        return Ok(tracking);
    }
    let mut tracking = Tracking::begin(place, &args.track, "train", name_of(folder))?;
    tracking.describe(run);
    Ok(tracking)
}

/// Goes on with a run.
fn resume(args: &TrainArgs, path: &Path, options: RunOptions) -> Result<(), Failure> {
    let folder = Resume::folder_of(path).map_err(failure)?;
    let asked = match &args.run.recipe {
        Some(recipe) => Some(recipe.clone()),
        None => Some(folder.join("recipe.toml")).filter(|_| changes_recipe(args)),
    };
    let recipe = asked.map(|file| recipe(args, Some(&file))).transpose().map_err(Failure::usage)?;
    let resume = Resume::open(path, recipe, options).map_err(failure)?;
    if let Some(best) = resume.finished() {
        let tracked = tracked(Place::named(&args.track)?.as_ref(), args, &folder)?;
        if let Some(tracking) = tracked.filter(|kept| !kept.complete).map(Tracking::resume).transpose()? {
            tracking.into_iter().for_each(|tracking| tracking.complete(&folder, best));
        }
        heard(say_finished(&folder, resume.run().recipe().train.epochs, best))?;
        return Ok(());
    }
    let Position { epoch, step, sums, .. } = resume.position();
    let place = if sums.batches == 0 {
        String::new()
    } else {
        format!(" and {} of the next", plural(sums.batches, "batch", "batches"))
    };
    heard(writeln!(
        io::stdout(),
        "going on  {} after {}{place}, {}",
        folder.display(),
        plural(epoch, "epoch", "epochs"),
        plural(step, "step", "steps")
    ))?;
    let tracking = resume_tracking(args, resume.run(), &folder)?;
    train(resume.run(), options, &folder, (args.style(), tracking), |watched| resume.train(watched))
}

/// Whether flags say something about the recipe.
fn changes_recipe(args: &TrainArgs) -> bool {
    args.run.change_recipe() || args.epochs.is_some() || args.lr.is_some()
}

fn say_finished(folder: &Path, epochs: u64, best: &EpochDone) -> io::Result<()> {
    writeln!(
        io::stdout(),
        "{} is finished: {} done, the best is epoch {}; its model is {}",
        folder.display(),
        plural(epochs, "epoch is", "epochs are"),
        best.epoch,
        folder.join("model.safetensors").display()
    )
}

/// Says what is trained, trains it, and says what came of it.
fn train(
    run: &Run,
    options: RunOptions,
    folder: &Path,
    (style, mut tracking): (Style, Tracking),
    work: impl FnOnce(&mut Watched<'_>) -> Result<Outcome, TrainError>,
) -> Result<(), Failure> {
    progress::name(run.problems());
    heard(introduce(run, options.threads))?;
    caution(run);
    interrupt::listen()?;
    let mut progress = Progress::new(style)?;
    let watching = Watching::new(&mut tracking, folder);
    let outcome = work(&mut Watched { progress: &mut progress, watching });
    progress.end();
    tracking.trained(run, &outcome);
    let resume = format!("{} train --resume {}", command(), shell(&folder.display().to_string()));
    match outcome {
        Ok(outcome) => Ok(heard(conclude(run, &outcome))?),
        Err(stopped @ TrainError::Stopped { .. }) => {
            // Nobody may be there to read it.
            let _ = writeln!(io::stderr(), "{stopped}; go on with:\n  {resume}");
            Err(Failure::Reported(interrupt::CODE))
        }
        // The same run would diverge again.
        Err(error @ TrainError::Diverged(_)) if has_checkpoint(folder) => {
            let last = shell(&folder.join("last.safetensors").display().to_string());
            let back = match run.recipe().train.on_divergence {
                OnDivergence::Stop => "; or have a run go back by itself: --set train.on_divergence=back-off",
                OnDivergence::BackOff => "",
            };
            Err(Failure::failed(error).hint(format!(
                "the newest checkpoint is from before and whole; begin a new run from it: --weights {last}{back}"
            )))
        }
        Err(error) if has_checkpoint(folder) => Err(Failure::failed(error)
            .hint(format!("the newest checkpoint is whole; once it is mended, go on with: {resume}"))),
        Err(error) => Err(failure(error)),
    }
}

/// Makes the run ready; the folder asked for first, so that it is not refused when all the data has been read.
fn prepare(args: &TrainArgs, recipe: Recipe, options: RunOptions) -> Result<Run, TrainError> {
    let Some(out) = &args.out else { return Run::prepare(recipe, options) };
    let was_there = out.exists();
    claim(out)?;
    let run = Run::prepare(recipe, options);
    if run.is_err() && !was_there {
        // Only if it is empty, as it was made; a folder that stays does no harm.
        let _ = fs::remove_dir(out);
    }
    run
}

/// Whoever reads may have had enough (`ocelli train | head`): the run goes on.
fn heard(said: io::Result<()>) -> io::Result<()> {
    said.or_else(|error| if closed_pipe(&error) { Ok(()) } else { Err(error) })
}

/// A recipe file, then `--set` in order, then the data and the seed.
pub(super) fn begun(
    file: Option<&Path>,
    set: &[String],
    data: Option<&str>,
    seed: Option<i64>,
) -> Result<RecipeBuilder, RecipeError> {
    let mut recipe = RecipeBuilder::new();
    if let Some(path) = file {
        recipe = recipe.file(path)?;
    }
    for assignment in set {
        recipe = recipe.set(assignment)?;
    }
    if let Some(data) = data {
        recipe = recipe.value("data.path", data, "--data")?;
    }
    if let Some(seed) = seed {
        recipe = recipe.value("seed", seed, "--seed")?;
    }
    Ok(recipe)
}

/// The recipe file, then `--set` in order, then the flags: what is most plainly said wins.
pub(super) fn flagged(args: &RunArgs, file: Option<&Path>) -> Result<RecipeBuilder, RecipeError> {
    let mut recipe = begun(file, &args.set, args.data.as_deref(), args.seed)?;
    if let Some(cache) = &args.cache {
        recipe = recipe.value("data.cache", cache.as_str(), "--cache")?;
    }
    if let Some(model) = &args.model {
        recipe = recipe.value("model.network", model.as_str(), "--model")?;
    }
    if let Some(weights) = &args.weights {
        recipe = recipe.value("model.weights", weights.as_str(), "--weights")?;
    }
    if let Some(teacher) = &args.teacher {
        recipe = recipe.value("distill.teacher", teacher.as_str(), "--teacher")?;
    }
    if !args.freeze.is_empty() {
        recipe = recipe.value("train.freeze", args.freeze.clone(), "--freeze")?;
    }
    if let Some(batch_size) = args.batch_size {
        recipe = recipe.value("train.batch_size", batch_size, "--batch-size")?;
    }
    if args.strict {
        recipe = recipe.value("data.strict", true, "--strict")?;
    }
    Ok(recipe)
}

/// The recipe that `ocelli train` trains.
fn recipe(args: &TrainArgs, file: Option<&Path>) -> Result<Recipe, RecipeError> {
    let mut recipe = flagged(&args.run, file)?;
    if let Some(epochs) = args.epochs {
        recipe = recipe.value("train.epochs", epochs, "--epochs")?;
    }
    if let Some(lr) = args.lr {
        recipe = recipe.value("train.lr", lr, "--lr")?;
    }
    recipe.build()
}

/// A failure to make a recipe ready, or to train it.
pub(super) fn failure(error: TrainError) -> Failure {
    if let TrainError::Strict { problems } = &error {
        progress::name(problems);
    }
    let hint = match &error {
        TrainError::UnknownNetwork { suggestion: None, .. } => Some(network_names()),
        TrainError::NotANetwork { path } => Some(network_of_model(path)),
        TrainError::Network { source, .. }
            if source.kind() == NetworkErrorKind::Shape(ShapeErrorKind::Size) =>
        {
            Some("larger images may help: --set transforms.size=[64,64]".to_string())
        }
        TrainError::FolderTaken { path, .. } if has_checkpoint(path) => {
            let folder = shell(&path.display().to_string());
            Some(format!("to go on with that run: {} train --resume {folder}", command()))
        }
        TrainError::Strict { .. } => Some("without --strict they are left out and named".to_string()),
        _ => None,
    };
    let failure = if error.is_request() { Failure::usage(error) } else { Failure::failed(error) };
    match hint {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
}

/// What to give instead of a trained model.
fn network_of_model(path: &Path) -> String {
    let recipe = path.with_file_name("recipe.toml");
    if path.extension().is_some_and(|extension| extension == "safetensors") && recipe.is_file() {
        let recipe = shell(&recipe.display().to_string());
        format!("this is a trained model; to train its network anew: --recipe {recipe}")
    } else {
        network_names()
    }
}

/// Where decoded images are kept, and how much of the disk they may take.
fn introduce_caches(run: &Run, out: &mut impl Write) -> io::Result<()> {
    let caches = run.caches();
    let Some(first) = caches.first() else { return Ok(()) };
    let folder = first.path.parent().unwrap_or(Path::new(""));
    let there: HashMap<&Path, usize> =
        caches.iter().map(|cache| (cache.path.as_path(), cache.images)).collect();
    writeln!(
        out,
        "cache     {}: about {} for these images, at most {} a file; {} there",
        folder.display(),
        bytes(caches.iter().map(|cache| cache.bytes).sum()),
        bytes(first.max_bytes),
        plural(there.values().sum::<usize>() as u64, "image", "images"),
    )
}

/// Where the data is, in which form, and how many classes it has.
pub(super) fn data_line(run: &Run) -> String {
    let data = run.data();
    let classes = plural(run.classes().len() as u64, "class", "classes");
    format!("data      {} ({}): {classes}", data.path.display(), data.format)
}

/// What is trained on what, and how.
fn introduce(run: &Run, threads: usize) -> io::Result<()> {
    let mut out = io::stdout().lock();
    let (data, recipe) = (run.data(), run.recipe());
    writeln!(
        out,
        "{}{}, images to train {}, validate {}, test {}",
        data_line(run),
        if data.multi_label { " (any number an image)" } else { "" },
        count(data.train as u64),
        count(data.val as u64),
        count(data.test as u64),
    )?;
    introduce_caches(run, &mut out)?;
    introduce_weights(run, &mut out)?;
    introduce_teacher(run, &mut out)?;
    writeln!(
        out,
        "training  {} in batches of {}, {} with learning rate {}, seed {}, {}\n",
        plural(recipe.train.epochs, "epoch", "epochs"),
        recipe.train.batch_size,
        recipe.train.optimizer.name(),
        recipe.train.lr.unwrap_or_else(|| recipe.train.optimizer.usual_lr()),
        recipe.seed,
        plural(threads as u64, "thread", "threads"),
    )?;
    writeln!(out, "{}", Summary::with_batch(run.network(), recipe.train.batch_size))
}

/// What it learns from beside the labels.
fn introduce_teacher(run: &Run, out: &mut impl Write) -> io::Result<()> {
    let (Some(teacher), Some(path)) = (run.teacher(), &run.recipe().distill.teacher) else { return Ok(()) };
    let network = teacher.classifier().network();
    let anew = if teacher.normalises_anew() { ", images brought to its mean and std" } else { "" };
    let Distillation { temperature, alpha } = teacher.distillation();
    writeln!(
        out,
        "teacher   {}: {}, {} parameters; temperature {temperature}, alpha {alpha}{anew}",
        from_here(path),
        network.name(),
        count(Summary::new(network).total.parameters),
    )
}

/// A path as people know it who are here: the recipe has it from the root.
fn from_here(path: &str) -> String {
    let here = std::env::current_dir().unwrap_or_default();
    let path = Path::new(path);
    printable(&path.strip_prefix(here).unwrap_or(path).to_string_lossy()).into_owned()
}

/// The weights that it begins with, and which of them stay.
fn introduce_weights(run: &Run, out: &mut impl Write) -> io::Result<()> {
    if let (Some(fit), Some(path)) = (run.fit(), &run.recipe().model.weights) {
        writeln!(out, "weights   {}: {fit}", from_here(path))?;
    }
    for group in &run.recipe().train.groups {
        let decay = group.weight_decay.map_or_else(String::new, |decay| format!(", weight decay {decay}"));
        writeln!(out, "group     {}: learning rate × {}{decay}", group.pattern, group.lr_scale)?;
    }
    let frozen = run.frozen();
    if !frozen.is_empty() {
        let values = frozen.iter().map(|parameter| parameter.elements() as u64).sum();
        let all = Summary::new(run.network()).total.parameters;
        writeln!(
            out,
            "frozen    {}, {} of {} values",
            plural(frozen.len() as u64, "parameter", "parameters"),
            count(values),
            count(all)
        )?;
    }
    for entry in &run.recipe().train.unfreeze {
        writeln!(out, "unfreeze  {} from epoch {} on", entry.pattern, entry.epoch)?;
    }
    for Resize { size: [height, width], until } in &run.recipe().train.resize {
        writeln!(out, "resize    to {height}×{width} until epoch {until}")?;
    }
    Ok(())
}

/// What is likely to be regretted when the run is over. Nobody may be there to read it: the run goes on.
fn caution(run: &Run) {
    let serious = run.lint().into_iter().filter(|finding| finding.severity == Severity::Serious);
    for finding in serious {
        let _ = writeln!(io::stderr(), "{finding}\n");
    }
}

/// The test accuracy, the files, and the commands to try next.
fn conclude(run: &Run, outcome: &Outcome) -> io::Result<()> {
    let mut out = io::stdout().lock();
    let best = &outcome.best;
    writeln!(out)?;
    match (&outcome.test, best.val_accuracy) {
        (Some(test), _) => writeln!(
            out,
            "test      accuracy {} of {}, loss {:.4} ({})",
            percent(test.accuracy),
            plural(test.images, "image", "images"),
            test.loss,
            which_weights(&run.recipe().train, best)
        )?,
        (None, Some(accuracy)) => {
            writeln!(
                out,
                "best      accuracy {} in validation ({})",
                percent(accuracy),
                which_weights(&run.recipe().train, best)
            )?;
        }
        (None, None) => writeln!(out, "trained   {}", plural(best.epoch, "epoch", "epochs"))?,
    }
    writeln!(out, "took      {:.1} s{}", outcome.seconds, waiting(best, run.caches().is_empty()))?;
    writeln!(out, "model     {}", outcome.model.display())?;
    writeln!(out, "\ntry next:")?;
    let (ocelli, model) = (command(), shell(&outcome.model.display().to_string()));
    if let Some(image) = example::image(run.held_out_images().as_ref(), &outcome.folder) {
        writeln!(out, "  {ocelli} predict {model} {}", shell(&image.display().to_string()))?;
    }
    let data = shell(&run.data().path.display().to_string());
    writeln!(out, "  {ocelli} eval {model} --data {data}{}", split(run.data()))?;
    writeln!(out, "  {ocelli} summary {model}")?;
    let recipe = outcome.folder.join("recipe.toml");
    writeln!(out, "  {ocelli} train --recipe {} --seed 2", shell(&recipe.display().to_string()))
}

/// What the model's weights are.
fn which_weights(train: &TrainSection, best: &EpochDone) -> String {
    match (train.swa_start.filter(|start| *start < best.epoch), train.ema_decay) {
        (Some(start), _) => format!("the mean weights of epochs {} to {}", start + 1, best.epoch),
        (None, Some(_)) => format!("the averaged weights of epoch {}", best.epoch),
        (None, None) => format!("the weights of epoch {}", best.epoch),
    }
}

/// Waiting for images that is not worth a word, as a share of the epoch.
const LITTLE: f64 = 0.1;

/// How much of the time images decided, and what helps.
fn waiting(epoch: &EpochDone, nothing_cached: bool) -> String {
    let share = epoch.waited_seconds / epoch.seconds.max(1e-9);
    match (share > LITTLE, nothing_cached) {
        (false, _) => String::new(),
        (true, true) => {
            format!(", {} of it waiting for images: --cache DIR keeps them decoded", percent(share))
        }
        (true, false) => format!(", {} of it waiting for images", percent(share)),
    }
}

/// The part of the data that `eval` is to measure on, where that is not what it takes by itself.
fn split(data: &DataInfo) -> &'static str {
    match data {
        DataInfo { test: 0, val: 1.., .. } => " --split val",
        _ => "",
    }
}

/// What the user types to run this program: cargo tells when it is in between.
pub(super) fn command() -> &'static str {
    if std::env::var_os("CARGO").is_some() { "cargo run --release --" } else { "ocelli" }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ocelli::data::Extent;
    use ocelli::data::dataset::Format;

    #[test]
    fn eval_is_told_the_part_where_there_is_no_test() {
        let extent = Extent { channels: 1, height: 8, width: 8, uniform: true };
        let data = |val, test| DataInfo {
            path: "d".into(),
            format: Format::Idx,
            train: 9,
            val,
            test,
            extent,
            multi_label: false,
        };
        assert_eq!([split(&data(3, 2)), split(&data(3, 0)), split(&data(0, 0))], ["", " --split val", ""]);
    }

    #[test]
    fn waiting_for_images_is_told_where_it_is_much() {
        let epoch = |waited_seconds| EpochDone { waited_seconds, seconds: 10.0, ..EpochDone::default() };
        assert_eq!(waiting(&epoch(0.9), true), "");
        assert_eq!(waiting(&epoch(4.0), false), ", 40.0% of it waiting for images");
        assert!(waiting(&epoch(4.0), true).ends_with("--cache DIR keeps them decoded"));
    }
}
