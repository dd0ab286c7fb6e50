//! Files that a tracked run keeps.

use super::Tracking;
use ocelli::report::figures;
use ocelli::track::{ActiveRun, LogModel, TrackError};
use ocelli::train::{Confusion, EpochDone, Record};
use ocelli_plot::Figure;
use serde_json::json;
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;

/// The folder of the model among a run's artifacts.
const MODEL: &str = "model";
/// The model's file there.
pub(crate) const MODEL_FILE: &str = "model/model.safetensors";
/// What `runs repeat` trains by.
pub(crate) const RECIPE: &str = "recipe.toml";

/// Metrics, curves and model of a run's folder; `step` is that of the model.
pub(super) fn of_folder(tracking: &mut Tracking, folder: &Path, record: &Record, step: u64) {
    recipe(tracking, folder);
    tracking.tell(|active| active.log_artifact(&folder.join("metrics.jsonl"), ""));
    curves(tracking, &record.epochs);
    tracking.tell(|active| model(active, &record.model, step));
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

/// The classifier as a model of MLflow's.
fn model(active: &ActiveRun, file: &Path, step: u64) -> Result<(), TrackError> {
    let failed = |source| TrackError::Io { path: file.to_path_buf(), doing: "laid out as a model", source };
    let folder = tempfile::tempdir().map_err(failed)?;
    lay_out(active, file, folder.path()).map_err(failed)?;
    active.log_model(&LogModel {
        name: MODEL.to_owned(),
        folder: folder.path().to_path_buf(),
        step: i64::try_from(step).ok(),
        params: BTreeMap::new(),
        register_as: None,
    })
}

/// A folder with the model's file and its `MLmodel`.
fn lay_out(active: &ActiveRun, file: &Path, folder: &Path) -> io::Result<()> {
    let name = file.file_name().unwrap_or_default();
    let to = folder.join(name);
    fs::hard_link(file, &to).or_else(|_| fs::copy(file, &to).map(drop))?;
    // YAML, as JSON is.
    let text = json!({
        "artifact_path": MODEL,
        "flavors": { "ocelli": { "data": name.to_string_lossy(), "ocelli_version": env!("CARGO_PKG_VERSION") } },
        "run_id": active.id(),
    });
    fs::write(folder.join("MLmodel"), serde_json::to_vec_pretty(&text)?)
}
