//! `ocelli batch-size`: how many images to train on in one step.

use super::train::{command, data_line, failure, flagged};
use super::{print_json, threads};
use crate::args::{BatchSizeArgs, RunArgs};
use crate::failure::Failure;
use crate::memory::available;
use crate::progress;
use crate::text::{argument, bytes, count, plural};
use indicatif::{ProgressBar, ProgressStyle};
use ocelli::train::{BatchLimit, BatchMemory, BatchSizes, BatchSpeed, Measuring, Optimizer, Run, RunOptions};
use serde::Serialize;
use std::io::{self, Write};

const TEMPLATE: &str = "measuring [{bar:12}] {pos} of {len}  {msg}";

#[derive(Serialize)]
struct Document<'a> {
    #[serde(flatten)]
    found: &'a BatchSizes,
    /// Bytes that training takes with the largest batch.
    largest_bytes: u64,
    /// Nothing where no size was measured.
    suggested: Option<usize>,
    /// The batch size of the recipe, and what it takes.
    recipe: BatchMemory,
}

pub(crate) fn run(args: &BatchSizeArgs) -> Result<(), Failure> {
    let budget = budget(args.memory)?;
    let recipe = flagged(&args.run, args.run.recipe.as_deref()).and_then(|recipe| recipe.build());
    let workers = threads(args.run.threads);
    let run =
        Run::prepare(recipe.map_err(Failure::usage)?, RunOptions { threads: workers }).map_err(failure)?;
    progress::name(run.problems());
    if !args.json {
        introduce(&run, budget, args.memory.is_some(), workers)?;
    }
    let style = ProgressStyle::with_template(TEMPLATE).expect("the template is well formed");
    let bar = ProgressBar::new(0).with_style(style.progress_chars("=> "));
    let found = run.find_batch_size(budget, &mut |measuring| show(&bar, measuring));
    bar.finish_and_clear();
    let found = found.map_err(failure)?;
    if args.json {
        let suggested = found.suggested().map(|size| size.memory.batch_size);
        let recipe = run.memory_at(run.recipe().train.batch_size).map_err(failure)?;
        return print_json(&Document {
            largest_bytes: found.largest.total(),
            found: &found,
            suggested,
            recipe,
        });
    }
    Ok(print(args, &run, &found)?)
}

/// What training may take: as asked, or as is free.
fn budget(asked: Option<u64>) -> Result<u64, Failure> {
    asked.or_else(available).ok_or_else(|| {
        Failure::usage(
            "this system does not say how much memory is free: say how much training may take, --memory 4GiB",
        )
    })
}

fn show(bar: &ProgressBar, measuring: Measuring) {
    bar.set_length(measuring.of as u64);
    bar.set_position(measuring.place as u64);
    bar.set_message(format!("batches of {}", count(measuring.batch_size as u64)));
}

/// What is looked for, and on what.
fn introduce(run: &Run, budget: u64, asked: bool, threads: usize) -> io::Result<()> {
    let mut out = io::stdout().lock();
    let train = &run.recipe().train;
    writeln!(out, "{}, images to train {}", data_line(run), count(run.data().train as u64))?;
    writeln!(
        out,
        "network   {}, {}, {}",
        run.network().name(),
        train.optimizer.name(),
        plural(threads as u64, "thread", "threads")
    )?;
    let origin = if asked { "" } else { ", nine tenths of what is free" };
    writeln!(out, "memory    {}{origin}", bytes(budget))
}

/// The sizes, the largest, the one to begin with, and how to use that.
fn print(args: &BatchSizeArgs, run: &Run, found: &BatchSizes) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "\nbatch size      memory   images/s")?;
    found.measured.iter().try_for_each(|size| writeln!(out, "{}", row(size)))?;
    let largest = &found.largest;
    writeln!(
        out,
        "\nlargest   {}: {}, {}",
        count(largest.batch_size as u64),
        bytes(largest.total()),
        reason(found.limit)
    )?;
    let Some(suggested) = found.suggested().map(|size| size.memory.batch_size) else { return Ok(()) };
    writeln!(out, "enough    {}: the smallest within 5% of the fastest", count(suggested as u64))?;
    let recipe = &run.recipe().train;
    if let Some(advice) = learning_rate(&recipe.optimizer, recipe.batch_size, suggested) {
        writeln!(out, "\n{advice}")?;
    }
    let flags = flags(args);
    writeln!(out, "\ntry next:\n  {} lr-find{flags} --batch-size {suggested}", command())?;
    writeln!(out, "  {} train{flags} --batch-size {suggested}", command())
}

fn row(size: &BatchSpeed) -> String {
    // At these speeds a step takes seconds: sizes that were not measured are no faster than the one before.
    let speed = size.images_per_second.map_or_else(|| "-".to_owned(), |speed| count(speed.round() as u64));
    format!("{:>10}  {:>10}  {speed:>9}", count(size.memory.batch_size as u64), bytes(size.memory.total()))
}

fn reason(limit: BatchLimit) -> &'static str {
    match limit {
        BatchLimit::Memory => "one image more would not fit",
        BatchLimit::Images => "all training images at once",
        BatchLimit::Most => "the most that a recipe may ask for",
    }
}

/// What the learning rate may be multiplied by, where the batch size changes: by as much for plain gradients, by the root of it for those
/// that are divided by their own size.
fn learning_rate(optimizer: &Optimizer, from: usize, to: usize) -> Option<String> {
    let times = to as f64 / from as f64;
    let (factor, rule) = match optimizer {
        _ if from == to => return None,
        Optimizer::Sgd(_) => (times, "in proportion to the batch for SGD (Goyal et al. 2017)"),
        _ => (times.sqrt(), "by the root of the batch's growth for Adam and its kin"),
    };
    Some(format!(
        "The learning rate goes with the batch size: from {from} to {to} images multiply it by {factor:.2} to begin with, {rule}; \
         `lr-find` finds out."
    ))
}

/// The flags of this call for other commands, but for the batch size.
fn flags(args: &BatchSizeArgs) -> String {
    let recipe = args.run.recipe.iter().flat_map(|recipe| ["--recipe".into(), recipe.display().to_string()]);
    let run = RunArgs { batch_size: None, ..args.run.clone() };
    recipe.chain(run.flags()).map(|flag| format!(" {}", argument(&flag))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ocelli::train::{AdamW, Sgd};

    #[test]
    fn learning_rates_go_with_the_batch_or_its_root() {
        let said = |optimizer: Optimizer, from, to| learning_rate(&optimizer, from, to);
        assert!(said(Sgd::default().into(), 64, 256).unwrap().contains("multiply it by 4.00"));
        assert!(said(AdamW::default().into(), 64, 256).unwrap().contains("multiply it by 2.00"));
        assert!(said(AdamW::default().into(), 64, 16).unwrap().contains("multiply it by 0.50"));
        assert_eq!(said(Sgd::default().into(), 64, 64), None);
    }
}
