//! Manifests: a CSV or JSON Lines file that lists images with their labels.
//!
//! | column | is |
//! | --- | --- |
//! | `path` (or `file_name`) | the image file, absolute or relative to the manifest |
//! | `label` | the class: a name, or a number |
//! | `labels` | in place of `label`: any number of classes; in CSV with a sign between them (`|`), in JSON Lines a list |
//! | `split` | `train`, `val` or `test`, or their other names; all lines have one or none has |
//! | `weight` | how often a weighted sampler draws the image relative to others, at least 0; 1 if empty |
//!
//! Other columns are passed over. Classes are in the order of `classes.txt` beside the manifest, one name a line; then a label
//! is one of these names, or its place among them counted from 0. Without it they are the labels that occur, numbers by value
//! and names by letters. CSV files have a header line (`.tsv`: tabs for commas); in JSON Lines every line is an object.

mod csv;
mod jsonl;
mod write;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use write::{Entry, write};

use super::classes::{ClassSet, in_order, mismatches};
use super::files::{file_name, names};
use super::image_files::{ImageFiles, Sample, scan, usual_channels};
use super::open::Findings;
use super::splits::{Part, Parts};
use super::{Dataset, OpenOptions};
use crate::decode::Header;
use crate::{DataError, ErrorKind};

/// What a manifest in a folder is called.
const NAMES: [&str; 4] = ["manifest.csv", "manifest.tsv", "manifest.jsonl", "manifest.ndjson"];
/// Most bytes of one line (in CSV, of one record).
const MAX_LINE: usize = 1 << 20;
/// Most bytes of a path and of a label.
const MAX_TEXT: usize = 4096;

/// How a manifest is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Syntax {
    Separated(u8),
    JsonLines,
}

/// One line, as it is written.
#[derive(Clone, PartialEq, Debug, Default)]
pub(super) struct Row {
    line: u64,
    path: String,
    label: Label,
    split: Option<String>,
    weight: Option<f64>,
    /// The column that was asked for beside these.
    other: Option<String>,
}

/// What a line says that its image shows.
#[derive(Clone, PartialEq, Debug)]
enum Label {
    /// One class.
    One(String),
    /// Any number of classes.
    Several(Vec<String>),
}

impl Default for Label {
    fn default() -> Self {
        Self::One(String::new())
    }
}

/// A line, understood.
struct Listed {
    line: u64,
    path: PathBuf,
    /// The places of its labels among the names that occur.
    names: Vec<u32>,
    /// Whether it may have several.
    several: bool,
    part: Option<Part>,
    weight: f32,
}

/// A manifest's lines and the labels that occur in it.
struct Table {
    rows: Vec<Listed>,
    names: Vec<String>,
}

/// The manifest that a path is, or that lies in the folder that it is.
pub fn find(path: &Path) -> Option<PathBuf> {
    if is_named_so(path) && path.is_file() {
        return Some(path.to_path_buf());
    }
    in_folder(path)
}

/// The manifest in a folder, if there is one.
pub(super) fn in_folder(folder: &Path) -> Option<PathBuf> {
    NAMES.into_iter().map(|name| folder.join(name)).find(|path| path.is_file())
}

/// Whether a file is called as manifests are.
pub(super) fn is_named_so(path: &Path) -> bool {
    syntax(path).is_some()
}

fn syntax(path: &Path) -> Option<Syntax> {
    match path.extension()?.to_string_lossy().to_lowercase().as_str() {
        "csv" => Some(Syntax::Separated(b',')),
        "tsv" => Some(Syntax::Separated(b'\t')),
        "jsonl" | "ndjson" => Some(Syntax::JsonLines),
        _ => None,
    }
}

