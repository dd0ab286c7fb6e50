//! `ocelli predict`: what images show.

use super::{load, print_json, threads};
use crate::args::PredictArgs;
use crate::failure::{FAILED, Failure};
use crate::text::{csv, plural};
use ocelli::data::dataset::files_below;
use ocelli::data::{DataError, Problem, printable};
use ocelli::model::{Classifier, PredictOptions, Prediction};
use serde_json::{Value, json};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Images that go through the network at once.
const BATCH: usize = 32;

pub(crate) fn run(args: &PredictArgs) -> Result<(), Failure> {
    let classifier = load(&args.model)?;
    let (images, problems) = images(&args.images)?;
    let count = images.len();
    let options = PredictOptions {
        batch: count.min(BATCH),
        // One image has no use for a second thread that would first have to be started.
        threads: if count == 1 && args.threads.is_none() { 1 } else { threads(args.threads) },
        top_k: args.top_k,
        ..PredictOptions::default()
    };
    let answers = classifier.predictor(options)?.predict_files(&images);
    let answered: Vec<(&PathBuf, Result<Prediction, DataError>)> = images.iter().zip(answers).collect();
    if args.json {
        print_json(&document(&args.model, &answered))?;
    } else if args.csv {
        print_csv(&answered, &classifier)?;
    } else {
        print_table(&answered)?;
    }
    let failed: Vec<&DataError> = answered.iter().filter_map(|(_, answer)| answer.as_ref().err()).collect();
    problems.iter().for_each(|problem| eprintln!("warning: {problem}"));
    failed.iter().for_each(|problem| eprintln!("warning: {problem}"));
    if !failed.is_empty() {
        eprintln!("error: {} of {count} could not be used", plural(failed.len() as u64, "image", "images"));
    }
    if failed.is_empty() && problems.is_empty() { Ok(()) } else { Err(Failure::Reported(FAILED)) }
}

/// The files asked for, a folder standing for those below it, and the folders that could not be looked through.
fn images(asked: &[PathBuf]) -> Result<(Vec<PathBuf>, Vec<Problem>), Failure> {
    let (mut images, mut problems) = (Vec::new(), Vec::new());
    for path in asked {
        if !path.is_dir() {
            images.push(path.clone());
            continue;
        }
        let known = problems.len();
        let files = files_below(path, &mut problems);
        if files.is_empty() && problems.len() == known {
            let reason = format!("{}: is a folder without a file in it", path.display());
            return Err(Failure::usage(reason).hint("give image files, or folders of them"));
        }
        images.extend(files);
    }
    Ok((images, problems))
}

/// A path as it may go to a terminal.
fn shown(path: &Path) -> String {
    printable(&path.to_string_lossy()).into_owned()
}

fn document(model: &Path, answered: &[(&PathBuf, Result<Prediction, DataError>)]) -> Value {
    let one = |(path, answer): &(&PathBuf, Result<Prediction, DataError>)| match answer {
        Ok(prediction) => {
            let class =
                |(label, probability): &(String, f32)| json!({ "label": label, "probability": probability });
            json!({
                "image": path.to_string_lossy(),
                "label": prediction.label,
                "probability": prediction.probability,
                "rejected": prediction.rejected,
                "labels": prediction.labels.as_ref().map(|labels| labels.iter().map(class).collect::<Vec<_>>()),
                "top": prediction.top.iter().map(class).collect::<Vec<_>>(),
            })
        }
        Err(problem) => json!({ "image": path.to_string_lossy(), "error": problem.reason() }),
    };
    json!({ "model": model.to_string_lossy(), "predictions": answered.iter().map(one).collect::<Vec<_>>() })
}

/// `image,label,probability`, for each further class asked for its label and probability, `rejected` if the model rejects
/// answers at all, and `labels` (with `|` between them) if it tells several.
fn print_csv(
    answered: &[(&PathBuf, Result<Prediction, DataError>)],
    classifier: &Classifier,
) -> io::Result<()> {
    let rejects = classifier.reject().is_some();
    let last = if classifier.is_multi_label() {
        ",labels"
    } else if rejects {
        ",rejected"
    } else {
        ""
    };
    let mut out = io::stdout().lock();
    let classes = answered.iter().filter_map(|(_, answer)| answer.as_ref().ok());
    let columns = classes.map(|prediction| prediction.top.len()).max().unwrap_or(1);
    let more: String = (2..=columns).map(|place| format!(",label_{place},probability_{place}")).collect();
    writeln!(out, "image,label,probability{more}{last}")?;
    for (path, answer) in answered {
        let Ok(prediction) = answer else { continue };
        write!(out, "{}", csv(&path.display().to_string()))?;
        for (label, probability) in &prediction.top {
            write!(out, ",{},{probability:.6}", csv(label))?;
        }
        if rejects {
            write!(out, ",{}", prediction.rejected)?;
        }
        if let Some(labels) = &prediction.labels {
            let names: Vec<&str> = labels.iter().map(|(name, _)| name.as_str()).collect();
            write!(out, ",{}", csv(&names.join("|")))?;
        }
        writeln!(out)?;
    }
    Ok(())
}

fn print_table(answered: &[(&PathBuf, Result<Prediction, DataError>)]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    let width = |path: &Path| shown(path).chars().count();
    let widest = answered.iter().map(|(path, _)| width(path)).max().unwrap_or(0);
    for (path, answer) in answered {
        let Ok(prediction) = answer else { continue };
        let class = |(label, probability): &(String, f32)| {
            format!("{} {:.1}%", printable(label), probability * 100.0)
        };
        // Of several labels those that the image has; the likeliest only where it has none.
        let told = prediction.labels.as_ref().filter(|labels| !labels.is_empty()).unwrap_or(&prediction.top);
        let classes: Vec<_> = told.iter().map(class).collect();
        let gap = " ".repeat(widest - width(path));
        let unsure = match &prediction.labels {
            Some(labels) if labels.is_empty() => "none; the likeliest: ",
            _ if prediction.rejected => "not sure enough: ",
            _ => "",
        };
        writeln!(out, "{}{gap}  {unsure}{}", shown(path), classes.join(", "))?;
    }
    Ok(())
}
