//! Writing manifests.

use std::fs;
use std::io::BufWriter;
use std::path::{Path, PathBuf};

use crate::{DataError, ErrorKind, OpenOptions};

/// One line of a manifest that is written.
#[derive(Clone, PartialEq, Debug)]
pub struct Entry {
    /// The image file; as it is to stand in the manifest.
    pub path: PathBuf,
    /// The class, or all of them.
    pub labels: Vec<String>,
    /// The split: `train`, `val` or `test`.
    pub split: &'static str,
    /// The weight, where it is not 1.
    pub weight: f32,
}

/// Writes a manifest as CSV, with a column `labels` if images may have several (`|` between them), and `classes.txt` beside it with the names of the classes in their order. Both are written under
/// other names and then renamed.
///
/// # Errors
/// If a file cannot be written, a path is not UTF-8 text, which a manifest is, or one of several labels has a `|` in it.
pub fn write(path: &Path, classes: &[String], entries: &[Entry], several: bool) -> Result<(), DataError> {
    let failed = |error: &dyn std::fmt::Display| {
        DataError::at(ErrorKind::Unreadable, path, format!("could not be written: {error}"))
    };
    let between = OpenOptions::default().label_separator;
    if let Some(class) = classes.iter().find(|class| several && class.contains(between)) {
        let reason = format!("class `{class}` has a {between}, which stands between labels: rename it");
        return Err(DataError::at(ErrorKind::Unsupported, path, reason));
    }
    let draft = path.with_extension("csv.part");
    let file = fs::File::create(&draft).map_err(|e| failed(&e))?;
    let mut writer = csv::Writer::from_writer(BufWriter::new(file));
    let weighted = entries.iter().any(|entry| entry.weight != 1.0);
    let columns = if weighted { 4 } else { 3 };
    writer
        .write_record(&["path", if several { "labels" } else { "label" }, "split", "weight"][..columns])
        .map_err(|e| failed(&e))?;
    for entry in entries {
        let image = entry.path.to_str().ok_or_else(|| {
            DataError::at(
                ErrorKind::Unsupported,
                &entry.path,
                "has a name that is not UTF-8 text, which a manifest is: rename it",
            )
        })?;
        let weight = entry.weight.to_string();
        let labels = entry.labels.join(&between.to_string());
        let record = [image, &labels, entry.split, &weight];
        writer.write_record(&record[..columns]).map_err(|e| failed(&e))?;
    }
    writer.into_inner().map_err(|e| failed(&e))?.into_inner().map_err(|e| failed(&e))?;
    let names = path.with_file_name("classes.txt");
    fs::write(&names, classes.iter().map(|class| format!("{class}\n")).collect::<String>())
        .map_err(|e| failed(&e))?;
    fs::rename(&draft, path).map_err(|e| failed(&e))
}
