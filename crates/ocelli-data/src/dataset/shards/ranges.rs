//! Bytes from anywhere in a file, wherever that lies.

use std::borrow::Cow;
use std::fs::File;
use std::path::{Path, PathBuf};

use crate::cache::{key_of, read_exact_at};
use crate::{DataError, ErrorKind};

/// A file of which parts can be read, from any thread.
pub(crate) trait Ranges: Send + Sync {
    /// What errors call it.
    fn name(&self) -> Cow<'_, str>;

    /// Its length in bytes.
    fn len(&self) -> u64;

    /// The `len` bytes from `offset` on.
    ///
    /// # Errors
    /// If they cannot be read, or the file has not so many.
    fn read(&self, offset: u64, len: usize) -> Result<Vec<u8>, DataError>;

    /// Says that a part will be read soon. Default: nothing comes of it.
    fn announce(&self, offset: u64, len: usize) {
        let _ = (offset, len);
    }

    /// What names the whole file and changes when it does, if looking through it is so slow that what is found should be kept.
    /// Default: `None`.
    fn version(&self) -> Option<String> {
        None
    }

    /// What names the bytes from `offset` on, and changes when they do; `None` if nothing does.
    fn key(&self, offset: u64) -> Option<u128>;
}

/// A file on this machine. It is opened for each read: shards by the thousand would use up what a process may have open.
pub(crate) struct LocalFile {
    path: PathBuf,
    len: u64,
}

impl LocalFile {
    pub(crate) fn open(path: &Path) -> Result<Self, DataError> {
        let metadata = std::fs::metadata(path).map_err(|e| DataError::io(path, &e))?;
        if !metadata.is_file() {
            return Err(DataError::at(ErrorKind::Unreadable, path, "is not a regular file"));
        }
        Ok(Self { path: path.to_path_buf(), len: metadata.len() })
    }
}

impl Ranges for LocalFile {
    fn name(&self) -> Cow<'_, str> {
        self.path.to_string_lossy()
    }

    fn len(&self) -> u64 {
        self.len
    }

    fn read(&self, offset: u64, len: usize) -> Result<Vec<u8>, DataError> {
        if offset.checked_add(len as u64).is_none_or(|end| end > self.len) {
            let reason = format!("ends early: {len} bytes from {offset} on are needed, it has {}", self.len);
            return Err(DataError::at(ErrorKind::Truncated, &self.path, reason));
        }
        let file = File::open(&self.path).map_err(|e| DataError::io(&self.path, &e))?;
        let mut bytes = vec![0; len];
        read_exact_at(&file, &mut bytes, offset).map_err(|e| DataError::io(&self.path, &e))?;
        Ok(bytes)
    }

    fn key(&self, offset: u64) -> Option<u128> {
        key_of(&self.path, offset)
    }
}
