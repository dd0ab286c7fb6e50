//! The lock of Optuna's journal files: `<journal>.lock`, made by who may write and removed afterwards.

use super::{LockKind, LockOptions};
use std::ffi::OsString;
use std::fs::{self, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

/// How long a waiting process sleeps at most before it looks again.
const LONGEST_SLEEP: Duration = Duration::from_millis(100);

/// Held while it lives.
#[derive(Debug)]
pub(super) struct Lock {
    path: PathBuf,
}

impl Lock {
    /// Waits for the lock of a journal. One that shows no sign of life for the grace period is taken away from who had it: a process
    /// that was killed cannot give it back.
    pub(super) fn take(journal: &Path, options: LockOptions) -> io::Result<Self> {
        let path = with_suffix(journal, ".lock");
        let mut sleep = Duration::from_millis(1);
        let (mut sign, mut since) = (None, Instant::now());
        loop {
            match make(journal, &path, options.kind) {
                Ok(()) => return Ok(Lock { path }),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
            let now = sign_of_life(journal, &path);
            if now.is_none() || now != sign {
                (sign, since) = (now, Instant::now());
            } else if since.elapsed() > options.grace {
                // Another may have done the same meanwhile: then there is nothing left to remove, or a sign of life.
                if sign_of_life(journal, &path) == sign {
                    let _ = remove(&path);
                }
                since = Instant::now();
                sleep = Duration::from_millis(1);
                continue;
            }
            std::thread::sleep(sleep);
            sleep = (sleep * 2).min(LONGEST_SLEEP);
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // It is gone if it was taken away.
        let _ = remove(&self.path);
    }
}

/// What changes while others live: the lock itself, when another gets it, and the journal, when something is written to it.
fn sign_of_life(journal: &Path, lock: &Path) -> Option<(Option<SystemTime>, Option<SystemTime>)> {
    let lock = fs::symlink_metadata(lock).ok()?;
    let journal = fs::metadata(journal).ok().and_then(|journal| journal.modified().ok());
    Some((lock.modified().ok(), journal))
}

fn make(journal: &Path, lock: &Path, kind: LockKind) -> io::Result<()> {
    match kind {
        LockKind::Open => OpenOptions::new().write(true).create_new(true).open(lock).map(drop),
        LockKind::Symlink => symlink(journal, lock),
    }
}

/// The link names the journal beside it: Optuna looks through the link for signs of life, and waits for ever at one that leads nowhere.
#[cfg(unix)]
fn symlink(journal: &Path, lock: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(journal.file_name().unwrap_or(journal.as_os_str()), lock)
}

#[cfg(not(unix))]
fn symlink(_: &Path, lock: &Path) -> io::Result<()> {
    make(lock, lock, LockKind::Open)
}

/// Renamed first, as Optuna does: of several that remove it at once, one succeeds.
fn remove(lock: &Path) -> io::Result<()> {
    let away = with_suffix(lock, &format!("{}.rename", super::unique()));
    fs::rename(lock, &away)?;
    fs::remove_file(&away)
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    name.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHORT: Duration = Duration::from_millis(200);

    #[test]
    fn one_has_it_and_nothing_stays() {
        for kind in [LockKind::Symlink, LockKind::Open] {
            let folder = tempfile::tempdir().unwrap();
            let journal = folder.path().join("journal.log");
            fs::write(&journal, "").unwrap();
            let options = LockOptions { kind, ..LockOptions::default() };
            let counter = std::sync::Mutex::new(0);
            std::thread::scope(|scope| {
                for _ in 0..8 {
                    scope.spawn(|| {
                        for _ in 0..20 {
                            let _lock = Lock::take(&journal, options).unwrap();
                            *counter.try_lock().expect("nobody else is in here") += 1;
                        }
                    });
                }
            });
            assert_eq!(counter.into_inner().unwrap(), 160);
            assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "the journal alone");
        }
    }

    #[test]
    fn a_dead_lock_is_taken_away() {
        for (made, wanted) in [(LockKind::Symlink, LockKind::Open), (LockKind::Open, LockKind::Symlink)] {
            let folder = tempfile::tempdir().unwrap();
            let journal = folder.path().join("journal.log");
            fs::write(&journal, "").unwrap();
            let lock = with_suffix(&journal, ".lock");
            make(&journal, &lock, made).unwrap();
            let begun = Instant::now();
            let taken = Lock::take(&journal, LockOptions { kind: wanted, grace: SHORT }).unwrap();
            assert!(begun.elapsed() >= SHORT);
            drop(taken);
            assert!(!lock.exists());
        }
    }

    #[test]
    fn a_link_leads_to_the_journal() {
        let folder = tempfile::tempdir().unwrap();
        let journal = folder.path().join("journal.log");
        fs::write(&journal, "").unwrap();
        let _lock = Lock::take(&journal, LockOptions::default()).unwrap();
        assert!(fs::metadata(with_suffix(&journal, ".lock")).is_ok());
    }
}