/// Reads a manifest and the headers of the images that it lists.
pub(super) fn open(
    path: &Path,
    options: &OpenOptions,
    findings: &mut Findings,
) -> Result<Parts<Arc<dyn Dataset>>, DataError> {
    let table = read(path, options.label_separator)?;
    let several = table.rows.iter().any(|row| row.several);
    let listed = names(&path.with_file_name("classes.txt"))?;
    let is_listed = listed.is_some();
    let classes = listed.unwrap_or_else(|| in_order(table.names.clone()));
    let labels = labels(path, &table, &classes)?;
    let files: Vec<&Path> = table.rows.iter().map(|row| row.path.as_path()).collect();
    let headers = scan(&files, &options.limits, crate::threads(options.threads));
    let mut parts: Parts<Vec<(Sample, Header)>> = Parts::default();
    for (row, header) in table.rows.into_iter().zip(headers) {
        let sample = sample(&row, &labels);
        let part = parts.entry(row.part.unwrap_or(Part::Train));
        match header {
            Ok(header) => part.push((sample, header)),
            Err(error) => findings.problems.push(on_line(path, row.line, &error).into()),
        }
    }
    // Where images have several labels, one that a split lacks is nothing out of the ordinary.
    if !is_listed && !several {
        let set = |(split, part): (&str, &Vec<(Sample, Header)>)| {
            let name = format!("{}, split {split}", path.display());
            ClassSet::of(name, part.iter().map(|(sample, _)| sample.label), &classes)
        };
        let sets: Vec<ClassSet<'_>> = parts.named().map(set).collect();
        findings.mismatches(mismatches(&sets), options)?;
    }
    let channels =
        options.channels.unwrap_or_else(|| usual_channels(parts.iter().flatten().map(|(_, header)| header)));
    let dataset = |files| Arc::new(ImageFiles::new(&classes, files, channels, options.limits)) as _;
    Ok(parts.map(dataset))
}

/// What a line lists; `labels` has the class of each name.
fn sample(row: &Listed, labels: &[u32]) -> Sample {
    let mut all: Vec<u32> = row.names.iter().map(|name| labels[*name as usize]).collect();
    all.sort_unstable();
    all.dedup();
    Sample {
        path: row.path.clone(),
        label: all.first().copied().unwrap_or(0),
        labels: row.several.then(|| all.into()),
        weight: row.weight,
    }
}

/// An image's error, with the line that lists it.
fn on_line(manifest: &Path, line: u64, error: &DataError) -> DataError {
    let reason = format!("{} (line {line} of {})", error.reason(), file_name(manifest));
    DataError::at(error.kind(), error.path().unwrap_or(manifest), reason)
}

/// For each name that occurs in the table, its place in `classes`.
fn labels(path: &Path, table: &Table, classes: &[String]) -> Result<Vec<u32>, DataError> {
    let place = |(number, name): (usize, &String)| {
        super::classes::place(classes, name).ok_or_else(|| {
            let line =
                table.rows.iter().find(|row| row.names.contains(&(number as u32))).map_or(0, |row| row.line);
            let reason =
                format!("line {line}: label `{name}` is not among the {} of classes.txt", classes.len());
            DataError::at(ErrorKind::ClassMismatch, path, reason)
        })
    };
    table.names.iter().enumerate().map(place).collect()
}

/// For each image that a manifest lists, what it says in some other column: who is on it, where it was taken. JSON values that
/// are no text stand as JSON writes them.
///
/// # Errors
/// If the file cannot be read or is wrong, or has no such column.
pub fn column(path: &Path, name: &str) -> Result<HashMap<PathBuf, String>, DataError> {
    let mut values = HashMap::new();
    let folder = path.parent().unwrap_or(Path::new(""));
    read_rows(path, OpenOptions::default().label_separator, Some(name), &mut |row| {
        let value = row.other.ok_or_else(|| {
            DataError::at(ErrorKind::Corrupt, path, format!("line {}: has no `{name}`", row.line))
        })?;
        values.insert(folder.join(&row.path), value);
        Ok(())
    })?;
    Ok(values)
}

/// Gives every line to `add`, with the column `other` if one is asked for. `separator` stands between labels.
fn read_rows(
    path: &Path,
    separator: char,
    other: Option<&str>,
    add: &mut impl FnMut(Row) -> Result<(), DataError>,
) -> Result<(), DataError> {
    match syntax(path) {
        Some(Syntax::JsonLines) => jsonl::read(path, other, add),
        Some(Syntax::Separated(by)) => csv::read(path, (by, separator), other, add),
        None => Err(DataError::at(ErrorKind::UnknownFormat, path, "is no .csv, .tsv or .jsonl file")),
    }
}

