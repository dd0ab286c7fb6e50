//! `ocelli eval` for people.

use super::chosen::{Chosen, part};
use super::measured::Measured;
use crate::args::EvalArgs;
use crate::text::{count, percent, plural};
use ocelli::data::printable;
use ocelli::train::metrics::{Covered, Interval, Report};
use std::borrow::Cow;
use std::io::{self, Write};

/// How many of the classes that were mixed up most often are shown.
const MISTAKES: usize = 5;
/// The widest table of counts by true and predicted class, in characters.
const WIDEST: usize = 120;
/// The parts of the images that are shown of the curve of coverage.
const COVERAGES: [f64; 6] = [1.0, 0.95, 0.9, 0.8, 0.7, 0.5];

/// What is shown for a figure that there is none of.
const NONE: &str = "-";

pub(super) fn print(
    args: &EvalArgs,
    chosen: &Chosen,
    classes: &[String],
    measured: &Measured,
) -> io::Result<()> {
    let mut out = io::stdout().lock();
    let report = &measured.report;
    let names: Vec<_> = classes.iter().map(|name| printable(name)).collect();
    writeln!(out, "{} on {}, {}:", args.model.display(), args.data, part(chosen))?;
    writeln!(
        out,
        "accuracy {} of {}, loss {:.4}\n",
        percent(report.accuracy),
        plural(report.images, "image", "images"),
        report.log_loss
    )?;
    figures(&mut out, report)?;
    temperature(&mut out, args, measured)?;
    class_table(&mut out, report, &names)?;
    confusion(&mut out, report, &names)?;
    mistakes(&mut out, report, &names)?;
    coverage(&mut out, args, measured)?;
    top_losses(&mut out, chosen, measured, &names)
}

/// The figures of all images, with where they lie in most resamples.
fn figures(out: &mut impl Write, report: &Report) -> io::Result<()> {
    let (scores, intervals) = (&report.scores, report.intervals.as_ref());
    let heading = if intervals.is_some() { "95% of resamples" } else { "" };
    writeln!(out, "{}", format!("{:27}   value  {heading}", "figure").trim_end())?;
    let mut line = |name: &str, value: Option<f64>, shown: fn(f64) -> String, interval: Option<Interval>| {
        let between = interval
            .map_or_else(String::new, |found| format!("  {} to {}", shown(found.low), shown(found.high)));
        writeln!(out, "{name:27}  {:>6}{between}", value.map_or(NONE.into(), shown))
    };
    let number = |value: f64| format!("{value:.4}");
    line("accuracy", Some(report.accuracy), percent, intervals.map(|all| all.accuracy))?;
    // Of five classes, the five likeliest have the right one.
    if scores.classes.len() > 5 {
        line(
            "accuracy of the best 5",
            Some(report.top5_accuracy),
            percent,
            intervals.map(|all| all.top5_accuracy),
        )?;
    }
    let balanced = scores.balanced_accuracy;
    line("balanced accuracy", Some(balanced), percent, intervals.map(|all| all.balanced_accuracy))?;
    line("F1, macro", Some(scores.macro_average.f1), percent, intervals.map(|all| all.macro_f1))?;
    line("F1, weighted", Some(scores.weighted_average.f1), percent, None)?;
    line("log loss", Some(report.log_loss), number, intervals.map(|all| all.log_loss))?;
    line("Brier score", Some(report.brier_score), number, intervals.map(|all| all.brier_score))?;
    line("ROC-AUC, macro", report.roc_auc.macro_mean, number, None)?;
    line("ROC-AUC, weighted", report.roc_auc.weighted_mean, number, None)?;
    line("average precision, macro", report.average_precision.macro_mean, number, None)?;
    line("average precision, weighted", report.average_precision.weighted_mean, number, None)?;
    let bins = format!("calibration error, {} bins", report.calibration.bins.len());
    line(&bins, Some(report.calibration.error), percent, None)
}

/// What came of fitting a temperature.
fn temperature(out: &mut impl Write, args: &EvalArgs, measured: &Measured) -> io::Result<()> {
    let Some(fitted) = &measured.fitted else { return Ok(()) };
    writeln!(
        out,
        "\ntemperature {:.3}, fitted on these images: the figures are at it, and were log loss {:.4} and calibration error {} before; {}",
        fitted.temperature,
        fitted.log_loss_before,
        percent(fitted.calibration_error_before),
        if args.save { "it is saved in the model" } else { "--save puts it into the model" },
    )
}

