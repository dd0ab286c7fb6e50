//! Files that a tracked run keeps.

use super::{Tracking, model};
use crate::text::warn;
use ocelli::report::figures;
use ocelli::train::{Confusion, EpochDone, Record};
use ocelli_plot::Figure;
use std::path::Path;

/// The model's file there.
pub(crate) const MODEL_FILE: &str = "model/model.safetensors";
/// What `runs repeat` trains by.
pub(crate) const RECIPE: &str = "recipe.toml";

/// Metrics, curves and model of a run's folder; `step` is that of the model.
pub(super) fn of_folder(tracking: &mut Tracking, folder: &Path, record: &Record, step: u64) {
    recipe(tracking, folder);
    tracking.tell(|active| active.log_artifact(&folder.join("metrics.jsonl"), ""));
    curves(tracking, &record.epochs);
    tracking.tell(|active| {
        if let Some(reason) = model::log(active, &record.model, step)? {
            warn(&format!(
                "the logged model is Ocelli's own alone, without ONNX for mlflow.pyfunc: {reason}"
            ));
        }
        Ok(())
    });
}

/// The resolved recipe, where the run came as far as writing it.
pub(super) fn recipe(tracking: &mut Tracking, folder: &Path) {
    let path = folder.join(RECIPE);
    if path.is_file() {
        tracking.tell(|active| active.log_artifact(&path, ""));
    }
}

fn curves(tracking: &mut Tracking, epochs: &[EpochDone]) {
    if epochs.is_empty() {
        return;
    }
    figure(tracking, "curves/loss", &figures::loss(epochs));
    figure(tracking, "curves/accuracy", &figures::accuracy(epochs));
    figure(tracking, "curves/learning-rate", &figures::learning_rate(epochs));
}

/// Which classes were taken for which, where a figure has room for them.
pub(crate) fn confusion(tracking: &mut Tracking, confusion: &Confusion, classes: &[String]) {
    if tracking.is_some() && (1..=figures::MOST_CLASSES).contains(&confusion.classes()) {
        figure(tracking, "confusion", &figures::confusion(confusion, classes));
    }
}

/// A figure as SVG and PNG.
pub(crate) fn figure(tracking: &mut Tracking, name: &str, figure: &Figure) {
    tracking.tell(|active| {
        active.log_bytes(figure.svg().as_bytes(), &format!("{name}.svg"))?;
        active.log_bytes(&figure.png(), &format!("{name}.png"))
    });
}
