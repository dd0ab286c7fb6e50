//! `ocelli predict`: what images show.

use super::{load, print_json, threads};
use crate::args::PredictArgs;
use crate::failure::{FAILED, Failure};
use crate::text::{csv, plural};
use ocelli::data::DataError;
use ocelli::model::{PredictOptions, Prediction};
use serde_json::{Value, json};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Images that go through the network at once.
const BATCH: usize = 32;

pub(crate) fn run(args: &PredictArgs) -> Result<(), Failure> {
    let classifier = load(&args.model)?;
    let count = args.images.len();
    let options = PredictOptions {
        batch: count.min(BATCH),
        // One image has no use for a second thread that would first have to be started.
        threads: if count == 1 && args.threads.is_none() { 1 } else { threads(args.threads) },
        top_k: args.top_k,
        ..PredictOptions::default()
    };
    let answers = classifier.predictor(options)?.predict_files(&args.images);
    let answered: Vec<(&PathBuf, Result<Prediction, DataError>)> = args.images.iter().zip(answers).collect();
    if args.json {
        print_json(&document(&args.model, &answered))?;
    } else if args.csv {
        print_csv(&answered)?;
    } else {
        print_table(&answered)?;
    }
    let failed = answered.iter().filter(|(_, answer)| answer.is_err()).count();
    if failed == 0 {
        return Ok(());
    }
    for (_, answer) in &answered {
        if let Err(problem) = answer {
            eprintln!("warning: {problem}");
        }
    }
    eprintln!("error: {} of {count} could not be used", plural(failed as u64, "image", "images"));
    Err(Failure::Reported(FAILED))
}

fn document(model: &Path, answered: &[(&PathBuf, Result<Prediction, DataError>)]) -> Value {
    let one = |(path, answer): &(&PathBuf, Result<Prediction, DataError>)| match answer {
        Ok(prediction) => {
            let class =
                |(label, probability): &(String, f32)| json!({ "label": label, "probability": probability });
            json!({
                "image": path,
                "label": prediction.label,
                "probability": prediction.probability,
                "top": prediction.top.iter().map(class).collect::<Vec<_>>(),
            })
        }
        Err(problem) => json!({ "image": path, "error": problem.reason() }),
    };
    json!({ "model": model, "predictions": answered.iter().map(one).collect::<Vec<_>>() })
}

/// `image,label,probability`, and for each further class asked for its label and probability.
fn print_csv(answered: &[(&PathBuf, Result<Prediction, DataError>)]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    let classes = answered.iter().filter_map(|(_, answer)| answer.as_ref().ok());
    let columns = classes.map(|prediction| prediction.top.len()).max().unwrap_or(1);
    let more: String = (2..=columns).map(|place| format!(",label_{place},probability_{place}")).collect();
    writeln!(out, "image,label,probability{more}")?;
    for (path, answer) in answered {
        let Ok(prediction) = answer else { continue };
        write!(out, "{}", csv(&path.display().to_string()))?;
        for (label, probability) in &prediction.top {
            write!(out, ",{},{probability:.6}", csv(label))?;
        }
        writeln!(out)?;
    }
    Ok(())
}

fn print_table(answered: &[(&PathBuf, Result<Prediction, DataError>)]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    let width = |path: &Path| path.display().to_string().chars().count();
    let widest = answered.iter().map(|(path, _)| width(path)).max().unwrap_or(0);
    for (path, answer) in answered {
        let Ok(prediction) = answer else { continue };
        let class = |(label, probability): &(String, f32)| format!("{label} {:.1}%", probability * 100.0);
        let classes: Vec<_> = prediction.top.iter().map(class).collect();
        let gap = " ".repeat(widest - width(path));
        writeln!(out, "{}{gap}  {}", path.display(), classes.join(", "))?;
    }
    Ok(())
}
