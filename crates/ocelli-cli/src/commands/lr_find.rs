//! `ocelli lr-find`: the learning rate to train with, from a sweep over learning rates.

use super::train::{command, data_line, failure, flagged};
use super::{print_json, threads};
use crate::args::LrFindArgs;
use crate::chart;
use crate::failure::Failure;
use crate::files::together;
use crate::interrupt;
use crate::progress;
use crate::text::{argument, count, plural, warn};
use crate::tracking::{self, Place, Tracking};
use indicatif::{ProgressBar, ProgressStyle};
use ocelli::data::Problem;
use ocelli::track::RunStatus;
use ocelli::train::{Ending, Event, LrCurve, LrFindOptions, Observer, Run, RunOptions, Suggestion};
use ocelli_plot::{Axis, Figure};
use serde::Serialize;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// The bar's line, as that of `train`.
const TEMPLATE: &str = "batch {pos}/{len} [{bar:12}] {eta} left  {wide_msg}";
/// Where the figures go if nothing is said.
const USUAL: &str = "lr-find";

#[derive(Serialize)]
struct Document<'a> {
    start: f64,
    end: f64,
    beta: f64,
    suggestions: Suggestions,
    #[serde(flatten)]
    curve: &'a LrCurve,
}

/// None where the curve says nothing.
#[derive(Serialize)]
struct Suggestions {
    valley: Option<f64>,
    steepest: Option<f64>,
    minimum: Option<f64>,
}

pub(crate) fn run(args: &LrFindArgs) -> Result<(), Failure> {
    let LrFindArgs { start, end, steps, beta, stop, .. } = *args;
    let options = LrFindOptions { start, end, steps, beta, stop };
    options.check().map_err(failure)?;
    args.out.as_deref().map_or(Ok(()), check_folder)?;
    let place = Place::named(&args.track)?;
    let recipe = flagged(&args.run, args.run.recipe.as_deref()).and_then(|recipe| recipe.build());
    let workers = threads(args.run.threads);
    let run =
        Run::prepare(recipe.map_err(Failure::usage)?, RunOptions { threads: workers }).map_err(failure)?;
    progress::name(run.problems());
    let in_words = !(args.json || args.csv);
    if in_words {
        introduce(&run, &options, workers)?;
    }
    interrupt::listen()?;
    let mut tracking =
        Tracking::begin(place, &args.track, "lr-find", Some(format!("lr-find-{}", run.network().name())))?;
    tracking.describe(&run);
    let mut bar = Bar::new(steps * run.recipe().train.accumulate);
    let found = run.find_lr(&options, &mut bar);
    progress::name(&bar.end());
    let curve = found.map_err(failure)?;
    track(&mut tracking, &options, &curve);
    if curve.ending == Ending::Asked {
        tracking.end(RunStatus::Killed);
        return Err(interrupt::stopped());
    }
    let usual = Path::new(USUAL);
    let figures =
        args.out.as_deref().or(in_words.then_some(usual)).map(|out| together(out, USUAL, ["svg", "png"]));
    if figures.is_some() || tracking.is_some() {
        let figure = figure(&run, &curve);
        for path in figures.iter().flatten() {
            figure.save(path).map_err(Failure::failed)?;
        }
        tracking::figure(&mut tracking, USUAL, &figure);
    }
    tracking.end(RunStatus::Finished);
    if args.json {
        return print_json(&document(&options, &curve));
    }
    if args.csv {
        return Ok(print_csv(&curve)?);
    }
    Ok(print(args, &options, &curve, figures.as_slice().as_flattened())?)
}

