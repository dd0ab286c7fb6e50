//! One process trains in a folder at a time.

use crate::error::TrainError;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

/// Locked for as long as a process trains in the folder.
const NAME: &str = ".ocelli-lock";

/// A lock on a file in the folder. The system takes it back when the process ends, however it ends; the file may stay, and means
/// nothing.
#[derive(Debug)]
pub(super) struct Lock {
    path: PathBuf,
    _file: File,
}

impl Lock {
    /// # Errors
    /// Another process has it, or the folder takes no files.
    pub(super) fn take(folder: &Path) -> Result<Self, TrainError> {
        let path = folder.join(NAME);
        let failed = |source| TrainError::Io { path: path.clone(), doing: "locked", source };
        loop {
            let file =
                OpenOptions::new().create(true).truncate(false).write(true).open(&path).map_err(failed)?;
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => {
                    return Err(TrainError::FolderInUse { path: folder.to_path_buf() });
                }
                // There are file systems without locks; there the user has to take care.
                Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Unsupported => {}
                Err(TryLockError::Error(error)) => return Err(failed(error)),
            }
            // Who had it before may have removed it in between: then this is a lock on a file that nobody else finds.
            if is_still_there(&file, &path) {
                return Ok(Lock { path, _file: file });
            }
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // It may stay without harm.
        let _ = fs::remove_file(&self.path);
    }
}

#[cfg(unix)]
fn is_still_there(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let (Ok(opened), Ok(named)) = (file.metadata(), fs::metadata(path)) else { return false };
    (opened.dev(), opened.ino()) == (named.dev(), named.ino())
}

/// An open file is not removed elsewhere.
#[cfg(not(unix))]
fn is_still_there(_: &File, _: &Path) -> bool {
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_locked_once() {
        let folder = tempfile::tempdir().unwrap();
        let lock = Lock::take(folder.path()).unwrap();
        let error = Lock::take(folder.path()).unwrap_err();
        assert!(matches!(&error, TrainError::FolderInUse { path } if path == folder.path()), "{error}");
        drop(lock);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
        // What a process that was killed leaves is no lock.
        fs::write(folder.path().join(NAME), "").unwrap();
        drop(Lock::take(folder.path()).unwrap());
    }
}
