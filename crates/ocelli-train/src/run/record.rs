//! What a run left in its folder, read again.

use super::swa::SwaDone;
use crate::checkpoint::{Folder, Line, TestDone};
use crate::error::TrainError;
use crate::events::EpochDone;
use crate::recipe::Recipe;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// What a run was to do, and how it went, as its folder tells: of a run that is over, was stopped, or goes on.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// The classifier: the best epoch's, or the mean of the last ones that [`Record::swa`] tells of. There is none before the first
    /// epoch is over.
    pub model: PathBuf,
    /// Every setting, resolved.
    pub recipe: Recipe,
    /// The epochs that are done, as `metrics.jsonl` has them.
    pub epochs: Vec<EpochDone>,
    /// Of a run that is over and averaged the weights of its last epochs: that their mean is the model, and what it is worth.
    pub swa: Option<SwaDone>,
    /// Of a run that is over and had test images: what its model came to.
    pub test: Option<TestDone>,
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
        let recipe = Recipe::load(&recipe)?;
        let lines = lines(&text).map_err(|reason| TrainError::Record { path: metrics, reason })?;
        let mut record =
            Record { model: Folder::model_in(folder), recipe, epochs: Vec::new(), swa: None, test: None };
        for line in lines {
            match line {
                Line::Epoch(done) => record.epochs.push(done),
                Line::Swa(done) => record.swa = Some(done),
                Line::Test(done) => record.test = Some(done),
                Line::BackedOff(_) => {}
            }
        }
        Ok(record)
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

/// The lines. One that a process was about to write is not there yet.
fn lines(text: &str) -> Result<Vec<Line>, String> {
    let whole = text.split_inclusive('\n').enumerate().filter(|(_, line)| line.ends_with('\n'));
    let read = |(number, line): (usize, &str)| {
        let value: Result<serde_json::Value, _> = serde_json::from_str(line);
        value.and_then(serde_json::from_value).map_err(|error| format!("line {}: {error}", number + 1))
    };
    whole.map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line_of(epoch: u64) -> String {
        serde_json::to_string(&EpochDone { epoch, ..EpochDone::default() }).unwrap() + "\n"
    }

    #[test]
    fn lines_are_read_and_what_is_half_written_is_not() {
        let test = "{\"epoch\":2,\"test_images\":3,\"test_loss\":0.5,\"test_accuracy\":1.0}\n";
        let back =
            "{\"back_off\":1,\"epoch\":2,\"batch\":3,\"reason\":\"x\",\"back_to_step\":4,\"lr_scale\":0.5}\n";
        let swa = "{\"swa_epochs\":1,\"val_loss\":0.5,\"val_accuracy\":1.0}\n";
        let whole = format!("{}{back}{}{swa}{test}", line_of(1), line_of(2));
        let found = lines(&format!("{whole}{{\"epoch\":3,\"st")).unwrap();
        let epochs: Vec<u64> = found.iter().filter_map(Line::epoch).map(|done| done.epoch).collect();
        assert_eq!((epochs, found.len()), (vec![1, 2], 5));
        let written: String = found.iter().map(|line| serde_json::to_string(line).unwrap() + "\n").collect();
        assert_eq!(written, whole, "to the byte");
        assert_eq!(
            lines("{\"swa_epochs\":7}\n").unwrap(),
            [Line::Swa(SwaDone { swa_epochs: 7, val_loss: None, val_accuracy: None })]
        );
    }

    #[test]
    fn a_broken_line_says_which_it_is_and_what_it_lacks() {
        for (line, lacks) in [
            ("{\"train_loss\":1}", "missing field `epoch`"),
            ("{\"epoch\":1,\"test_images\":3,\"test_loss\":1}", "missing field `test_accuracy`"),
            ("{\"back_off\":1}", "missing field `epoch`"),
            ("{\"swa_epochs\":\"all\"}", "invalid type: string \"all\", expected u64"),
        ] {
            let first = line_of(1);
            assert_eq!(lines(&format!("{first}{line}\n")).unwrap_err(), format!("line 2: {lacks}"));
        }
        assert!(lines("{ not json\n").unwrap_err().starts_with("line 1: "));
        assert!(lines("{\"train_loss\":1}\n").unwrap_err().contains("line 1: missing field `epoch`"));
    }

    #[test]
    fn a_folder_without_a_recipe_is_no_run() {
        let folder = tempfile::tempdir().unwrap();
        let error = Record::open(folder.path()).unwrap_err().to_string();
        assert!(error.ends_with("is not the folder of a run: it has no recipe.toml"), "{error}");
        assert_eq!(Record::of_model(&folder.path().join("model.safetensors")).unwrap(), None);
        Recipe::default().save(&folder.path().join("recipe.toml")).unwrap();
        let swa = "{\"swa_epochs\":1}\n";
        fs::write(folder.path().join("metrics.jsonl"), line_of(1) + swa).unwrap();
        let record = Record::of_model(&folder.path().join("model.safetensors")).unwrap().unwrap();
        assert_eq!((record.epochs.len(), record.recipe), (1, Recipe::default()));
        assert_eq!(record.swa.map(|done| done.swa_epochs), Some(1));
        assert_eq!(Record::of_model(&folder.path().join("last.safetensors")).unwrap(), None);
    }
}
