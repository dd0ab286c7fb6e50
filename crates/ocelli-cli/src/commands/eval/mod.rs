//! `ocelli eval`: a model on labelled images.

mod chosen;
mod document;
mod measured;
mod table;
mod text;

use super::{print_json, threads};
use crate::args::EvalArgs;
use crate::failure::{FAILED, Failure};
use measured::Measured;
use ocelli::data::{ErrorKind, OpenOptions, Problem, open_undivided, printable};
use ocelli::model::Classifier;
use ocelli::train::{MeasureOptions, TrainError, measure};
use std::sync::Arc;

pub(crate) fn run(args: &EvalArgs) -> Result<(), Failure> {
    if args.save && !args.fit_temperature && args.reject.is_none() {
        let failure = Failure::usage("--save: there is nothing to save");
        return Err(failure.hint("ask for --fit-temperature, or --reject P, or both"));
    }
    let classifier = super::load(&args.model)?;
    let threads = threads(args.threads);
    let channels = classifier.image_channels()?;
    // Of CIFAR-100's two kinds of labels, those that the model was trained on: only the coarse ones are 20.
    let coarse_labels = classifier.classes().len() == 20;
    let options = OpenOptions { channels: Some(channels), coarse_labels, threads, ..OpenOptions::default() };
    let data = open_undivided(&args.data, &options).map_err(|error| failed(TrainError::Data(error)))?;
    let chosen = chosen::choose(&data, args.split.as_deref(), classifier.division())?;
    let options =
        MeasureOptions { threads, views: args.tta.clone(), seed: args.seed, ..MeasureOptions::default() };
    let (said, unreadable) =
        measure(&classifier, Arc::clone(&chosen.images), &options).map_err(|error| failed(told(error)))?;
    let measured = Measured::new(args, &classifier, said)?;
    let problems: Vec<&Problem> = data.problems_of(&chosen.split).into_iter().chain(&unreadable).collect();
    if args.json {
        print_json(&document::document(args, &chosen, classifier.classes(), &measured, &problems))?;
    } else if args.csv {
        table::print(&chosen, classifier.classes(), &measured)?;
    } else {
        text::print(args, &chosen, classifier.classes(), &measured)?;
    }
    if args.save {
        save(args, &measured)?;
    }
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

/// Writes the temperature and the threshold into the model's file, with all else that is in it.
fn save(args: &EvalArgs, measured: &Measured) -> Result<(), Failure> {
    let (mut classifier, attachment) = Classifier::load_with(&args.model)?;
    if let Some(fitted) = &measured.fitted {
        classifier = classifier.with_temperature(fitted.temperature)?;
    }
    if let Some(least) = args.reject {
        classifier = classifier.with_reject(least)?;
    }
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