/// Says what was swept, every step, and what they suggest unless there were to be more.
fn track(tracking: &mut Tracking, options: &LrFindOptions, curve: &LrCurve) {
    let LrFindOptions { start, end, steps, beta, stop } = *options;
    let params = [("start", start), ("end", end), ("steps", steps as f64), ("beta", beta), ("stop", stop)];
    tracking.params(params.map(|(key, value)| (format!("lr_find.{key}"), value)));
    for (step, ((lr, loss), smoothed)) in (1..).zip(curve.lrs.iter().zip(&curve.losses).zip(&curve.smoothed))
    {
        tracking.metrics(step, [("step/lr", *lr), ("step/loss", *loss), ("step/smoothed_loss", *smoothed)]);
    }
    if curve.ending == Ending::Asked {
        return;
    }
    let suggested = Suggestion::ALL.map(|by| (format!("lr_{}", by.name()), curve.suggest(by)));
    let suggested = suggested.iter().filter_map(|(key, lr)| Some((key.as_str(), (*lr)?)));
    tracking.metrics(curve.lrs.len() as u64, suggested);
}

/// Checks that there is a folder for the figures, before the work that they show.
fn check_folder(out: &Path) -> Result<(), Failure> {
    match out.parent().filter(|folder| !folder.as_os_str().is_empty() && !folder.is_dir()) {
        Some(folder) => Err(Failure::usage(format!(
            "--out {}: there is no folder {}; make it first, or give another path",
            out.display(),
            folder.display()
        ))),
        None => Ok(()),
    }
}

/// What is swept.
fn introduce(run: &Run, options: &LrFindOptions, threads: usize) -> io::Result<()> {
    let mut out = io::stdout().lock();
    let recipe = run.recipe();
    writeln!(out, "{}, images to train {}", data_line(run), count(run.data().train as u64))?;
    writeln!(
        out,
        "sweep     {} in batches of {}, {} with learning rates from {} to {} in {}, seed {}, {}",
        run.network().name(),
        recipe.train.batch_size,
        recipe.train.optimizer.name(),
        rate(options.start),
        rate(options.end),
        plural(options.steps, "step", "steps"),
        recipe.seed,
        plural(threads as u64, "thread", "threads")
    )
}

/// A learning rate as it is said, and as `--lr` and recipes take it.
fn rate(lr: f64) -> String {
    format!("{lr:.2e}")
}

/// A bar on standard error, if that is a terminal.
struct Bar {
    bar: ProgressBar,
    problems: Vec<Problem>,
}

impl Bar {
    fn new(batches: u64) -> Self {
        let style = ProgressStyle::with_template(TEMPLATE).expect("the template is well formed");
        let bar = ProgressBar::new(batches).with_style(style.progress_chars("=> "));
        Bar { bar, problems: Vec::new() }
    }

    /// Takes the bar away; gives what could not be loaded.
    fn end(self) -> Vec<Problem> {
        self.bar.finish_and_clear();
        self.problems
    }
}

impl Observer for Bar {
    fn event(&mut self, event: &Event<'_>) {
        match event {
            Event::Batch(done) => {
                self.bar.set_message(format!("learning rate {}, loss {:.4}", rate(done.lr), done.loss));
                self.bar.inc(1);
            }
            Event::Problem(problem) => self.problems.push((*problem).clone()),
            _ => {}
        }
    }

    fn wants_stop(&mut self) -> bool {
        interrupt::asked()
    }
}

fn document<'a>(options: &LrFindOptions, curve: &'a LrCurve) -> Document<'a> {
    let LrFindOptions { start, end, beta, .. } = *options;
    let [valley, steepest, minimum] =
        [Suggestion::Valley, Suggestion::Steepest, Suggestion::Minimum].map(|by| curve.suggest(by));
    Document { start, end, beta, suggestions: Suggestions { valley, steepest, minimum }, curve }
}

fn print_csv(curve: &LrCurve) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "lr,loss,smoothed")?;
    let losses = curve.losses.iter().zip(&curve.smoothed);
    curve
        .lrs
        .iter()
        .zip(losses)
        .try_for_each(|(lr, (loss, smoothed))| writeln!(out, "{lr:e},{loss},{smoothed}"))
}

