//! `ocelli schedule`: the learning rates of a run before it is begun, as a table, a curve and figures.

use super::print_json;
use super::train::begun;
use crate::args::ScheduleArgs;
use crate::chart;
use crate::failure::Failure;
use crate::files::together;
use crate::text::{count, plural, warn};
use ocelli::train::{By, Clock, Pace, Rates, Recipe, Warmup};
use ocelli_plot::{Axis, Figure};
use serde::Serialize;
use std::io::{self, Write};

/// Rows of the table at most, so that a run of many epochs fits a screen.
const ROWS: u64 = 25;

/// The rates of a run.
struct Course {
    schedule: &'static str,
    optimizer: &'static str,
    lr: f64,
    epochs: u64,
    steps_per_epoch: u64,
    warmup: Option<Warmup>,
    pace: Pace,
}

/// An epoch's first and last step.
#[derive(Serialize)]
struct Epoch {
    /// From 1.
    epoch: u64,
    first_lr: f64,
    last_lr: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    first_momentum: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_momentum: Option<f64>,
}

#[derive(Serialize)]
struct Document {
    schedule: &'static str,
    lr: f64,
    steps_per_epoch: u64,
    epochs: Vec<Epoch>,
}

pub(crate) fn run(args: &ScheduleArgs) -> Result<(), Failure> {
    let recipe = recipe(args).map_err(Failure::usage)?;
    let course = Course::of(&recipe, args.steps_per_epoch);
    if args.json {
        let epochs = (0..course.epochs).map(|epoch| course.epoch(epoch)).collect();
        let Course { schedule, lr, steps_per_epoch, .. } = course;
        return print_json(&Document { schedule, lr, steps_per_epoch, epochs });
    }
    if recipe.train.schedule.plateau().is_some() {
        warn(&"a plateau waits for results: the rates are those of a run that gets better all the time");
    }
    let points = course.points();
    let figures = args.out.as_ref().map(|out| together(out, "schedule", ["svg", "png"]));
    for path in figures.iter().flatten() {
        course.figure(&points).save(path).map_err(Failure::failed)?;
    }
    let mut out = io::stdout().lock();
    course.print(&points, &mut out)?;
    for path in figures.iter().flatten() {
        writeln!(out, "figure    {}", path.display())?;
    }
    Ok(())
}

fn recipe(args: &ScheduleArgs) -> Result<Recipe, ocelli::train::RecipeError> {
    let mut recipe = begun(args.recipe.as_deref(), &args.set, None, None)?;
    if let Some(epochs) = args.epochs {
        recipe = recipe.value("train.epochs", epochs, "--epochs")?;
    }
    recipe.build()
}

impl Course {
    fn of(recipe: &Recipe, steps_per_epoch: u64) -> Self {
        let train = &recipe.train;
        let lr = train.lr.unwrap_or_else(|| train.optimizer.usual_lr());
        Course {
            schedule: train.schedule.name(),
            optimizer: train.optimizer.name(),
            lr,
            epochs: train.epochs,
            steps_per_epoch,
            warmup: train.warmup,
            pace: Pace::new(lr, train.schedule.clone(), train.warmup),
        }
    }

    fn at(&self, step: u64) -> Rates {
        self.pace.at(Clock::new(step, self.steps_per_epoch, self.epochs))
    }

    /// An epoch, from 0.
    fn epoch(&self, epoch: u64) -> Epoch {
        let first = self.at(epoch * self.steps_per_epoch);
        let last = self.at((epoch + 1) * self.steps_per_epoch - 1);
        Epoch {
            epoch: epoch + 1,
            first_lr: first.lr,
            last_lr: last.lr,
            first_momentum: first.momentum,
            last_momentum: last.momentum,
        }
    }

    fn print(&self, points: &[(f64, f64)], out: &mut impl Write) -> io::Result<()> {
        writeln!(out, "schedule  {}, learning rate {} for {}", self.schedule, self.lr, self.optimizer)?;
        if let Some(Warmup { length, by, .. }) = self.warmup {
            let length = match by {
                By::Epoch => plural(length, "epoch", "epochs"),
                By::Batch => plural(length, "step", "steps"),
            };
            writeln!(out, "warm-up   {length}")?;
        }
        let steps = plural(self.steps_per_epoch, "step", "steps");
        writeln!(out, "run       {} of {steps}", plural(self.epochs, "epoch", "epochs"))?;
        let moves = self.at(0).momentum.is_some();
        let heading = if moves { "     momentum, first to last" } else { "" };
        writeln!(out, "\n epoch     first step      last step{heading}")?;
        let every = self.epochs.div_ceil(ROWS).max(1);
        let rows = (0..self.epochs).filter(|epoch| epoch % every == 0 || epoch + 1 == self.epochs);
        for epoch in rows {
            let Epoch { epoch, first_lr, last_lr, first_momentum, last_momentum } = self.epoch(epoch);
            write!(out, "{:>6}  {first_lr:>13.4e}  {last_lr:>13.4e}", count(epoch))?;
            match first_momentum.zip(last_momentum) {
                Some((first, last)) => writeln!(out, "     {first:.4} to {last:.4}")?,
                None => writeln!(out)?,
            }
        }
        let epoch = |place: f64| format!("epoch {}", count(place.floor() as u64 + 1));
        writeln!(out)?;
        chart::lines(points, epoch, |lr| format!("{lr:.2e}"))
            .iter()
            .try_for_each(|line| writeln!(out, "{line}"))?;
        writeln!(out)
    }

    /// The rates of all steps over epochs; of long runs as many as a figure can show.
    fn points(&self) -> Vec<(f64, f64)> {
        let steps = self.epochs.saturating_mul(self.steps_per_epoch);
        let every = (steps / 20_000).max(1);
        let places = (0..steps).step_by(every as usize).chain(steps.checked_sub(1));
        places.map(|step| (step as f64 / self.steps_per_epoch as f64, self.at(step).lr)).collect()
    }

    fn figure(&self, points: &[(f64, f64)]) -> Figure {
        Figure::new(format!("{}, {}", self.schedule, plural(self.epochs, "epoch", "epochs")))
            .x(Axis::linear("epoch"))
            .y(Axis::linear("learning rate"))
            .line("learning rate", points.iter().copied())
    }
}
