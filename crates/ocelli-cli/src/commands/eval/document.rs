//! `ocelli eval --json`.

use super::chosen::Chosen;
use super::measured::{Fitted, Measured};
use crate::args::EvalArgs;
use ocelli::data::Problem;
use ocelli::train::metrics::{ClassScores, Report, TopLoss};
use serde_json::{Value, json};

pub(super) fn document(
    args: &EvalArgs,
    chosen: &Chosen,
    classes: &[String],
    measured: &Measured,
    problems: &[Problem],
) -> Value {
    let report = &measured.report;
    let mixed_up = report.confusion.mistakes();
    let pair = |(truth, predicted, images): (usize, usize, u64)| json!({ "truth": classes[truth], "predicted": classes[predicted], "images": images });
    json!({
        "model": args.model.to_string_lossy(),
        "data": args.data,
        "split": chosen.split,
        "images": report.images,
        "trained_on": chosen.trained_on(),
        "accuracy": report.accuracy,
        "loss": report.log_loss,
        "top5_accuracy": report.top5_accuracy,
        "balanced_accuracy": report.scores.balanced_accuracy,
        "macro": report.scores.macro_average,
        "weighted": report.scores.weighted_average,
        "roc_auc": { "macro": report.roc_auc.macro_mean, "weighted": report.roc_auc.weighted_mean },
        "average_precision": {
            "macro": report.average_precision.macro_mean,
            "weighted": report.average_precision.weighted_mean,
        },
        "brier_score": report.brier_score,
        "calibration": report.calibration,
        "intervals": report.intervals,
        "temperature": measured.fitted.as_ref().map(temperature),
        "reject": measured.reject,
        "coverage": report.coverage,
        "classes": class_list(report, classes),
        "confusion": report.confusion,
        "mixed_up": mixed_up.into_iter().map(pair).collect::<Vec<_>>(),
        "top_losses": measured.top_losses.iter().map(|top| top_loss(top, chosen, classes)).collect::<Vec<_>>(),
        "problems": problems,
    })
}

fn temperature(fitted: &Fitted) -> Value {
    json!({
        "fitted": fitted.temperature,
        "loss_before": fitted.log_loss_before,
        "calibration_error_before": fitted.calibration_error_before,
    })
}

fn class_list(report: &Report, names: &[String]) -> Vec<Value> {
    let class = |(index, (name, scores)): (usize, (&String, &ClassScores))| {
        json!({
            "name": name,
            "images": scores.support,
            "correct": report.confusion.count(index, index),
            "accuracy": report.confusion.accuracy_of(index),
            "predicted": scores.predicted,
            "precision": scores.precision,
            "recall": scores.recall,
            "f1": scores.f1,
            "roc_auc": report.roc_auc.classes[index],
            "average_precision": report.average_precision.classes[index],
        })
    };
    names.iter().zip(&report.scores.classes).enumerate().map(class).collect()
}

fn top_loss(top: &TopLoss, chosen: &Chosen, classes: &[String]) -> Value {
    json!({
        "image": chosen.images.name(top.id as usize),
        "index": top.id,
        "truth": classes[top.truth],
        "predicted": classes[top.predicted],
        "probability": top.probability,
        "loss": top.loss,
    })
}