/// Reads a manifest's lines and checks each.
fn read(path: &Path, separator: char) -> Result<Table, DataError> {
    let mut table = Table { rows: Vec::new(), names: Vec::new() };
    let mut places = HashMap::new();
    let folder = path.parent().unwrap_or(Path::new(""));
    let mut add = |row: Row| {
        let wrong =
            |reason: String| DataError::at(ErrorKind::Corrupt, path, format!("line {}: {reason}", row.line));
        let listed = understand(&row, folder, &mut places, &mut table.names).map_err(wrong)?;
        if let Some(first) = table.rows.first().filter(|first| first.part.is_some() != listed.part.is_some())
        {
            let (with, without) =
                if listed.part.is_some() { (row.line, first.line) } else { (first.line, row.line) };
            return Err(wrong(format!(
                "line {with} has a split and line {without} has none: give every line one, or leave the column out"
            )));
        }
        if let Some(first) = table.rows.first().filter(|first| first.several != listed.several) {
            return Err(wrong(format!(
                "has {} and line {} has {}: give every line a list of labels, or every line one",
                amount(listed.several),
                first.line,
                amount(first.several)
            )));
        }
        table.rows.push(listed);
        Ok(())
    };
    read_rows(path, separator, None, &mut add)?;
    if table.names.is_empty() && !table.rows.is_empty() {
        return Err(DataError::at(ErrorKind::Corrupt, path, "no image has a label"));
    }
    if table.rows.is_empty() {
        return Err(DataError::at(ErrorKind::EmptyFile, path, "lists no image"));
    }
    Ok(table)
}

fn amount(several: bool) -> &'static str {
    if several { "a list of labels" } else { "one label" }
}

/// Checks one line's values; says what is wrong with it otherwise.
fn understand(
    row: &Row,
    folder: &Path,
    places: &mut HashMap<String, u32>,
    names: &mut Vec<String>,
) -> Result<Listed, String> {
    let (labels, several): (&[String], bool) = match &row.label {
        Label::One(label) => (std::slice::from_ref(label), false),
        Label::Several(labels) => (labels, true),
    };
    let unnamed = labels.iter().any(|label| label.trim().is_empty());
    if row.path.is_empty() || unnamed {
        return Err(match (unnamed, several) {
            (false, _) => "its path is empty",
            (true, false) => "its label is empty: where images may show nothing, or several things, call the column `labels`",
            (true, true) => "one of its labels is empty: an image without any has nothing in the column `labels`",
        }
        .to_owned());
    }
    if row.path.len() > MAX_TEXT || labels.iter().any(|label| label.len() > MAX_TEXT) {
        return Err(format!("its path or label has more than {MAX_TEXT} bytes"));
    }
    if row.path.contains('\0') {
        return Err("its path has a zero byte".to_owned());
    }
    let split = row.split.as_deref().map(str::trim).filter(|split| !split.is_empty());
    let part = split.map(|split| {
        Part::named(&split.to_lowercase()).ok_or_else(|| {
            format!("split `{}` is none of train, val and test", split.chars().take(40).collect::<String>())
        })
    });
    let weight = row.weight.unwrap_or(1.0);
    if !(weight >= 0.0 && weight <= f64::from(f32::MAX)) {
        return Err(format!("weight {weight} is not a number of at least 0"));
    }
    let mut place = |label: &String| {
        let label = label.trim();
        places.get(label).copied().unwrap_or_else(|| {
            let place = names.len() as u32;
            names.push(label.to_owned());
            places.insert(label.to_owned(), place);
            place
        })
    };
    Ok(Listed {
        line: row.line,
        path: folder.join(&row.path),
        names: labels.iter().map(&mut place).collect(),
        several,
        part: part.transpose()?,
        weight: weight as f32,
    })
}
