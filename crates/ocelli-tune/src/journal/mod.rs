//! Optuna's journal: a file of JSON lines, each an operation on a study or a trial, that several processes append to under a lock.
//! Who reads it from the start knows all studies and trials.

mod file;
mod line;
mod lock;
mod operation;
mod read;
mod replay;

pub(crate) use operation::{Attrs, Operation, Template};
pub use replay::StudyRecord;
pub(crate) use replay::{METRIC_NAMES, Replay};

use file::JournalFile;
use std::hash::{BuildHasher, Hasher};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Where studies are kept: a file in Optuna's journal format, or memory alone.
#[derive(Debug, Default)]
pub struct Journal {
    replay: Replay,
    file: Option<JournalFile>,
}

/// How processes keep out of one another's way; the file beside the journal is Optuna's (`<journal>.lock`) in both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LockKind {
    /// A symbolic link, `JournalFileSymlinkLock`: Optuna's default, right on every NFS. On Windows, [`LockKind::Open`] instead.
    Symlink,
    /// A file that must not exist yet, `JournalFileOpenLock`: right on NFSv3 and later, and on Windows.
    Open,
}

/// Settings of the lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LockOptions {
    /// The kind of lock (default: [`LockKind::Symlink`]).
    pub kind: LockKind,
    /// After how long without a sign of life another's lock is taken away (default 30 s, as Optuna's).
    pub grace: Duration,
}

impl Default for LockOptions {
    fn default() -> Self {
        LockOptions { kind: LockKind::Symlink, grace: Duration::from_secs(30) }
    }
}

/// A journal that cannot be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JournalError {
    /// The file cannot be opened, read, written or locked.
    #[error("{}: the journal cannot be {doing}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What was tried.
        doing: &'static str,
        /// Why it failed.
        source: std::io::Error,
    },
    /// A line is no operation.
    #[error("{}, line {line}: {problem}", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: u64,
        /// What was found, what is needed.
        problem: String,
    },
}

impl Journal {
    /// In memory: gone with the process.
    pub fn memory() -> Self {
        Journal::default()
    }

    /// In a file, which is made if there is none.
    ///
    /// # Errors
    /// It cannot be opened or read, or is no journal.
    pub fn open(path: impl Into<PathBuf>, lock: LockOptions) -> Result<Self, JournalError> {
        let file = JournalFile::open(path.into(), lock)?;
        let mut journal = Journal { replay: Replay::default(), file: Some(file) };
        journal.sync()?;
        Ok(journal)
    }

    /// The file, if it is in one.
    pub fn path(&self) -> Option<&Path> {
        self.file.as_ref().map(JournalFile::path)
    }

    /// The studies in it, as they stand now.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn studies(&mut self) -> Result<Vec<&StudyRecord>, JournalError> {
        self.sync()?;
        Ok(self.replay.studies().map(|(_, study)| study).collect())
    }

    /// Removes a study and its trials; gives whether there was one of this name.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn delete_study(&mut self, name: &str) -> Result<bool, JournalError> {
        self.transact(|replay| -> Result<_, JournalError> {
            let delete = replay.named(name).map(|(study, _)| Operation::DeleteStudy { study });
            Ok((delete.is_some(), Vec::from_iter(delete)))
        })
    }

    /// For how long a dead process may keep others from writing.
    pub(crate) fn lock_grace(&self) -> Duration {
        self.file.as_ref().map_or(Duration::ZERO, JournalFile::lock_grace)
    }

    pub(crate) fn replay(&self) -> &Replay {
        &self.replay
    }

    /// Reads what others wrote since.
    pub(crate) fn sync(&mut self) -> Result<(), JournalError> {
        let Journal { replay, file } = self;
        // What has no effect is somebody else's mistake, and was an error to them.
        file.as_mut().map_or(Ok(()), |file| {
            file.read(|operation| {
                let _ = replay.apply(operation);
            })
        })
    }

    /// Decides what to write by how things stand, and writes it, while nobody else can write. The operations must be such as have an
    /// effect: there is nobody who could come in between.
    pub(crate) fn transact<T, E: From<JournalError>>(
        &mut self,
        decide: impl FnOnce(&Replay) -> Result<(T, Vec<Operation>), E>,
    ) -> Result<T, E> {
        let _lock = self.file.as_ref().map(JournalFile::lock).transpose()?;
        self.sync()?;
        let (answer, operations) = decide(&self.replay)?;
        if !operations.is_empty() {
            if let Some(file) = &mut self.file {
                file.append(&operations)?;
            }
            for operation in operations {
                let applied = self.replay.apply(operation);
                debug_assert_eq!(applied, Ok(()));
            }
        }
        Ok(answer)
    }
}

/// A name that no other process has: 32 hexadecimal digits.
fn unique() -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    // The keys of Rust's hashers come from the system's random numbers.
    let half = |place: u64| {
        let mut hasher = std::hash::RandomState::new().build_hasher();
        hasher.write_u64(place);
        hasher.write_u32(std::process::id());
        hasher.write_u64(COUNT.fetch_add(1, Ordering::Relaxed));
        hasher.finish()
    };
    format!("{:016x}{:016x}", half(0), half(1))
}

#[cfg(test)]
mod tests;
