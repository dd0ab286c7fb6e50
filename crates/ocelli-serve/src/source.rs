//! Which file is served under which name.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use crate::ServeError;

/// Longest name of a model.
const LONGEST: usize = 64;
/// What a run's folder calls its model.
const USUAL: &str = "model.safetensors";

/// A model file with the name and the version that it is served under.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelSource {
    /// Its name: letters, digits, `.`, `_` and `-`.
    pub name: String,
    /// Its version: the highest of a name is the one that is asked where a request names none.
    pub version: u64,
    /// Its file.
    pub path: PathBuf,
}

impl FromStr for ModelSource {
    type Err = ServeError;

    /// `[NAME[@VERSION]=]PATH`. The path is a model's file, or a folder with a `model.safetensors`. Unless given, the name is the
    /// file's, or its folder's where the file is called as all are, and the version is 1.
    fn from_str(text: &str) -> Result<Self, ServeError> {
        let (named, path) = match text.split_once('=') {
            Some((named, path)) => (Some(named), path),
            None => (None, text),
        };
        if path.is_empty() {
            return Err(ServeError::source(text, "has no path: give [NAME[@VERSION]=]PATH"));
        }
        let path = Path::new(path);
        let path = if path.is_dir() { path.join(USUAL) } else { path.to_path_buf() };
        let Some(named) = named else { return Ok(Self { name: usual_name(&path), version: 1, path }) };
        let (name, version) = match named.split_once('@') {
            Some((name, version)) => (name, version),
            None => (named, "1"),
        };
        if name.is_empty() || name.len() > LONGEST || !name.bytes().all(is_plain) || name.starts_with('.') {
            let reason = format!(
                "the name {name:?} must be 1 to {LONGEST} letters, digits, '.', '_' or '-', the first no '.'"
            );
            return Err(ServeError::source(text, reason));
        }
        let version = version.parse().map_err(|_| {
            ServeError::source(text, format!("the version {version:?} must be a whole number"))
        })?;
        Ok(Self { name: name.to_owned(), version, path })
    }
}

/// Refuses two files under one name and version.
pub(crate) fn check_all(sources: &[ModelSource]) -> Result<(), ServeError> {
    let mut seen = BTreeSet::new();
    for ModelSource { name, version, path } in sources {
        if !seen.insert((name, version)) {
            let reason = format!(
                "another model is called {name}, version {version}, already: write {name}@{}={}, or give it another name",
                version.saturating_add(1),
                path.display()
            );
            return Err(ServeError::source(&path.to_string_lossy(), reason));
        }
    }
    if sources.is_empty() { Err(ServeError::NoModels) } else { Ok(()) }
}

/// The file's name without its ending, or its folder's where that is what every run has.
fn usual_name(path: &Path) -> String {
    let folder = path.parent().and_then(Path::file_name);
    let own = path.file_stem();
    let of_run = path.file_name() == Some(OsStr::new(USUAL));
    let name = if of_run { folder.or(own) } else { own };
    let name = name.map(OsStr::to_string_lossy).unwrap_or_default();
    let plain = name.trim_start_matches('.').chars().take(LONGEST);
    let plain: String = plain.map(|c| if u8::try_from(c).is_ok_and(is_plain) { c } else { '-' }).collect();
    if plain.is_empty() { "model".to_owned() } else { plain }
}

fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> (String, u64, String) {
        let source: ModelSource = text.parse().unwrap_or_else(|error| panic!("{error}"));
        (source.name, source.version, source.path.to_string_lossy().into_owned())
    }

    #[test]
    fn names_come_from_files() {
        assert_eq!(parsed("a/cats.safetensors"), ("cats".into(), 1, "a/cats.safetensors".into()));
        assert_eq!(parsed("runs/first run/model.safetensors").0, "first-run");
        assert_eq!(parsed("model.safetensors").0, "model");
        assert_eq!(parsed("Käfer.safetensors").0, "K-fer");
    }

    #[test]
    fn names_and_versions_can_be_given() {
        assert_eq!(parsed("cats=a.safetensors"), ("cats".into(), 1, "a.safetensors".into()));
        assert_eq!(parsed("cats@12=a=b"), ("cats".into(), 12, "a=b".into()));
        let wrong = ["=a", "a b=c", "../x=c", "x@y=c", "x@-1=c", "x=", "", ".x=c"];
        for text in wrong {
            assert!(text.parse::<ModelSource>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_folder_stands_for_its_model() {
        let folder = tempfile::tempdir().unwrap();
        let (_, _, path) = parsed(folder.path().to_str().unwrap());
        assert!(path.ends_with("/model.safetensors"));
    }

    #[test]
    fn two_of_a_name_are_refused() {
        let two: Vec<ModelSource> = ["a=x", "a=y"].map(|text| text.parse().unwrap()).into();
        let error = check_all(&two).unwrap_err().to_string();
        assert!(error.contains("a@2=y"), "{error}");
        assert!(check_all(&["a=x".parse().unwrap(), "a@2=x".parse().unwrap()]).is_ok());
    }
}
