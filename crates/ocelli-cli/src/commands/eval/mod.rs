//! `ocelli eval`: a model on labelled images.

pub(super) mod chosen;
mod document;
mod measured;
mod several;
mod table;
mod text;

use super::{labelled, print_json, threads};
use crate::args::EvalArgs;
use crate::failure::{Failure, closed_pipe};
use crate::interrupt;
use crate::tracking::{Place, Tracking, confusion};
use chosen::Chosen;
use measured::Measured;
use ocelli::data::Problem;
use ocelli::model::{Classifier, ModelError};
use ocelli::track::RunStatus;
use ocelli::train::{MeasureOptions, measure_watched};
use std::path::Path;
use std::sync::Arc;

pub(crate) fn run(args: &EvalArgs) -> Result<(), Failure> {
    let classifier = super::load(&args.model)?;
    check(args, classifier.is_multi_label())?;
    let place = Place::named(&args.track)?;
    let threads = threads(args.threads);
    let data = labelled::open(&classifier, &args.data, args.label_separator, threads)?;
    let chosen = chosen::choose(&data, args.split.as_deref(), classifier.division())?;
    labelled::check(&args.data, chosen.images.as_ref(), &classifier)?;
    interrupt::listen()?;
    let mut tracking = Tracking::begin(place, &args.track, "eval", Some(name(&args.model)))?;
    let options =
        MeasureOptions { threads, views: args.tta.clone(), seed: args.seed, ..MeasureOptions::default() };
    let problems_of =
        |unreadable| data.problems_of(&chosen.split).into_iter().cloned().chain(unreadable).collect();
    let done = if classifier.is_multi_label() {
        several::run(args, &classifier, (&data.path, &chosen), (&options, &mut tracking), problems_of)
    } else {
        one(args, &classifier, (&data.path, &chosen), (&options, &mut tracking), problems_of)
    };
    tracking.end(match &done {
        Err(Failure::Reported(interrupt::CODE)) => RunStatus::Killed,
        Err(Failure::Report { error, .. }) if !closed_pipe(error.as_ref()) => RunStatus::Failed,
        _ => RunStatus::Finished,
    });
    let problems: Vec<Problem> = done?;
    if let Some(caution) = chosen::caution(&chosen) {
        eprintln!("warning: {caution}");
    }
    for problem in &problems {
        eprintln!("warning: {problem}");
    }
    labelled::complete(&problems)
}

/// The usual name of the tracked run: after the folder of the model, or after its file where that has no usual name.
fn name(model: &Path) -> String {
    let model = std::path::absolute(model).unwrap_or_else(|_| model.to_path_buf());
    let stem = model.file_stem().filter(|stem| *stem != "model");
    let named = stem.or_else(|| model.parent().and_then(Path::file_name)).unwrap_or_default();
    format!("eval-{}", named.to_string_lossy())
}

/// Flags that go together, and with the model.
fn check(args: &EvalArgs, multi_label: bool) -> Result<(), Failure> {
    let for_one = [
        ("--fit-temperature", args.fit_temperature),
        ("--reject", args.reject.is_some()),
        ("--top-losses", args.top_losses.is_some()),
        ("--bins", args.bins.is_some()),
        ("--bootstrap", args.bootstrap.is_some()),
    ];
    let for_several = [("--fit-thresholds", args.fit_thresholds)];
    let (other, whose) = match multi_label {
        true => (&for_one[..], "tells one label an image, and this one tells several"),
        false => (&for_several[..], "tells several labels an image, and this one tells one"),
    };
    if let Some((flag, _)) = other.iter().find(|(_, given)| *given) {
        return Err(Failure::usage(format!("{flag} is for a model that {whose}")));
    }
    if args.save && !(args.fit_temperature || args.reject.is_some() || args.fit_thresholds) {
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
    (data, chosen): (&Path, &Chosen),
    (options, tracking): (&MeasureOptions, &mut Tracking),
    problems_of: impl Fn(Vec<Problem>) -> Vec<Problem>,
) -> Result<Vec<Problem>, Failure> {
    let (said, unreadable) =
        measure_watched(classifier, Arc::clone(&chosen.images), options, |_| labelled::goes_on())
            .map_err(labelled::failed)?;
    let measured = Measured::new(args, classifier, said)?;
    interrupt::check()?;
    let problems = problems_of(unreadable);
    // First, so that it is done though nobody reads on.
    save(args, |mut classifier| {
        if let Some(fitted) = &measured.fitted {
            classifier = classifier.with_temperature(fitted.temperature)?;
        }
        match args.reject {
            Some(least) => classifier.with_reject(least),
            None => Ok(classifier),
        }
    })?;
    let document = document::document(args, chosen, classifier.classes(), &measured, &problems);
    tracking.evaluated(args, (&chosen.split, data, chosen.images.as_ref()), &document);
    confusion(tracking, &measured.report.confusion, classifier.classes());
    if args.json {
        print_json(&document)?;
    } else if args.csv {
        table::print(chosen, classifier.classes(), &measured)?;
    } else {
        text::print(args, chosen, classifier.classes(), &measured)?;
    }
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
