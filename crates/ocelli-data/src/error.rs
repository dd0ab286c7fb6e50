//! What goes wrong with images and datasets, and how it is told.

use std::borrow::Cow;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// What kind of thing went wrong.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ErrorKind {
    /// Nothing is there.
    NotFound,
    /// It is there and could not be read.
    Unreadable,
    /// The file has no bytes.
    EmptyFile,
    /// The bytes are not those of an image format that is read here.
    NotAnImage,
    /// A variant of a known format that is not read here.
    Unsupported,
    /// The file ends before its contents do.
    Truncated,
    /// The contents contradict themselves or the format.
    Corrupt,
    /// More bytes or pixels than the limits allow.
    TooLarge,
    /// A class without a usable image.
    EmptyClass,
    /// An image that is in no class folder.
    Unlabelled,
    /// Splits that do not have the same classes.
    ClassMismatch,
    /// A path that is not a dataset in any known layout.
    UnknownFormat,
    /// An option or a transform that cannot be.
    Invalid,
    /// A decoder panicked; the panic was caught.
    Panicked,
    /// What lies elsewhere could not be had: its server was not reached, refused, broke off, or has something else now. No
    /// fault of a sample: whatever reads the data ends with it, and may be tried again.
    Unavailable,
}

/// An error about one file, sample or setting: what kind, which, and why.
///
/// Displays as `<subject>: <reason>`.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{problem}")]
pub struct DataError {
    problem: Box<Problem>,
}

impl DataError {
    /// An error of `kind` about `path`.
    pub fn at(kind: ErrorKind, path: impl AsRef<Path>, reason: impl Into<String>) -> Self {
        let path = path.as_ref();
        Self::from(Problem {
            kind,
            subject: path.display().to_string(),
            path: Some(path.to_path_buf()),
            reason: within_bounds(reason.into()),
        })
    }

    /// An error of `kind` about something that is no file of its own: a sample inside a file, an option.
    pub fn about(kind: ErrorKind, subject: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::from(Problem {
            kind,
            subject: subject.into(),
            path: None,
            reason: within_bounds(reason.into()),
        })
    }

    /// A setting that cannot be.
    pub(crate) fn invalid(subject: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::about(ErrorKind::Invalid, subject, reason)
    }

    /// What the operating system said about `path`.
    pub(crate) fn io(path: &Path, error: &io::Error) -> Self {
        let kind = match error.kind() {
            io::ErrorKind::NotFound => ErrorKind::NotFound,
            io::ErrorKind::UnexpectedEof => ErrorKind::Truncated,
            _ => ErrorKind::Unreadable,
        };
        let reason = match error.kind() {
            io::ErrorKind::NotFound => "no such file or folder".to_owned(),
            io::ErrorKind::PermissionDenied => "may not be read: permission denied".to_owned(),
            _ => format!("could not be read: {error}"),
        };
        Self::at(kind, path, reason)
    }

    /// What kind of error this is.
    pub fn kind(&self) -> ErrorKind {
        self.problem.kind
    }

    /// The file it is about, where it is about one.
    pub fn path(&self) -> Option<&Path> {
        self.problem.path.as_deref()
    }

    /// Why, in words.
    pub fn reason(&self) -> &str {
        &self.problem.reason
    }
}

impl From<Problem> for DataError {
    fn from(problem: Problem) -> Self {
        Self { problem: Box::new(problem) }
    }
}

/// Something wrong with a part of a dataset that the rest goes on without.
///
/// Displays as `<subject>: <reason>`, [`printable`]; serialises with its kind, subject and reason.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Problem {
    kind: ErrorKind,
    subject: String,
    #[serde(skip)]
    path: Option<PathBuf>,
    reason: String,
}

impl Problem {
    /// What kind of problem this is.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// The file, class or sample it is about.
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// Why, in words.
    pub fn reason(&self) -> &str {
        &self.reason
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", printable(&self.subject), printable(&self.reason))
    }
}

/// Most characters of a reason.
const MAX_REASON: usize = 1000;

/// A reason that may quote what is in a file, which may be a mebibyte of anything: its first characters.
fn within_bounds(mut reason: String) -> String {
    if let Some((end, _)) = reason.char_indices().nth(MAX_REASON) {
        reason.truncate(end);
        reason.push('…');
    }
    reason
}

/// A text as it may go to a terminal: control characters, which a file's name may have, become escapes such as `\u{1b}`.
pub fn printable(text: &str) -> Cow<'_, str> {
    if !text.contains(char::is_control) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        if c.is_control() { safe.extend(c.escape_default()) } else { safe.push(c) }
    }
    Cow::Owned(safe)
}

impl From<DataError> for Problem {
    fn from(error: DataError) -> Self {
        *error.problem
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_do_not_grow_with_what_they_quote() {
        let long = DataError::about(ErrorKind::Corrupt, "it", "é".repeat(1 << 20));
        assert_eq!(long.reason().chars().count(), MAX_REASON + 1);
        let whole = DataError::at(ErrorKind::Corrupt, "it", "é".repeat(MAX_REASON));
        assert_eq!(whole.reason().chars().count(), MAX_REASON);
    }
}
