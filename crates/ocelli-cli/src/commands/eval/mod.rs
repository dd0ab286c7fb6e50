//! `ocelli eval`: a model on labelled images.

mod chosen;
mod document;
mod measured;
mod several;
mod table;
mod text;

use super::{print_json, threads};
use crate::args::EvalArgs;
use crate::failure::{FAILED, Failure};
use chosen::Chosen;
use measured::Measured;
use ocelli::data::{ErrorKind, OpenOptions, Problem, open_undivided, printable};
use ocelli::model::{Classifier, ModelError};
use ocelli::train::{MeasureOptions, TrainError, measure};
use std::sync::Arc;

pub(crate) fn run(args: &EvalArgs) -> Result<(), Failure> {
    let classifier = super::load(&args.model)?;
    check(args, classifier.is_multi_label())?;
    let threads = threads(args.threads);
    let channels = classifier.image_channels()?;
    // Of CIFAR-100's two kinds of labels, those that the model was trained on: only the coarse ones are 20.
    let coarse_labels = classifier.classes().len() == 20;
    let options = OpenOptions {
        channels: Some(channels),
        coarse_labels,
        label_separator: args.label_separator,
        threads,
        ..OpenOptions::default()
    };
    let data = open_undivided(&args.data, &options).map_err(|error| failed(TrainError::Data(error)))?;
    let chosen = chosen::choose(&data, args.split.as_deref(), classifier.division())?;
    if chosen.images.is_multi_label() && !classifier.is_multi_label() {
        let reason =
            format!("{}: its images have several labels, but the model tells one an image", args.data);
        return Err(Failure::usage(reason).hint("train a model on such data: ocelli train --data …"));
    }
    let options =
        MeasureOptions { threads, views: args.tta.clone(), seed: args.seed, ..MeasureOptions::default() };
    let problems_of =
        |unreadable| data.problems_of(&chosen.split).into_iter().cloned().chain(unreadable).collect();
    let problems: Vec<Problem> = if classifier.is_multi_label() {
        several::run(args, &classifier, &chosen, &options, problems_of)?
    } else {
        one(args, &classifier, &chosen, &options, problems_of)?
    };
    if let Some(caution) = chosen::caution(&chosen) {
        eprintln!("warning: {caution}");
    }
    for problem in &problems {
        eprintln!("warning: {problem}");
    }
    // An empty class has no image that was left out.
    let complete = problems.iter().all(|problem| problem.kind() == ErrorKind::EmptyClass);
    if complete { Ok(()) } else { Err(Failure::Reported(FAILED)) }
}

/// Flags that go together, and with the model.
fn check(args: &EvalArgs, multi_label: bool) -> Result<(), Failure> {
    let for_one = [("--fit-temperature", args.fit_temperature), ("--reject", args.reject.is_some())];
    let for_several = [("--fit-thresholds", args.fit_thresholds)];
    let (other, whose) = match multi_label {
        true => (&for_one[..], "tells one label an image, and this one tells several"),
        false => (&for_several[..], "tells several labels an image, and this one tells one"),
    };
    if let Some((flag, _)) = other.iter().find(|(_, given)| *given) {
        return Err(Failure::usage(format!("{flag} is for a model that {whose}")));
    }
    if args.save && !for_one.iter().chain(&for_several).any(|(_, given)| *given) {
        let failure = Failure::usage("--save: there is nothing to save");
        let flags =
            if multi_label { "--fit-thresholds" } else { "--fit-temperature, or --reject P, or both" };
        return Err(failure.hint(format!("ask for {flags}")));
    }
    Ok(())
}

/// Measures a model that tells one label an image. Gives what was found wrong with images.
fn one(
    args: &EvalArgs,
    classifier: &Classifier,
    chosen: &Chosen,
    options: &MeasureOptions,
    problems_of: impl Fn(Vec<Problem>) -> Vec<Problem>,
) -> Result<Vec<Problem>, Failure> {
    let (said, unreadable) =
        measure(classifier, Arc::clone(&chosen.images), options).map_err(|error| failed(told(error)))?;
    let measured = Measured::new(args, classifier, said)?;
    let problems = problems_of(unreadable);
    if args.json {
        print_json(&document::document(args, chosen, classifier.classes(), &measured, &problems))?;
    } else if args.csv {
        table::print(chosen, classifier.classes(), &measured)?;
    } else {
        text::print(args, chosen, classifier.classes(), &measured)?;
    }
    save(args, |mut classifier| {
        if let Some(fitted) = &measured.fitted {
            classifier = classifier.with_temperature(fitted.temperature)?;
        }
        match args.reject {
            Some(least) => classifier.with_reject(least),
            None => Ok(classifier),
        }
    })?;
    Ok(problems)
}

/// If that is asked for, changes the model in its file; all else that is in it stays.
fn save(
    args: &EvalArgs,
    change: impl FnOnce(Classifier) -> Result<Classifier, ModelError>,
) -> Result<(), Failure> {
    if !args.save {
        return Ok(());
    }
    let (classifier, attachment) = Classifier::load_with(&args.model)?;
    let classifier = change(classifier)?;
    match attachment {
        Some(attachment) => classifier.save_with(&args.model, &attachment)?,
        None => classifier.save(&args.model)?,
    }
    Ok(())
}

/// A measurement that failed, or that cannot be.
fn failed(error: TrainError) -> Failure {
    if error.is_request() { Failure::usage(error) } else { Failure::failed(error) }
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
