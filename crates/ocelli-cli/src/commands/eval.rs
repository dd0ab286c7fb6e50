//! `ocelli eval`: a model on labelled images.

use super::{load, print_json, threads};
use crate::args::EvalArgs;
use crate::failure::{FAILED, Failure};
use crate::text::{count, percent, plural};
use ocelli::data::{
    DataError, Dataset, Division, ErrorKind, OpenOptions, Problem, Splits, Undivided, open_undivided,
    printable,
};
use ocelli::train::{Evaluation, MeasureOptions, TrainError, measure};
use serde_json::{Value, json};
use std::io::{self, Write};
use std::sync::Arc;

/// How many of the classes that were mixed up most often are shown.
const MISTAKES: usize = 5;
/// What `--split` calls the images of data that has no splits.
const ALL: &str = "all";

/// What is measured on.
struct Chosen {
    /// The split's name, or [`ALL`].
    split: String,
    images: Arc<dyn Dataset>,
    /// Whether training set them apart: the data has no such split of its own.
    set_apart: bool,
    origin: Origin,
}

/// What is known of the images beside what they show.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Origin {
    /// The data was divided as for training; the model was trained on so many of the images.
    Divided { trained_on: usize },
    /// The model was trained on other images, or these changed since; or they are a split of the data's own.
    Other,
    /// The model may have been trained on them: it does not say on which it was.
    Unknown,
}

pub(crate) fn run(args: &EvalArgs) -> Result<(), Failure> {
    let classifier = load(&args.model)?;
    let threads = threads(args.threads);
    let channels = classifier.image_channels()?;
    // Of CIFAR-100's two kinds of labels, those that the model was trained on: only the coarse ones are 20.
    let coarse_labels = classifier.classes().len() == 20;
    let options = OpenOptions { channels: Some(channels), coarse_labels, threads, ..OpenOptions::default() };
    let data = open_undivided(&args.data, &options).map_err(|error| {
        let error = TrainError::Data(error);
        if error.is_request() { Failure::usage(error) } else { Failure::failed(error) }
    })?;
    let chosen = choose(&data, args.split.as_deref(), classifier.division())?;
    let options = MeasureOptions { threads, ..MeasureOptions::default() };
    let (found, unreadable) = measure(&classifier, Arc::clone(&chosen.images), options).map_err(told)?;
    let problems: Vec<&Problem> = data.problems_of(&chosen.split).into_iter().chain(&unreadable).collect();
    if args.json {
        print_json(&document(args, &chosen, classifier.classes(), &found, &problems))?;
    } else {
        print_report(args, &chosen, classifier.classes(), &found)?;
    }
    if let Some(caution) = caution(&chosen) {
        eprintln!("warning: {caution}");
    }
    for problem in &problems {
        eprintln!("warning: {problem}");
    }
    // An empty class has no image that was left out.
    let complete = problems.iter().all(|problem| problem.kind() == ErrorKind::EmptyClass);
    if complete { Ok(()) } else { Err(Failure::Reported(FAILED)) }
}

/// The split asked for; else the test images, those that training set apart included; else all of data that has no splits.
fn choose(data: &Undivided, asked: Option<&str>, division: Option<&Division>) -> Result<Chosen, Failure> {
    let divided = division.and_then(|division| data.divide_again(division));
    let get = |name: &str| divided.as_ref().map_or_else(|| data.get(name), |splits| splits.get(name));
    let whole = data.whole();
    let (split, images) = match (asked, get("test"), &whole) {
        (Some(ALL), _, Some(images)) => (ALL, Arc::clone(images)),
        (Some(name), ..) => (name, get(name).map_err(|error| no_split(error, whole.is_some()))?),
        (None, Ok(test), _) => ("test", test),
        (None, Err(_), Some(images)) => (ALL, Arc::clone(images)),
        (None, Err(_), None) => {
            let reason = format!("{}: has no test images", data.path.display());
            return Err(Failure::usage(reason).hint("say which part to measure on: --split val"));
        }
    };
    let origin = match (divided, division) {
        (Some(splits), _) => Origin::Divided { trained_on: trained_on(&splits, split) },
        // A split of the data's own is what it is called; images without one may be any.
        (None, None) if split == ALL || split.starts_with("train") => Origin::Unknown,
        (None, _) => Origin::Other,
    };
    let is_own = |own: Arc<dyn Dataset>| own.len() == images.len();
    let set_apart = split != ALL && !data.get(split).is_ok_and(is_own);
    Ok(Chosen { split: split.to_string(), images, set_apart, origin })
}

/// How many images of a split, or of all, the model was trained on.
fn trained_on(splits: &Splits, split: &str) -> usize {
    let of_training = split == ALL || split.starts_with("train");
    if of_training { splits.train.len() } else { 0 }
}

fn no_split(error: DataError, undivided: bool) -> Failure {
    let failure = Failure::usage(error);
    if undivided { failure.hint("without --split, all images are measured on") } else { failure }
}

/// What to bear in mind about the figures.
fn caution(chosen: &Chosen) -> Option<String> {
    let images = chosen.images.len();
    match chosen.origin {
        Origin::Divided { trained_on: 0 } | Origin::Other => None,
        Origin::Divided { trained_on } => {
            let which = if trained_on == images {
                "these images".to_string()
            } else {
                format!("{} of these {} images", count(trained_on as u64), count(images as u64))
            };
            Some(format!("the model was trained on {which}: on new ones it will do worse"))
        }
        Origin::Unknown => Some(
            "the model does not say which images it was trained on: if these are among them, it will do worse on new ones"
                .to_string(),
        ),
    }
}

/// The error with a class's name as it may go to a terminal: it is the name of a folder.
fn told(error: TrainError) -> TrainError {
    match error {
        TrainError::UnknownClass { name, suggestion } => {
            TrainError::UnknownClass { name: printable(&name).into_owned(), suggestion }
        }
        other => other,
    }
}

fn document(
    args: &EvalArgs,
    chosen: &Chosen,
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
    let trained_on = match chosen.origin {
        Origin::Divided { trained_on } => Some(trained_on),
        Origin::Other | Origin::Unknown => None,
    };
    json!({
        "model": args.model.to_string_lossy(),
        "data": args.data,
        "split": chosen.split,
        "images": found.images,
        "trained_on": trained_on,
        "accuracy": found.accuracy,
        "loss": found.loss,
        "classes": classes.iter().enumerate().map(class).collect::<Vec<_>>(),
        "confusion": found.confusion,
        "problems": problems,
    })
}

/// Which images were measured on, in words.
fn part(chosen: &Chosen) -> String {
    match (chosen.split.as_str(), chosen.origin) {
        (ALL, Origin::Other) => "all images (not those it was trained on, or changed since)".to_string(),
        (ALL, _) => "all images".to_string(),
        (split, _) if chosen.set_apart => format!("{split} images, set apart as in its training"),
        (split, _) => format!("{split} images"),
    }
}

fn print_report(args: &EvalArgs, chosen: &Chosen, classes: &[String], found: &Evaluation) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{} on {}, {}:", args.model.display(), args.data, part(chosen))?;
    writeln!(
        out,
        "accuracy {} of {}, loss {:.4}\n",
        percent(found.accuracy),
        plural(found.images, "image", "images"),
        found.loss
    )?;
    let classes: Vec<_> = classes.iter().map(|name| printable(name)).collect();
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
