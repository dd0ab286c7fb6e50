//! Files that may change while the server runs.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, RwLock};
use std::time::SystemTime;

use crate::{ServeError, log};

/// What tells a changed file from the same one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    modified: Option<SystemTime>,
    bytes: u64,
    /// Another file that was renamed to the name.
    file: u64,
}

impl Stamp {
    /// None if there is no such file.
    pub(crate) fn of(path: &Path) -> Option<Self> {
        let metadata = fs::metadata(path).ok()?;
        #[cfg(unix)]
        let file = std::os::unix::fs::MetadataExt::ino(&metadata);
        #[cfg(not(unix))]
        let file = 0;
        Some(Self { modified: metadata.modified().ok(), bytes: metadata.len(), file })
    }
}

/// What files say, read again when one of them has changed.
pub(crate) struct Watched<T> {
    /// What it is, for the log.
    what: &'static str,
    files: Vec<PathBuf>,
    read: Box<dyn Fn() -> Result<T, ServeError> + Send + Sync>,
    current: RwLock<Current<T>>,
}

struct Current<T> {
    value: Arc<T>,
    /// What the files were when they were read, or last failed to be.
    stamps: Vec<Option<Stamp>>,
}

impl<T> Watched<T> {
    /// Reads the files for the first time.
    ///
    /// # Errors
    /// What `read` says.
    pub(crate) fn new(
        what: &'static str,
        files: &[&Path],
        read: impl Fn() -> Result<T, ServeError> + Send + Sync + 'static,
    ) -> Result<Self, ServeError> {
        // Before they are read: what is written meanwhile is a change.
        let stamps = files.iter().map(|path| Stamp::of(path)).collect();
        let current = RwLock::new(Current { value: Arc::new(read()?), stamps });
        let files = files.iter().map(|path| path.to_path_buf()).collect();
        Ok(Self { what, files, read: Box::new(read), current })
    }

    /// What they say.
    pub(crate) fn get(&self) -> Arc<T> {
        self.current.read().unwrap_or_else(|poisoned| poisoned.into_inner()).value.clone()
    }

    /// Reads them again if one has changed. What cannot be used leaves all as it is: of two files that belong together one may be there
    /// before the other.
    pub(crate) fn look(&self) {
        let stamps: Vec<_> = self.files.iter().map(|path| Stamp::of(path)).collect();
        if self.current.read().unwrap_or_else(|poisoned| poisoned.into_inner()).stamps == stamps {
            return;
        }
        let read = (self.read)();
        log::reread(self.what, read.as_ref().err());
        let mut current = self.current.write().unwrap_or_else(|poisoned| poisoned.into_inner());
        current.stamps = stamps;
        if let Ok(value) = read {
            current.value = Arc::new(value);
        }
    }
}
