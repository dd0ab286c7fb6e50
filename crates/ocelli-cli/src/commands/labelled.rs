//! Labelled images for a model: opening them, and what is said where they cannot be measured on.

use crate::failure::{FAILED, Failure};
use crate::interrupt;
use ocelli::data::{
    Dataset, Division, ErrorKind, OpenOptions, Problem, Undivided, open_undivided, printable,
};
use ocelli::model::Classifier;
use ocelli::train::TrainError;
use std::ops::ControlFlow;
use std::sync::Arc;

/// A part of a data set, and what it is called.
pub(super) type Part = (String, Arc<dyn Dataset>);

/// Opens a data set with the channels and the kind of labels that a model takes. `label_separator` is between the labels of an image.
pub(super) fn open(
    classifier: &Classifier,
    data: &str,
    label_separator: char,
    threads: usize,
) -> Result<Undivided, Failure> {
    let channels = classifier.image_channels()?;
    // Of CIFAR-100's two kinds of labels, those that the model was trained on: only the coarse ones are 20.
    let coarse_labels = classifier.classes().len() == 20;
    let channels = Some(channels);
    let options = OpenOptions { channels, coarse_labels, label_separator, threads, ..OpenOptions::default() };
    open_undivided(data, &options).map_err(|error| failed(TrainError::Data(error)))
}

/// All images by the parts that training made of them; else by those that the data has of its own, or all of them as one.
pub(super) fn parts(data: &Undivided, division: Option<&Division>) -> Vec<Part> {
    let named: Vec<(&str, Option<Arc<dyn Dataset>>)> =
        match division.and_then(|division| data.divide_again(division)) {
            Some(splits) => vec![("train", Some(splits.train)), ("val", splits.val), ("test", splits.test)],
            None if data.whole().is_some() => vec![("all", data.whole())],
            None => data.names().into_iter().map(|name| (name, data.get(name).ok())).collect(),
        };
    named.into_iter().filter_map(|(name, images)| Some((name.to_owned(), images?))).collect()
}

/// A measurement that failed, that cannot be, or that the user stopped.
pub(super) fn failed(error: TrainError) -> Failure {
    if matches!(error, TrainError::MeasuringStopped) {
        return interrupt::stopped();
    }
    let error = told(error);
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

/// # Errors
/// The images have several labels, and the model tells one.
pub(super) fn check(data: &str, images: &dyn Dataset, classifier: &Classifier) -> Result<(), Failure> {
    if images.is_multi_label() && !classifier.is_multi_label() {
        let reason = format!("{data}: its images have several labels, but the model tells one an image");
        return Err(Failure::usage(reason).hint("train a model on such data: ocelli train --data …"));
    }
    Ok(())
}

/// Whether measuring goes on: until the user asks to stop.
pub(super) fn goes_on() -> ControlFlow<()> {
    if interrupt::asked() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
}

/// Whether all images were used.
///
/// # Errors
/// If one was left out, which has been told; an empty class has none.
pub(super) fn complete<'a>(problems: impl IntoIterator<Item = &'a Problem>) -> Result<(), Failure> {
    let complete = problems.into_iter().all(|problem| problem.kind() == ErrorKind::EmptyClass);
    if complete { Ok(()) } else { Err(Failure::Reported(FAILED)) }
}
