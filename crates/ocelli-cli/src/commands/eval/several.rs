//! `ocelli eval` of a model that tells any number of labels an image.

use super::chosen::{Chosen, part};
use super::save;
use crate::args::EvalArgs;
use crate::commands::{labelled, print_json};
use crate::failure::Failure;
use crate::interrupt;
use crate::text::{count, csv, percent, plural};
use crate::tracking::Tracking;
use ocelli::data::{Problem, printable};
use ocelli::model::Classifier;
use ocelli::train::metrics::{
    Averaged, MultiLabelOptions, MultiLabelPredictions, MultiLabelReport, fit_thresholds,
};
use ocelli::train::{MeasureOptions, measure_multi_label_watched};
use serde_json::{Value, json};
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::sync::Arc;

/// Measures the model. Gives what was found wrong with images.
pub(super) fn run(
    args: &EvalArgs,
    classifier: &Classifier,
    (data, chosen): (&Path, &Chosen),
    (options, tracking): (&MeasureOptions, &mut Tracking),
    problems_of: impl Fn(Vec<Problem>) -> Vec<Problem>,
) -> Result<Vec<Problem>, Failure> {
    let (said, unreadable) =
        measure_multi_label_watched(classifier, Arc::clone(&chosen.images), options, |_| labelled::goes_on())
            .map_err(labelled::failed)?;
    let thresholds = match args.fit_thresholds {
        true => Some(fit_thresholds(&said)),
        false => classifier.thresholds().map(<[f32]>::to_vec),
    };
    let report = MultiLabelReport::of(&said, &MultiLabelOptions { thresholds });
    interrupt::check()?;
    let problems = problems_of(unreadable);
    // First, so that it is done though nobody reads on.
    save(args, |classifier| classifier.with_thresholds(report.thresholds.clone()))?;
    let document = document(args, chosen, classifier.classes(), &report, &problems);
    tracking.evaluated(args, (&chosen.split, data, chosen.images.as_ref()), &document);
    if args.json {
        print_json(&document)?;
    } else if args.csv {
        table(chosen, classifier.classes(), &said, &report)?;
    } else {
        text(args, chosen, classifier.classes(), &report)?;
    }
    Ok(problems)
}

fn document(
    args: &EvalArgs,
    chosen: &Chosen,
    classes: &[String],
    report: &MultiLabelReport,
    problems: &[Problem],
) -> Value {
    let class = |(index, name): (usize, &String)| {
        let scores = &report.scores.classes[index];
        json!({
            "name": name,
            "images": scores.support,
            "predicted": scores.predicted,
            "threshold": report.thresholds[index],
            "precision": scores.precision,
            "recall": scores.recall,
            "f1": scores.f1,
            "roc_auc": report.roc_auc.classes[index],
            "average_precision": report.average_precision.classes[index],
        })
    };
    json!({
        "model": args.model.to_string_lossy(),
        "data": args.data,
        "split": chosen.split,
        "multi_label": true,
        "images": report.images,
        "trained_on": chosen.trained_on(),
        "labels_per_image": report.labels_per_image,
        "accuracy": report.subset_accuracy,
        "loss": report.log_loss,
        "hamming_loss": report.hamming_loss,
        "mean_average_precision": report.average_precision.macro_mean,
        "roc_auc": { "macro": report.roc_auc.macro_mean, "weighted": report.roc_auc.weighted_mean },
        "micro": report.scores.micro,
        "macro": report.scores.macro_average,
        "weighted": report.scores.weighted_average,
        "classes": classes.iter().enumerate().map(class).collect::<Vec<_>>(),
        "problems": problems,
    })
}

/// `image,truth,predicted` with `|` between labels, and the probability of each class.
fn table(
    chosen: &Chosen,
    classes: &[String],
    said: &MultiLabelPredictions,
    report: &MultiLabelReport,
) -> io::Result<()> {
    let mut out = BufWriter::new(io::stdout().lock());
    write!(out, "image,truth,predicted")?;
    for class in classes {
        write!(out, ",{}", csv(&format!("probability_{class}")))?;
    }
    writeln!(out)?;
    let names = |labels: &mut dyn Iterator<Item = usize>| {
        csv(&labels.map(|class| classes[class].as_str()).collect::<Vec<_>>().join("|"))
    };
    for (image, (id, truth)) in said.ids().iter().zip(said.labels()).enumerate() {
        let row = said.row(image);
        let mut has = (0..classes.len()).filter(|class| row[*class] >= report.thresholds[*class]);
        let truth = names(&mut truth.iter().map(|label| *label as usize));
        write!(out, "{},{truth},{}", csv(&chosen.images.name(*id as usize)), names(&mut has))?;
        for probability in row {
            write!(out, ",{probability}")?;
        }
        writeln!(out)?;
    }
    out.flush()
}

fn text(args: &EvalArgs, chosen: &Chosen, classes: &[String], report: &MultiLabelReport) -> io::Result<()> {
    let mut out = io::stdout().lock();
    let number = |value: Option<f64>| value.map_or("-".to_owned(), |value| format!("{value:.4}"));
    let precision = &report.average_precision;
    writeln!(out, "{} on {}, {}:", args.model.display(), args.data, part(chosen))?;
    writeln!(
        out,
        "mAP {} on {} with {:.1} labels each, loss {:.4}\n",
        number(precision.macro_mean),
        plural(report.images, "image", "images"),
        report.labels_per_image,
        report.log_loss
    )?;
    writeln!(out, "all labels right   {:>7}", percent(report.subset_accuracy))?;
    writeln!(out, "labels wrong       {:>7}", percent(report.hamming_loss))?;
    writeln!(out, "ROC-AUC, macro     {:>7}", number(report.roc_auc.macro_mean))?;
    if args.fit_thresholds {
        let saved = if args.save { "they are saved in the model" } else { "--save puts them into the model" };
        writeln!(out, "\nthresholds fitted on these images, for the highest F1; {saved}")?;
    }
    let names: Vec<_> = classes.iter().map(|name| printable(name)).collect();
    let widest = names.iter().map(|name| name.chars().count()).max().unwrap_or(0).max("weighted".len());
    writeln!(
        out,
        "\n{:widest$}  images  threshold  precision  recall      F1  ROC-AUC  avg. precision",
        "class"
    )?;
    for (index, (name, scores)) in names.iter().zip(&report.scores.classes).enumerate() {
        writeln!(
            out,
            "{name:widest$}  {:>6}  {:>9.4}  {:>9}  {:>6}  {:>6}  {:>7}  {:>14}",
            count(scores.support),
            report.thresholds[index],
            percent(scores.precision),
            percent(scores.recall),
            percent(scores.f1),
            number(report.roc_auc.classes[index]),
            number(precision.classes[index]),
        )?;
    }
    let scores = &report.scores;
    let means: [(&str, Averaged, [Option<f64>; 2]); 3] = [
        ("micro", scores.micro, [None, None]),
        ("macro", scores.macro_average, [report.roc_auc.macro_mean, precision.macro_mean]),
        ("weighted", scores.weighted_average, [report.roc_auc.weighted_mean, precision.weighted_mean]),
    ];
    for (name, Averaged { precision, recall, f1 }, [area, mean]) in means {
        writeln!(
            out,
            "{name:widest$}  {:>6}  {:>9}  {:>9}  {:>6}  {:>6}  {:>7}  {:>14}",
            "",
            "",
            percent(precision),
            percent(recall),
            percent(f1),
            number(area),
            number(mean),
        )?;
    }
    Ok(())
}
