//! What a run left in its folder, read again.

use crate::checkpoint::Folder;
use crate::error::TrainError;
use crate::events::EpochDone;
use crate::recipe::Recipe;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// What a run was to do, and how it went, as its folder tells: of a run that is over, was stopped, or goes on.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// The folder.
    pub folder: PathBuf,
    /// The best epoch's classifier. There is none before the first epoch is over.
    pub model: PathBuf,
    /// Every setting, resolved.
    pub recipe: Recipe,
    /// The epochs that are done: the lines of `metrics.jsonl` but for those of the test and of going back.
    pub epochs: Vec<EpochDone>,
}

impl Record {
    /// Reads a run's folder.
    ///
    /// # Errors
    /// It has no `recipe.toml`, or that or `metrics.jsonl` cannot be read or is no such file.
    pub fn open(folder: &Path) -> Result<Self, TrainError> {
        let (recipe, metrics) = (Folder::recipe_in(folder), Folder::metrics_in(folder));
        if !recipe.is_file() {
            let reason = "is not the folder of a run: it has no recipe.toml".to_owned();
            return Err(TrainError::Record { path: folder.to_path_buf(), reason });
        }
        let text = match fs::read_to_string(&metrics) {
            Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
            other => {
                other.map_err(|source| TrainError::Io { path: metrics.clone(), doing: "read", source })?
            }
        };
        Ok(Record {
            model: Folder::model_in(folder),
            recipe: Recipe::load(&recipe)?,
            epochs: epochs(&text).map_err(|reason| TrainError::Record { path: metrics, reason })?,
            folder: folder.to_path_buf(),
        })
    }

    /// The record of the run that wrote a model: the folder that it lies in, if that is a run's.
    ///
    /// # Errors
    /// As [`Record::open`], where there is a recipe beside the model.
    pub fn of_model(model: &Path) -> Result<Option<Self>, TrainError> {
        let folder = model.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let is_its = Folder::model_in(folder).file_name() == model.file_name();
        if is_its && Folder::recipe_in(folder).is_file() { Self::open(folder).map(Some) } else { Ok(None) }
    }
}

/// The epochs among the lines. A line that a process was about to write is not there yet.
fn epochs(text: &str) -> Result<Vec<EpochDone>, String> {
    let mut epochs = Vec::new();
    for (number, line) in text.split_inclusive('\n').enumerate().filter(|(_, line)| line.ends_with('\n')) {
        let wrong = |error: serde_json::Error| format!("line {}: {error}", number + 1);
        let value: serde_json::Value = serde_json::from_str(line).map_err(wrong)?;
        if ["test_accuracy", "back_off", "swa_epochs"].iter().all(|other| value.get(other).is_none()) {
            epochs.push(serde_json::from_value(value).map_err(wrong)?);
        }
    }
    Ok(epochs)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(epoch: u64) -> String {
        serde_json::to_string(&EpochDone { epoch, ..EpochDone::default() }).unwrap() + "\n"
    }

    #[test]
    fn epochs_are_read_and_the_test_and_what_is_half_written_are_not() {
        let test = "{\"epoch\":2,\"test_images\":3,\"test_loss\":0.5,\"test_accuracy\":1.0}\n";
        let back =
            "{\"back_off\":1,\"epoch\":2,\"batch\":3,\"reason\":\"x\",\"back_to_step\":4,\"lr_scale\":0.5}\n";
        let swa = "{\"swa_epochs\":1,\"val_loss\":0.5,\"val_accuracy\":1.0}\n";
        let told = format!("{}{back}{}{swa}{test}{{\"epoch\":3,\"st", line(1), line(2));
        let found: Vec<u64> = epochs(&told).unwrap().iter().map(|done| done.epoch).collect();
        assert_eq!(found, [1, 2]);
        assert!(epochs("{}\n").unwrap_err().contains("line 1: missing field `epoch`"));
    }

    #[test]
    fn a_folder_without_a_recipe_is_no_run() {
        let folder = tempfile::tempdir().unwrap();
        let error = Record::open(folder.path()).unwrap_err().to_string();
        assert!(error.ends_with("is not the folder of a run: it has no recipe.toml"), "{error}");
        assert_eq!(Record::of_model(&folder.path().join("model.safetensors")).unwrap(), None);
        Recipe::default().save(&folder.path().join("recipe.toml")).unwrap();
        fs::write(folder.path().join("metrics.jsonl"), line(1)).unwrap();
        let record = Record::of_model(&folder.path().join("model.safetensors")).unwrap().unwrap();
        assert_eq!((record.epochs.len(), record.recipe), (1, Recipe::default()));
        assert_eq!(Record::of_model(&folder.path().join("last.safetensors")).unwrap(), None);
    }
}
