//! Manifests as comma- or tab-separated values.

use std::cell::Cell;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;
use std::rc::Rc;

use super::{Label, MAX_LINE, Row};
use crate::dataset::files::open_regular;
use crate::{DataError, ErrorKind};

/// Where the columns are.
struct Columns {
    path: usize,
    label: usize,
    /// What stands between labels, where there may be several.
    between: Option<char>,
    split: Option<usize>,
    weight: Option<usize>,
    other: Option<usize>,
}

/// Gives every record of a file to `add`; one sign stands between columns, the other between labels.
pub(super) fn read(
    path: &Path,
    (delimiter, separator): (u8, char),
    other: Option<&str>,
    add: &mut impl FnMut(Row) -> Result<(), DataError>,
) -> Result<(), DataError> {
    let (file, _) = open_regular(path)?;
    let allowance = Rc::new(Cell::new(0));
    let limited = Limited { file: BufReader::new(file), allowance: Rc::clone(&allowance) };
    // What the reader has in its buffer belongs to later records.
    let renew = || allowance.set(MAX_LINE);
    renew();
    let mut reader = csv::ReaderBuilder::new().delimiter(delimiter).from_reader(limited);
    let header = reader.headers().map_err(|e| failure(path, &e))?;
    let columns = Columns::find(header, separator, other)
        .map_err(|reason| DataError::at(ErrorKind::Corrupt, path, reason))?;
    let mut record = csv::StringRecord::new();
    loop {
        renew();
        if !reader.read_record(&mut record).map_err(|e| failure(path, &e))? {
            return Ok(());
        }
        add(columns.row(&record).map_err(|reason| DataError::at(ErrorKind::Corrupt, path, reason))?)?;
    }
}

impl Columns {
    fn find(header: &csv::StringRecord, separator: char, other: Option<&str>) -> Result<Self, String> {
        let names: Vec<String> =
            header.iter().map(|name| name.trim_start_matches('\u{feff}').trim().to_lowercase()).collect();
        let place = |wanted: &str| names.iter().position(|name| name == wanted);
        let needed = |place: Option<usize>, name: &str| {
            let shown =
                names.iter().take(20).map(|name| format!("`{name:.40}`")).collect::<Vec<_>>().join(", ");
            place.ok_or_else(|| {
                format!("line 1: has no column `{name}`, only {shown}: columns path and label (or labels) are needed, split and weight may be there")
            })
        };
        let several = place("label").is_none() && place("labels").is_some();
        Ok(Self {
            between: several.then_some(separator),
            path: needed(place("path").or(place("file_name")), "path")?,
            label: needed(place("label").or(place("labels")), "label")?,
            split: place("split"),
            weight: place("weight"),
            other: other.map(|name| needed(place(&name.to_lowercase()), name)).transpose()?,
        })
    }

    fn row(&self, record: &csv::StringRecord) -> Result<Row, String> {
        let line = record.position().map_or(0, csv::Position::line);
        let get = |place: usize| record.get(place).unwrap_or_default();
        let weight = match self.weight.map(get).map(str::trim).filter(|text| !text.is_empty()) {
            None => None,
            Some(text) => {
                Some(text.parse().map_err(|_| format!("line {line}: weight `{text:.40}` is not a number"))?)
            }
        };
        Ok(Row {
            line,
            path: get(self.path).to_owned(),
            label: match self.between {
                None => Label::One(get(self.label).to_owned()),
                Some(separator) => Label::Several(
                    get(self.label)
                        .split(separator)
                        .map(str::trim)
                        .filter(|label| !label.is_empty())
                        .map(str::to_owned)
                        .collect(),
                ),
            },
            split: self.split.map(|place| get(place).to_owned()),
            weight,
            other: self.other.map(|place| get(place).to_owned()),
        })
    }
}

fn failure(path: &Path, error: &csv::Error) -> DataError {
    let line = error.position().map_or(1, csv::Position::line);
    let wrong = |reason: String| DataError::at(ErrorKind::Corrupt, path, reason);
    match error.kind() {
        csv::ErrorKind::Io(error) if error.get_ref().is_some_and(|e| e.is::<TooLong>()) => {
            let reason = format!(
                "has a record of more than {MAX_LINE} bytes: a quote is missing, or it is no such file"
            );
            DataError::at(ErrorKind::TooLarge, path, reason)
        }
        csv::ErrorKind::Io(error) => DataError::io(path, error),
        csv::ErrorKind::Utf8 { .. } => wrong(format!("line {line}: is not UTF-8 text")),
        csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
            wrong(format!("line {line}: has {len} columns, the first line has {expected_len}"))
        }
        _ => wrong(format!("line {line}: {error}")),
    }
}

/// A file from which no more is read than is allowed, until more is allowed.
struct Limited {
    file: BufReader<File>,
    allowance: Rc<Cell<usize>>,
}

/// A record that does not end.
#[derive(Debug, thiserror::Error)]
#[error("too long")]
struct TooLong;

impl Read for Limited {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(buffer)?;
        let left = self.allowance.get().checked_sub(read).ok_or_else(|| io::Error::other(TooLong))?;
        self.allowance.set(left);
        Ok(read)
    }
}