fn class_table(out: &mut impl Write, report: &Report, names: &[Cow<'_, str>]) -> io::Result<()> {
    let widest = widest(names).max("weighted".len());
    writeln!(
        out,
        "\n{:widest$}  images  correct  precision  recall      F1  ROC-AUC  avg. precision",
        "class"
    )?;
    let figure = |value: Option<f64>| value.map_or(NONE.to_owned(), |value| format!("{value:.4}"));
    for (index, (name, scores)) in names.iter().zip(&report.scores.classes).enumerate() {
        let shown = |value: f64, of: u64| if of > 0 { percent(value) } else { NONE.to_owned() };
        writeln!(
            out,
            "{name:widest$}  {:>6}  {:>7}  {:>9}  {:>6}  {:>6}  {:>7}  {:>14}",
            count(scores.support),
            count(report.confusion.count(index, index)),
            shown(scores.precision, scores.predicted),
            shown(scores.recall, scores.support),
            shown(scores.f1, scores.support + scores.predicted),
            figure(report.roc_auc.classes[index]),
            figure(report.average_precision.classes[index]),
        )?;
    }
    let means = [
        (
            "macro",
            report.scores.macro_average,
            report.roc_auc.macro_mean,
            report.average_precision.macro_mean,
        ),
        (
            "weighted",
            report.scores.weighted_average,
            report.roc_auc.weighted_mean,
            report.average_precision.weighted_mean,
        ),
    ];
    for (name, scores, area, precision) in means {
        writeln!(
            out,
            "{name:widest$}  {:>6}  {:>7}  {:>9}  {:>6}  {:>6}  {:>7}  {:>14}",
            "",
            "",
            percent(scores.precision),
            percent(scores.recall),
            percent(scores.f1),
            figure(area),
            figure(precision),
        )?;
    }
    Ok(())
}

/// Counts by true class (row) and predicted class (column), where they have room.
fn confusion(out: &mut impl Write, report: &Report, names: &[Cow<'_, str>]) -> io::Result<()> {
    let (widest, digits) = (widest(names), count(report.images).len());
    let width = |name: &Cow<'_, str>| name.chars().count().max(digits);
    let all: usize = widest + names.iter().map(|name| width(name) + 2).sum::<usize>();
    if all > WIDEST {
        return Ok(());
    }
    let heads: String = names.iter().map(|name| format!("  {name:>0$}", width(name))).collect();
    writeln!(out, "\ntaken for{}{heads}", " ".repeat(widest.saturating_sub("taken for".len())))?;
    let widest = widest.max("taken for".len());
    for (truth, name) in names.iter().enumerate() {
        let counts: String = names
            .iter()
            .enumerate()
            .map(|(class, head)| {
                format!("  {:>1$}", count(report.confusion.count(truth, class)), width(head))
            })
            .collect();
        writeln!(out, "{name:widest$}{counts}")?;
    }
    Ok(())
}

fn mistakes(out: &mut impl Write, report: &Report, names: &[Cow<'_, str>]) -> io::Result<()> {
    let mistakes = report.confusion.mistakes();
    if !mistakes.is_empty() {
        writeln!(out, "\nmixed up most often:")?;
    }
    for (truth, predicted, images) in mistakes.into_iter().take(MISTAKES) {
        let images = plural(images, "image", "images");
        writeln!(out, "  {} taken for {}: {images}", names[truth], names[predicted])?;
    }
    Ok(())
}

/// What is answered if only sure answers are given.
fn coverage(out: &mut impl Write, args: &EvalArgs, measured: &Measured) -> io::Result<()> {
    let curve = &measured.report.coverage;
    // Of each part the surest point that still covers it.
    let mut points: Vec<&Covered> = Vec::new();
    for part in COVERAGES {
        let next = curve.iter().rfind(|point| point.coverage >= part - 1e-9);
        points.extend(next.filter(|next| points.last() != Some(next)));
    }
    if points.is_empty() {
        return Ok(());
    }
    writeln!(out, "\nif answers need a probability of at least  images  answered  accuracy")?;
    let line = |out: &mut dyn Write, point: &Covered, note: &str| {
        writeln!(
            out,
            "{:>41.4}  {:>6}  {:>8}  {:>8}{note}",
            point.threshold,
            count(point.images),
            percent(point.coverage),
            point.accuracy.map_or(NONE.into(), percent)
        )
    };
    for point in points {
        line(out, point, "")?;
    }
    match &measured.reject {
        Some(point) if args.reject.is_some() && args.save => {
            line(out, point, "  what is asked for, saved in the model")
        }
        Some(point) if args.reject.is_some() => line(out, point, "  what is asked for"),
        Some(point) => line(out, point, "  what the model asks for"),
        None => Ok(()),
    }
}

fn top_losses(
    out: &mut impl Write,
    chosen: &Chosen,
    measured: &Measured,
    names: &[Cow<'_, str>],
) -> io::Result<()> {
    if !measured.top_losses.is_empty() {
        writeln!(out, "\nhighest losses:")?;
    }
    for top in &measured.top_losses {
        let name = chosen.images.name(top.id as usize);
        let (truth, predicted) = (&names[top.truth], &names[top.predicted]);
        let what =
            if truth == predicted { "found, at".to_owned() } else { format!("taken for {predicted}, at") };
        let probability = percent(f64::from(top.probability));
        writeln!(out, "  {}: {truth} {what} {probability}, loss {:.3}", printable(&name), top.loss)?;
    }
    Ok(())
}

fn widest(names: &[Cow<'_, str>]) -> usize {
    names.iter().map(|name| name.chars().count()).max().unwrap_or(0)
}
