//! `ocelli eval`: a model on labelled images.

use super::{load, print_json, threads};
use crate::args::EvalArgs;
use crate::failure::{FAILED, Failure};
use crate::text::{count, percent, plural};
use ocelli::data::{Channels, Dataset, ErrorKind, OpenOptions, Problem, Splits, open};
use ocelli::train::{Evaluation, MeasureOptions, measure};
use serde_json::{Value, json};
use std::io::{self, Write};
use std::sync::Arc;

/// How many of the classes that were mixed up most often are shown.
const MISTAKES: usize = 5;

pub(crate) fn run(args: &EvalArgs) -> Result<(), Failure> {
    let classifier = load(&args.model)?;
    let threads = threads(args.threads);
    let channels = Channels::from_count(classifier.network().input().channels())?;
    // Nothing is set apart: data without parts is measured whole.
    let options = OpenOptions {
        channels: Some(channels),
        validation: 0.0,
        test: 0.0,
        threads,
        ..OpenOptions::default()
    };
    let splits = open(&args.data, &options).map_err(|error| match error.kind() {
        ErrorKind::NotFound => Failure::usage(error),
        _ => Failure::failed(error),
    })?;
    let (split, images) = choose(&splits, args.split.as_deref())?;
    let options = MeasureOptions { threads, ..MeasureOptions::default() };
    let (found, unreadable) = measure(&classifier, images, options)?;
    let problems: Vec<&Problem> = splits.problems.iter().chain(&unreadable).collect();
    if args.json {
        print_json(&document(args, split, classifier.classes(), &found, &problems))?;
    } else {
        print_report(args, split, classifier.classes(), &found)?;
    }
    for problem in &problems {
        eprintln!("warning: {problem}");
    }
    if unreadable.is_empty() { Ok(()) } else { Err(Failure::Reported(FAILED)) }
}

/// The part asked for; else the test images, or all of data that has no parts.
fn choose<'a>(splits: &Splits, asked: Option<&'a str>) -> Result<(&'a str, Arc<dyn Dataset>), Failure> {
    let whole = splits.val.is_none() && splits.test.is_none();
    match (asked, &splits.test) {
        (Some(name), _) => Ok((name, splits.get(name).map_err(Failure::usage)?)),
        (None, Some(test)) => Ok(("test", Arc::clone(test))),
        (None, None) if whole => Ok(("all", Arc::clone(&splits.train))),
        (None, None) => {
            let reason = format!("{}: has no test images", splits.path.display());
            Err(Failure::usage(reason).hint("say which part to measure on: --split val"))
        }
    }
}

fn document(
    args: &EvalArgs,
    split: &str,
    classes: &[String],
    found: &Evaluation,
    problems: &[&Problem],
) -> Value {
    let class = |(index, name): (usize, &String)| {
        json!({
            "name": name,
            "images": found.confusion.images_of(index),
            "correct": found.confusion.count(index, index),
            "accuracy": found.confusion.accuracy_of(index),
        })
    };
    json!({
        "model": args.model,
        "data": args.data,
        "split": split,
        "images": found.images,
        "accuracy": found.accuracy,
        "loss": found.loss,
        "classes": classes.iter().enumerate().map(class).collect::<Vec<_>>(),
        "confusion": found.confusion,
        "problems": problems,
    })
}

fn print_report(args: &EvalArgs, split: &str, classes: &[String], found: &Evaluation) -> io::Result<()> {
    let mut out = io::stdout().lock();
    let part = if split == "all" { "all images".to_string() } else { format!("{split} images") };
    writeln!(out, "{} on {}, {part}:", args.model.display(), args.data)?;
    writeln!(
        out,
        "accuracy {} of {}, loss {:.4}\n",
        percent(found.accuracy),
        plural(found.images, "image", "images"),
        found.loss
    )?;
    let widest = classes.iter().map(|name| name.chars().count()).max().unwrap_or(0).max(5);
    writeln!(out, "{:widest$}  images  correct  accuracy", "class")?;
    for (index, name) in classes.iter().enumerate() {
        let accuracy = found.confusion.accuracy_of(index).map_or_else(|| "-".to_string(), percent);
        let (images, correct) = (found.confusion.images_of(index), found.confusion.count(index, index));
        writeln!(out, "{name:widest$}  {:>6}  {:>7}  {accuracy:>8}", count(images), count(correct))?;
    }
    let mistakes = found.confusion.mistakes();
    if !mistakes.is_empty() {
        writeln!(out, "\nmixed up most often:")?;
    }
    for (truth, predicted, images) in mistakes.into_iter().take(MISTAKES) {
        let images = plural(images, "image", "images");
        writeln!(out, "  {} taken for {}: {images}", classes[truth], classes[predicted])?;
    }
    Ok(())
}
