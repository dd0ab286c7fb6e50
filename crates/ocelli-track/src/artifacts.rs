//! Artifacts in folders of this machine.

use crate::entity::ArtifactFile;
use crate::error::TrackError;
use crate::validate;
use percent_encoding::percent_decode_str;
use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use url::Url;

/// The folder of artifacts beside a database.
const FOLDER: &str = "mlartifacts";

/// Where the artifacts of the experiments of a database lie, as a URI that ends with `/`.
pub(crate) fn root(database: &Path) -> Result<Url, TrackError> {
    let io = |source| TrackError::Io { path: database.to_path_buf(), doing: "found", source };
    let whole = std::path::absolute(database).map_err(io)?;
    let folder = whole.parent().unwrap_or(Path::new("/")).join(FOLDER);
    Url::from_directory_path(&folder).map_err(|()| TrackError::Artifacts {
        uri: folder.display().to_string(),
        doing: "placed",
        reason: "the path cannot be written as a URI".to_owned(),
    })
}

/// The folder that a run's artifact URI means.
///
/// # Errors
/// They are not on this machine.
pub(crate) fn folder(uri: &str) -> Result<PathBuf, TrackError> {
    let refused = |reason: &str| TrackError::Artifacts {
        uri: uri.to_owned(),
        doing: "reached",
        reason: reason.to_owned(),
    };
    if uri.trim().is_empty() {
        return Err(refused("the run has no place for artifacts, and the working directory is none"));
    }
    match Url::parse(uri) {
        Ok(url) if url.scheme() == "file" => {
            url.to_file_path().map_err(|()| refused("this is no path of this machine"))
        }
        // A letter and a colon are a drive.
        Ok(url) if url.scheme().len() > 1 => Err(refused(match url.scheme() {
            "mlflow-artifacts" | "http" | "https" => {
                "an MLflow server keeps them: track to the server's address instead of its database"
            }
            _ => {
                "only folders of this machine are written to directly: track to an MLflow server that serves artifacts"
            }
        })),
        // MLflow undoes percent signs in plain paths as well.
        _ => Ok(PathBuf::from(percent_decode_str(uri).decode_utf8_lossy().into_owned())),
    }
}

/// Copies a file to a path among the artifacts at `uri`.
pub(crate) fn put_file(uri: &str, path: &str, from: &Path) -> Result<(), TrackError> {
    let to = place(uri, path)?;
    let io =
        |source| TrackError::Io { path: from.to_path_buf(), doing: "copied to the run's artifacts", source };
    replace(&to, |temporary| fs::copy(from, temporary).map(drop)).map_err(io)
}

/// Writes bytes to a path among the artifacts at `uri`.
pub(crate) fn put_bytes(uri: &str, path: &str, bytes: &[u8]) -> Result<(), TrackError> {
    let to = place(uri, path)?;
    replace(&to, |temporary| fs::write(temporary, bytes)).map_err(|source| TrackError::Io {
        path: to.clone(),
        doing: "written",
        source,
    })
}

/// The file of a path among the artifacts at `uri`, whose folder is made.
fn place(uri: &str, path: &str) -> Result<PathBuf, TrackError> {
    validate::artifact_path(path)?;
    let to = folder(uri)?.join(path);
    let parent = to.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(parent).map_err(|source| TrackError::Io {
        path: parent.to_path_buf(),
        doing: "made as a folder",
        source,
    })?;
    Ok(to)
}

/// Writes a file under a temporary name and renames it, so that nobody finds half of it.
pub(crate) fn replace(path: &Path, write: impl FnOnce(&Path) -> io::Result<()>) -> io::Result<()> {
    let name = path.file_name().ok_or_else(|| io::Error::other("the path names no file"))?;
    // Threads may write the same file at once.
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    let number = COUNTER.fetch_add(1, Ordering::Relaxed);
    let temporary =
        path.with_file_name(format!(".{}.{}-{number}.tmp", name.to_string_lossy(), std::process::id()));
    let done = write(&temporary).and_then(|()| fs::rename(&temporary, path));
    if done.is_err() {
        // The first failure is the one to tell.
        let _ = fs::remove_file(&temporary);
    }
    done
}

/// Whether a file has a name as [`replace`] makes them up: it is being written, or its process was killed.
fn is_temporary(name: &str) -> bool {
    let numbers = name.strip_prefix('.').and_then(|name| name.strip_suffix(".tmp")?.rsplit_once('.'));
    numbers
        .and_then(|(_, numbers)| numbers.split_once('-'))
        .is_some_and(|(process, number)| process.parse::<u32>().is_ok() && number.parse::<u64>().is_ok())
}

