//! The file of a journal: lines are read as they come and appended under the lock.

use super::lock::Lock;
use super::operation::Operation;
use super::read::Reader;
use super::{JournalError, LockOptions};
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The longest line that is read: a note of a hostile file must not fill the memory.
const LONGEST_LINE: u64 = 64 << 20;

/// How far a journal's file was read.
#[derive(Debug)]
pub(super) struct JournalFile {
    path: PathBuf,
    lock: LockOptions,
    worker: String,
    reader: Reader,
    /// Where the next line begins, and its number from 1.
    offset: u64,
    line: u64,
}

impl JournalFile {
    /// The file, which is made if there is none.
    pub(super) fn open(path: PathBuf, lock: LockOptions) -> Result<Self, JournalError> {
        let file = JournalFile {
            worker: format!("{}-ocelli", super::unique()),
            reader: Reader::default(),
            offset: 0,
            line: 1,
            path,
            lock,
        };
        let opened = OpenOptions::new().create(true).append(true).open(&file.path);
        opened.map_err(|source| file.failed("opened", source))?;
        Ok(file)
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn lock_grace(&self) -> Duration {
        self.lock.grace
    }

    pub(super) fn lock(&self) -> Result<Lock, JournalError> {
        Lock::take(&self.path, self.lock).map_err(|source| self.failed("locked", source))
    }

    /// Hands every line that is new to `take`. A last line without an end is left for later: somebody may be writing it.
    pub(super) fn read(&mut self, mut take: impl FnMut(Operation)) -> Result<(), JournalError> {
        // Opened anew each time: that is when network file systems look for what others wrote.
        let mut file = File::open(&self.path).map_err(|source| self.failed("opened", source))?;
        let length = file.metadata().map_err(|source| self.failed("read", source))?.len();
        if length < self.offset {
            let text =
                format!("the journal had {} bytes and now has {length}; somebody replaced it", self.offset);
            return Err(self.wrong(text));
        }
        if length == self.offset {
            return Ok(());
        }
        file.seek(SeekFrom::Start(self.offset)).map_err(|source| self.failed("read", source))?;
        let mut lines = BufReader::new(file);
        let mut bytes = Vec::new();
        loop {
            bytes.clear();
            let read = (&mut lines).take(LONGEST_LINE).read_until(b'\n', &mut bytes);
            read.map_err(|source| self.failed("read", source))?;
            if bytes.last() != Some(&b'\n') {
                if bytes.len() as u64 == LONGEST_LINE {
                    return Err(self.wrong(format!("the line has more than {LONGEST_LINE} bytes")));
                }
                return Ok(());
            }
            take(self.operation(&bytes)?);
            self.offset += bytes.len() as u64;
            self.line += 1;
        }
    }

    fn operation(&mut self, bytes: &[u8]) -> Result<Operation, JournalError> {
        let text = std::str::from_utf8(bytes).map_err(|error| self.wrong(format!("not UTF-8: {error}")))?;
        self.reader.read(text.trim_end()).map_err(|problem| self.wrong(problem))
    }

    /// Appends lines, all or none. To be called with the lock held, after everything was read.
    pub(super) fn append(&mut self, operations: &[Operation]) -> Result<(), JournalError> {
        let mut text = String::new();
        for operation in operations {
            text.push_str(&operation.line(&self.worker));
            text.push('\n');
        }
        let last = operations.iter().any(Operation::must_last);
        self.write(text.as_bytes(), last).map_err(|source| self.failed("written", source))?;
        self.offset += text.len() as u64;
        self.line += operations.len() as u64;
        Ok(())
    }

    fn write(&self, bytes: &[u8], last: bool) -> io::Result<()> {
        let mut file = OpenOptions::new().append(true).open(&self.path)?;
        // Who began the line that has no end is gone, for the lock is ours; it was never an operation to anybody, and another line must
        // not run into it.
        if file.metadata()?.len() > self.offset {
            file.set_len(self.offset)?;
        }
        let written = file.write_all(bytes).and_then(|()| if last { file.sync_data() } else { Ok(()) });
        if written.is_err() {
            // A full disk: half of the lines must not stay.
            let _ = file.set_len(self.offset);
        }
        written
    }

    fn failed(&self, doing: &'static str, source: io::Error) -> JournalError {
        JournalError::Io { path: self.path.clone(), doing, source }
    }

    fn wrong(&self, problem: String) -> JournalError {
        JournalError::Line { path: self.path.clone(), line: self.line, problem }
    }
}
