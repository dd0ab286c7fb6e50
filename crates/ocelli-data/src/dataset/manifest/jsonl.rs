//! Manifests as JSON Lines.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use serde::Deserialize;

use super::{Label, MAX_LINE, Row};
use crate::dataset::files::open_regular;
use crate::{DataError, ErrorKind};

/// One line, with all keys beside these.
#[derive(Deserialize)]
struct Line {
    #[serde(alias = "file_name")]
    path: String,
    /// If there is none, `labels` is looked for among the others.
    label: Option<Labels>,
    split: Option<String>,
    weight: Option<f64>,
    #[serde(flatten)]
    others: serde_json::Map<String, serde_json::Value>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Labels {
    One(Name),
    Several(Vec<Name>),
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Name {
    Text(String),
    Number(u64),
}

impl Name {
    fn text(self) -> String {
        match self {
            Self::Text(text) => text,
            Self::Number(number) => number.to_string(),
        }
    }
}

/// Gives every line of a file to `add`; empty lines are passed over.
pub(super) fn read(
    path: &Path,
    other: Option<&str>,
    add: &mut impl FnMut(Row) -> Result<(), DataError>,
) -> Result<(), DataError> {
    let io = |e: &_| DataError::io(path, e);
    let mut file = BufReader::new(open_regular(path)?.0);
    let mut bytes = Vec::new();
    for line in 1_u64.. {
        bytes.clear();
        let read =
            file.by_ref().take(MAX_LINE as u64 + 1).read_until(b'\n', &mut bytes).map_err(|e| io(&e))?;
        let wrong = |kind, reason: String| DataError::at(kind, path, format!("line {line}: {reason}"));
        if read == 0 {
            break;
        }
        if read > MAX_LINE {
            return Err(wrong(ErrorKind::TooLarge, format!("has more than {MAX_LINE} bytes")));
        }
        let text = bytes.trim_ascii();
        if text.is_empty() {
            continue;
        }
        let parsed: Line = serde_json::from_slice(text).map_err(|e| wrong(ErrorKind::Corrupt, said(&e)))?;
        let Line { path: image, label, split, weight, mut others } = parsed;
        let label = match label {
            Some(label) => label,
            None => labels(&mut others).map_err(|e| wrong(ErrorKind::Corrupt, said(&e)))?,
        };
        let label = match label {
            Labels::One(name) => Label::One(name.text()),
            Labels::Several(names) => Label::Several(names.into_iter().map(Name::text).collect()),
        };
        let other = other.and_then(|name| others.remove(name)).map(|value| match value {
            serde_json::Value::String(text) => text,
            value => value.to_string(),
        });
        add(Row { line, path: image, label, split, weight, other })?;
    }
    Ok(())
}

/// What `labels` says, of a line without `label`.
fn labels(others: &mut serde_json::Map<String, serde_json::Value>) -> Result<Labels, serde_json::Error> {
    let labels = others.remove("labels").ok_or_else(|| {
        serde::de::Error::custom("missing field `label`, or `labels` where an image may have several")
    })?;
    serde_json::from_value(labels)
}

/// What is wrong, less the line number, which counts from the start of the text that was parsed.
fn said(error: &serde_json::Error) -> String {
    let said = error.to_string();
    let reason = said.rsplit_once(" at line ").map_or(said.as_str(), |(reason, _)| reason);
    let reason = reason.replace(
        "data did not match any variant of untagged enum Labels",
        "its label is neither a name, nor a number, nor a list of these",
    );
    format!("{reason} (a line is an object such as {{\"path\": \"a.png\", \"label\": \"cat\"}})")
}