/// What lies in a folder of the artifacts at `uri`.
pub(crate) fn list(uri: &str, path: &str) -> Result<Vec<ArtifactFile>, TrackError> {
    validate::artifact_path(path)?;
    let folder = folder(uri)?.join(path);
    let io = |source| TrackError::Io { path: folder.clone(), doing: "read as a folder", source };
    let entries = match fs::read_dir(&folder) {
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Ok(Vec::new());
        }
        entries => entries.map_err(io)?,
    };
    let mut found = Vec::new();
    for entry in entries {
        let entry = entry.map_err(io)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if is_temporary(&name) {
            continue;
        }
        let about = entry.metadata().map_err(io)?;
        found.push(ArtifactFile {
            path: if path.is_empty() { name } else { format!("{path}/{name}") },
            is_folder: about.is_dir(),
            size: about.is_file().then_some(about.len()),
        });
    }
    found.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(found)
}

/// Copies one of the artifacts at `uri` to a file.
pub(crate) fn get(uri: &str, path: &str, to: &Path) -> Result<(), TrackError> {
    validate::artifact_path(path)?;
    let from = folder(uri)?.join(path);
    let io = |source| TrackError::Io { path: from.clone(), doing: "copied", source };
    replace(to, |temporary| fs::copy(&from, temporary).map(drop)).map_err(io)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn artifacts_lie_beside_the_database_whatever_its_path() {
        let folder = tempfile::tempdir().unwrap();
        let strange = folder.path().join("ein Ordner % ü#?");
        fs::create_dir(&strange).unwrap();
        let uri = format!("{}1/artifacts", root(&strange.join("mlflow.db")).unwrap());
        assert!(uri.starts_with("file:///") && uri.contains("/mlartifacts/1/"), "{uri}");
        put_bytes(&uri, "a/b.txt", b"text").unwrap();
        assert_eq!(fs::read(strange.join("mlartifacts/1/artifacts/a/b.txt")).unwrap(), b"text");
        put_file(&uri, "a/c.txt", &strange.join("mlartifacts/1/artifacts/a/b.txt")).unwrap();
        let listed: Vec<_> =
            list(&uri, "a").unwrap().into_iter().map(|file| (file.path, file.size)).collect();
        assert_eq!(listed, [("a/b.txt".to_owned(), Some(4)), ("a/c.txt".to_owned(), Some(4))]);
        assert!(list(&uri, "").unwrap()[0].is_folder);
        assert_eq!(list(&uri, "nothing").unwrap(), []);
        get(&uri, "a/c.txt", &strange.join("out")).unwrap();
        assert_eq!(fs::read(strange.join("out")).unwrap(), b"text");
    }

    #[test]
    fn files_that_are_being_written_are_not_there_yet_and_threads_do_not_collide() {
        let folder = tempfile::tempdir().unwrap();
        let uri = folder.path().to_str().unwrap();
        let path = folder.path().join("a");
        replace(&path, |outer| {
            fs::write(outer, "outer")?;
            assert_eq!(list(uri, "").unwrap(), []);
            replace(&path, |inner| fs::write(inner, "inner"))
        })
        .unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"outer");
        put_bytes(uri, ".b.tmp", b"").unwrap();
        put_bytes(uri, ".b.c-1.tmp", b"").unwrap();
        assert_eq!(list(uri, "").unwrap().len(), 3);
    }

    #[test]
    fn no_path_leaves_the_artifacts() {
        let folder = tempfile::tempdir().unwrap();
        let uri = root(&folder.path().join("mlflow.db")).unwrap();
        for path in ["../x", "a/../../x", "/etc/passwd", "a//b", "C:\\x", "a/", ""] {
            assert!(put_bytes(uri.as_str(), path, b"").is_err(), "{path}");
        }
    }

    #[test]
    fn what_is_elsewhere_is_refused() {
        for (uri, hint) in
            [("mlflow-artifacts:/1", "server's address"), ("s3://bucket/x", "serves artifacts")]
        {
            assert!(folder(uri).unwrap_err().to_string().contains(hint), "{uri}");
        }
        assert!(folder("").is_err() && folder(" ").is_err());
        assert_eq!(folder("/data/a%20b").unwrap(), Path::new("/data/a b"));
    }
}