/// The curve, what it suggests, and how to use that.
fn print(args: &LrFindArgs, options: &LrFindOptions, curve: &LrCurve, figures: &[PathBuf]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    let points: Vec<(f64, f64)> = smoothed(curve).map(|(lr, loss)| (lr.log10(), loss)).collect();
    let lines = chart::lines(&points, |power| rate(10f64.powf(power)), |loss| format!("{loss:.3}"));
    writeln!(out)?;
    lines.iter().try_for_each(|line| writeln!(out, "{line}"))?;
    writeln!(out, "{:>46}\n", "smoothed loss over learning rate")?;
    writeln!(out, "ended     {}", ending(options, curve))?;
    writeln!(out, "\nsuggestion  learning rate")?;
    for by in Suggestion::ALL {
        let found = curve.suggest(by).map_or_else(|| "-".into(), rate);
        writeln!(out, "{:<10}  {found:>13}  {}", by.name(), about(by))?;
    }
    writeln!(out)?;
    for path in figures {
        writeln!(out, "figure    {}", path.display())?;
    }
    let Some(lr) = Suggestion::ALL.into_iter().find_map(|by| curve.suggest(by)) else {
        drop(out);
        warn(
            &"the curve suggests nothing: the loss never falls, or there are too few steps; look at it, and try other --start and --end",
        );
        return Ok(());
    };
    let recipe = args.run.recipe.iter().flat_map(|recipe| ["--recipe".into(), recipe.display().to_string()]);
    let flags: String = recipe.chain(args.run.flags()).map(|flag| format!(" {}", argument(&flag))).collect();
    writeln!(out, "\ntry next:\n  {} train{flags} --lr {}", command(), rate(lr))
}

/// Why the sweep ended.
fn ending(options: &LrFindOptions, curve: &LrCurve) -> String {
    let steps = plural(curve.lrs.len() as u64, "step", "steps");
    match curve.ending {
        Ending::Whole => format!("after all {steps}"),
        Ending::Rose => format!(
            "after {steps} of {}: the loss rose to more than {} times its lowest",
            curve.steps, options.stop
        ),
        Ending::NoNumber => format!("after {steps} of {}: the next loss was no number", curve.steps),
        Ending::Asked => format!("after {steps} of {}, as asked", curve.steps),
    }
}

/// What a suggestion is.
fn about(by: Suggestion) -> &'static str {
    match by {
        Suggestion::Valley => "halfway along the longest fall: begin with this one",
        Suggestion::Steepest => "where the loss falls fastest",
        Suggestion::Minimum => "a tenth of the rate with the lowest loss",
    }
}

fn smoothed(curve: &LrCurve) -> impl Iterator<Item = (f64, f64)> + Clone {
    curve.lrs.iter().copied().zip(curve.smoothed.iter().copied())
}

/// The curve over a logarithmic axis, with the suggestions on it.
fn figure(run: &Run, curve: &LrCurve) -> Figure {
    let highest = curve.smoothed.iter().copied().fold(0.0, f64::max);
    // A single batch may be far off where rates are too high: the curve is what is to be seen.
    let losses =
        curve.lrs.iter().copied().zip(curve.losses.iter().copied()).filter(|(_, loss)| *loss <= highest);
    let title = format!("{} on {}", run.network().name(), run.data().path.display());
    let figure = Figure::new(title).x(Axis::log("learning rate")).y(Axis::linear("loss"));
    let figure = figure.points("of one batch", losses).line("smoothed", smoothed(curve));
    let [first, others @ ..] = Suggestion::ALL;
    let on_curve = |by| curve.suggest(by).and_then(|lr| Some((lr, loss_at(curve, lr)?)));
    let figure = others.into_iter().fold(figure, |figure, by| match on_curve(by) {
        Some(place) => figure.points(format!("{}: {}", by.name(), rate(place.0)), [place]),
        None => figure,
    });
    match on_curve(first) {
        Some(place) => figure.mark(format!("{}: {}", first.name(), rate(place.0)), place),
        None => figure,
    }
}

/// The smoothed loss of the step whose rate is the nearest.
fn loss_at(curve: &LrCurve, lr: f64) -> Option<f64> {
    let far = |(of_step, _): &(f64, f64)| (of_step / lr).ln().abs();
    smoothed(curve).min_by(|a, b| far(a).total_cmp(&far(b))).map(|(_, loss)| loss)
}
