//! The journal of one run towards a server: a folder with what was logged, line by line, and how much of it is sent.
//!
//! ```text
//! QUEUE/0123…/lock            locked by the process that writes and sends the others, which on Windows nobody could read if they were locked
//! QUEUE/0123…/journal.jsonl   how the run begins, then an event a line
//! QUEUE/0123…/sent.json       the length of what is sent, and the run's id
//! QUEUE/0123…/files/7         copies of artifacts, until they are sent
//! ```
//!
//! A line is in the file before the call that logs it returns, so killing the process loses nothing. The mark moves after the server's
//! answer: what was sent just before a kill is sent again, and every request is such that this changes nothing.

use crate::artifacts;
use crate::entity::RunKey;
use crate::error::TrackError;
use crate::event::Event;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, BufRead, BufReader, ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

const LOCK: &str = "lock";
const LINES: &str = "journal.jsonl";
const SENT: &str = "sent.json";
const FILES: &str = "files";
/// What is read of a journal at once, in bytes: a line may be longer.
const CHUNK: u64 = 1 << 20;
/// A folder without a journal is being made, or one that was being removed when its process was killed: after this time it is the latter.
const GONE: Duration = Duration::from_secs(3600);

/// How a run begins: the first line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Header {
    /// The address of the server, without user and password.
    pub(crate) server: String,
    pub(crate) begin: Begin,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Begin {
    /// A new run, in the experiment of this name.
    New {
        experiment: String,
        name: String,
        user: String,
        start_time: i64,
        tags: BTreeMap<String, String>,
        parent: Option<RunKey>,
    },
    /// A run that the server has.
    Existing(RunKey),
}

/// What is sent.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Sent {
    /// Length of the lines that are sent, the first one included once the run is there.
    pub(crate) length: u64,
    /// The run's id, once the server has given one.
    pub(crate) run_id: Option<String>,
    /// When the run began, of one that the server had: milliseconds since 1970.
    #[serde(default)]
    pub(crate) start_time: Option<i64>,
}

pub(crate) struct Journal {
    folder: PathBuf,
    pub(crate) key: String,
    pub(crate) header: Header,
    /// The length of its first line.
    pub(crate) header_length: u64,
    writing: Mutex<Writing>,
    sent: Mutex<Sent>,
}

struct Writing {
    /// It is not opened for appending, since on Windows nothing could be cut off it then.
    file: File,
    /// Held as long as the journal is.
    _lock: File,
    length: u64,
    /// The number of the next file.
    next_file: u64,
    /// Whether the last line says that nothing more is logged.
    ended: bool,
    /// Whether somebody of this process logs to it.
    in_use: bool,
}

/// A line and where the one after it begins.
pub(crate) struct Line {
    pub(crate) event: Event,
    pub(crate) end: u64,
}

impl Journal {
    /// Begins a journal in `QUEUE/key`.
    pub(crate) fn create(queue: &Path, key: &str, header: Header) -> Result<Self, TrackError> {
        let folder = queue.join(key);
        let io = |source| TrackError::Io { path: folder.join(LINES), doing: "made", source };
        fs::create_dir_all(folder.join(FILES)).map_err(io)?;
        // Nobody looks at a folder without a journal, so the lock is free.
        let Some(lock) = lock(&folder).map_err(io)? else {
            return Err(io(ErrorKind::AlreadyExists.into()));
        };
        let file = OpenOptions::new().create_new(true).write(true).open(folder.join(LINES)).map_err(io)?;
        let writing = Writing { file, _lock: lock, length: 0, next_file: 0, ended: false, in_use: true };
        let mut journal = Journal {
            folder: folder.clone(),
            key: key.to_owned(),
            header,
            header_length: 0,
            writing: Mutex::new(writing),
            sent: Mutex::default(),
        };
        let length = {
            let mut writing = journal.writing();
            journal.write(&mut writing, &journal.header)?;
            writing.length
        };
        journal.header_length = length;
        Ok(journal)
    }

    /// Takes over a journal that is there.
    ///
    /// None: another process has it, or it is gone, or has nothing in it.
    pub(crate) fn adopt(queue: &Path, key: &str) -> Result<Option<Self>, TrackError> {
        let folder = queue.join(key);
        let io = |source| TrackError::Io { path: folder.join(LINES), doing: "read", source };
        if !Self::exists(queue, key) {
            sweep(&folder);
            return Ok(None);
        }
        let lock = match lock(&folder) {
            // Who had it has just removed it.
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            taken => taken.map_err(io)?,
        };
        let Some(lock) = lock else { return Ok(None) };
        let mut file = match OpenOptions::new().read(true).write(true).open(folder.join(LINES)) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            file => file.map_err(io)?,
        };
        let Some(lines) = Lines::read(&mut file).map_err(io)? else {
            // The call that was to begin it did not return.
            clear(&folder).map_err(io)?;
            return Ok(None);
        };
        let header = serde_json::from_slice(&lines.first).map_err(|error| io(error.into()))?;
        cut(&mut file, lines.length).map_err(io)?;
        let sent = match fs::read(folder.join(SENT)) {
            Ok(text) => serde_json::from_slice(&text).unwrap_or_default(),
            Err(_) => Sent::default(),
        };
        // When the power fails, the mark may be on the disk and the lines not.
        let sent = Sent { length: sent.length.min(lines.length), ..sent };
        let writing = Writing {
            file,
            _lock: lock,
            length: lines.length,
            next_file: next_file(&folder),
            ended: serde_json::from_slice(&lines.last).is_ok_and(|event: Event| event.is_last()),
            in_use: false,
        };
        Ok(Some(Journal {
            folder: folder.clone(),
            key: key.to_owned(),
            header,
            header_length: lines.first.len() as u64,
            writing: Mutex::new(writing),
            sent: Mutex::new(sent),
        }))
    }

    /// Whether there is a journal of this key, whoever has it.
    pub(crate) fn exists(queue: &Path, key: &str) -> bool {
        queue.join(key).join(LINES).exists()
    }

    /// The id of the run of a journal that another process may have.
    pub(crate) fn peek_id(queue: &Path, key: &str) -> Option<String> {
        let text = fs::read(queue.join(key).join(SENT)).ok()?;
        serde_json::from_slice::<Sent>(&text).ok()?.run_id
    }

    fn writing(&self) -> MutexGuard<'_, Writing> {
        self.writing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn sent(&self) -> Sent {
        self.sent.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// When the run began, in milliseconds since 1970; of one that the server has, once it has said so.
    pub(crate) fn began(&self) -> Option<i64> {
        match &self.header.begin {
            Begin::New { start_time, .. } => Some(*start_time),
            Begin::Existing(_) => self.sent().start_time,
        }
    }

    /// Notes what is sent.
    pub(crate) fn mark(&self, sent: Sent) -> Result<(), TrackError> {
        let path = self.folder.join(SENT);
        let text = serde_json::to_vec(&sent).unwrap_or_default();
        artifacts::replace(&path, |temporary| {
            let mut file = File::create(temporary)?;
            file.write_all(&text)?;
            file.sync_all()
        })
        .map_err(|source| TrackError::Io { path, doing: "written", source })?;
        *self.sent.lock().unwrap_or_else(PoisonError::into_inner) = sent;
        Ok(())
    }

    /// Adds events.
    pub(crate) fn append(&self, events: &[Event]) -> Result<(), TrackError> {
        let mut writing = self.writing();
        for event in events {
            self.write(&mut writing, event)?;
            writing.ended = event.is_last();
        }
        Ok(())
    }

    fn write(&self, writing: &mut Writing, line: &impl Serialize) -> Result<(), TrackError> {
        let io = |source| TrackError::Io { path: self.folder.join(LINES), doing: "written", source };
        let mut text = serde_json::to_vec(line).map_err(|error| io(error.into()))?;
        text.push(b'\n');
        if let Err(error) = writing.file.write_all(&text) {
            // Half a line would spoil the one that follows it.
            let _ = cut(&mut writing.file, writing.length);
            return Err(io(error));
        }
        writing.length += text.len() as u64;
        Ok(())
    }

    /// Keeps a file until it is sent, under a number that `fill` writes it to.
    pub(crate) fn keep(&self, fill: impl FnOnce(&Path) -> io::Result<()>) -> Result<u64, TrackError> {
        let number = {
            let mut writing = self.writing();
            writing.next_file += 1;
            writing.next_file - 1
        };
        let path = self.file(number);
        fill(&path).map_err(|source| TrackError::Io { path, doing: "written", source })?;
        Ok(number)
    }

    pub(crate) fn files(&self) -> PathBuf {
        self.folder.join(FILES)
    }

    pub(crate) fn file(&self, number: u64) -> PathBuf {
        self.files().join(number.to_string())
    }

    /// The lines that are not sent yet, some of them.
    pub(crate) fn unsent(&self) -> Result<Vec<Line>, TrackError> {
        let path = self.folder.join(LINES);
        let io = |source| TrackError::Io { path: path.clone(), doing: "read", source };
        let begin = self.sent().length;
        let end = self.writing().length;
        let mut file = File::open(&path).map_err(io)?;
        file.seek(SeekFrom::Start(begin)).map_err(io)?;
        let mut length = CHUNK.min(end.saturating_sub(begin));
        loop {
            let mut text = vec![0; usize::try_from(length).unwrap_or(usize::MAX)];
            file.read_exact(&mut text).map_err(io)?;
            if length > 0 && !text.contains(&b'\n') {
                if length == end - begin {
                    return Err(io(io::Error::other("its last line does not end")));
                }
                // One line is longer than that.
                file.seek(SeekFrom::Start(begin)).map_err(io)?;
                length = (length * 2).min(end.saturating_sub(begin));
                continue;
            }
            return self.lines(begin, &text);
        }
    }

    fn lines(&self, begin: u64, text: &[u8]) -> Result<Vec<Line>, TrackError> {
        let mut end = begin;
        let mut lines = Vec::new();
        for line in text.split_inclusive(|byte| *byte == b'\n').filter(|line| line.ends_with(b"\n")) {
            end += line.len() as u64;
            // The first line is how the run begins.
            if end == line.len() as u64 {
                continue;
            }
            let event = serde_json::from_slice(line).map_err(|error| TrackError::Io {
                path: self.folder.join(LINES),
                doing: "read: a line in it is none of a journal",
                source: error.into(),
            })?;
            lines.push(Line { event, end });
        }
        Ok(lines)
    }

    /// Whether everything is sent.
    pub(crate) fn is_sent(&self) -> bool {
        self.unsent_bytes() == 0
    }

    /// The length of the lines that are not sent.
    fn unsent_bytes(&self) -> u64 {
        let sent = self.sent();
        let all = self.writing().length;
        if sent.run_id.is_none() { all } else { all.saturating_sub(sent.length) }
    }

    /// The length of what is not sent, files included.
    pub(crate) fn backlog(&self) -> u64 {
        let files = fs::read_dir(self.files()).into_iter().flatten().flatten();
        let files = files.filter_map(|file| file.metadata().ok()).map(|about| about.len());
        let lines = self.unsent_bytes();
        if lines == 0 { 0 } else { lines + files.sum::<u64>() }
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.writing().ended
    }

    /// Takes it for logging. False: somebody of this process has it.
    pub(crate) fn claim(&self) -> bool {
        !std::mem::replace(&mut self.writing().in_use, true)
    }

    pub(crate) fn release(&self) {
        self.writing().in_use = false;
    }

    pub(crate) fn is_in_use(&self) -> bool {
        self.writing().in_use
    }

    /// When the last line was written: milliseconds since 1970.
    pub(crate) fn last_written(&self) -> Option<i64> {
        let changed = fs::metadata(self.folder.join(LINES)).ok()?.modified().ok()?;
        i64::try_from(changed.duration_since(std::time::UNIX_EPOCH).ok()?.as_millis()).ok()
    }

    /// Removes it with all that belongs to it.
    pub(crate) fn remove(&self) -> Result<(), TrackError> {
        clear(&self.folder).map_err(|source| TrackError::Io {
            path: self.folder.clone(),
            doing: "removed, now that all of it is sent",
            source,
        })
    }
}

/// The ends of a file of lines.
struct Lines {
    first: Vec<u8>,
    /// The last one, or the end of it where it is long.
    last: Vec<u8>,
    /// The length of all that are whole: one that a kill has cut short was never logged, since its call did not return.
    length: u64,
}

impl Lines {
    /// None: there is no whole line.
    fn read(file: &mut File) -> io::Result<Option<Self>> {
        let mut first = Vec::new();
        BufReader::new(&mut *file).read_until(b'\n', &mut first)?;
        if !first.ends_with(b"\n") {
            return Ok(None);
        }
        let all = file.metadata()?.len();
        let mut part = CHUNK;
        loop {
            let begin = all.saturating_sub(part);
            file.seek(SeekFrom::Start(begin))?;
            let mut text = Vec::new();
            file.read_to_end(&mut text)?;
            // One that is cut short may be longer than that; the first line is not.
            let Some(end) = text.iter().rposition(|byte| *byte == b'\n') else {
                part *= 2;
                continue;
            };
            let length = begin + end as u64 + 1;
            let last = text[..end].rsplit(|byte| *byte == b'\n').next().unwrap_or_default().to_vec();
            return Ok(Some(Lines { first, last, length }));
        }
    }
}

/// Cuts a journal to this length and goes to its end. The time it was written at stays: that is when its run ended.
fn cut(file: &mut File, length: u64) -> io::Result<()> {
    let about = file.metadata()?;
    if about.len() != length {
        file.set_len(length)?;
        file.set_modified(about.modified()?)?;
    }
    file.seek(SeekFrom::Start(length)).map(drop)
}

/// Takes the lock of a journal, which the system takes back however the process ends. None: another process has it.
fn lock(folder: &Path) -> io::Result<Option<File>> {
    let file = OpenOptions::new().create(true).truncate(false).write(true).open(folder.join(LOCK))?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        // There are file systems without locks; there one process at a time can use the queue.
        Err(TryLockError::Error(error)) if error.kind() == ErrorKind::Unsupported => Ok(Some(file)),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// Removes the folder of a journal. The journal goes first: without one, what is left when it is killed is sent by nobody, and swept later.
fn clear(folder: &Path) -> io::Result<()> {
    fs::remove_file(folder.join(LINES))?;
    // Whoever has a file of it open just now keeps it there a little longer.
    let _ = fs::remove_dir_all(folder);
    Ok(())
}

/// Removes a folder that has had no journal for long.
fn sweep(folder: &Path) {
    let age =
        fs::metadata(folder).and_then(|about| about.modified()).ok().and_then(|time| time.elapsed().ok());
    if age.is_some_and(|age| age > GONE) {
        // The next one that looks tries again.
        let _ = fs::remove_dir_all(folder);
    }
}

fn next_file(folder: &Path) -> u64 {
    let names = fs::read_dir(folder.join(FILES)).into_iter().flatten().flatten();
    names.filter_map(|file| file.file_name().to_str()?.parse::<u64>().ok()).max().map_or(0, |last| last + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entity::RunStatus;
    use std::time::SystemTime;

    const KEY: &str = "0123456789abcdef0123456789abcdef";

    fn journal(queue: &Path) -> Journal {
        let begin = Begin::Existing(crate::RunKey::Id("1".repeat(32)));
        let journal = Journal::create(queue, KEY, Header { server: "s".to_owned(), begin }).unwrap();
        journal.append(&[Event::Tag { key: "a".to_owned(), value: "b".repeat(1 << 21) }]).unwrap();
        journal
    }

    fn adopt(queue: &Path) -> Journal {
        Journal::adopt(queue, KEY).unwrap().unwrap()
    }

    #[test]
    fn half_a_line_is_cut_off_and_the_time_stays() {
        let queue = tempfile::tempdir().unwrap();
        let path = queue.path().join(KEY).join(LINES);
        let made = journal(queue.path());
        assert!(Journal::adopt(queue.path(), KEY).unwrap().is_none(), "it is locked");
        drop(made);
        let whole = fs::read(&path).unwrap();
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000);
        for rest in [String::new(), "{\"tag".to_owned(), "x".repeat(3 << 20)] {
            fs::write(&path, [&whole[..], rest.as_bytes()].concat()).unwrap();
            File::options().write(true).open(&path).unwrap().set_modified(time).unwrap();
            let adopted = adopt(queue.path());
            assert_eq!(adopted.last_written(), Some(1_000_000_000));
            assert_eq!(fs::read(&path).unwrap(), whole);
            assert!(!adopted.has_ended());
        }
        adopt(queue.path()).append(&[Event::End { status: RunStatus::Finished, time: 1 }]).unwrap();
        let adopted = adopt(queue.path());
        assert!(adopted.has_ended() && fs::read(&path).unwrap().starts_with(&whole));
        assert_eq!(adopted.header_length, whole.iter().position(|byte| *byte == b'\n').unwrap() as u64 + 1);
    }

    #[test]
    fn a_mark_beyond_the_end_and_a_line_without_one_are_survived() {
        let queue = tempfile::tempdir().unwrap();
        let path = queue.path().join(KEY).join(LINES);
        journal(queue.path())
            .mark(Sent { length: 1 << 40, run_id: Some("1".to_owned()), start_time: None })
            .unwrap();
        let adopted = adopt(queue.path());
        assert!(adopted.is_sent() && adopted.unsent().unwrap().is_empty());
        adopted.append(&[Event::Resume]).unwrap();
        assert_eq!(adopted.unsent().unwrap().len(), 1);
        fs::write(&path, vec![b'x'; fs::metadata(&path).unwrap().len() as usize]).unwrap();
        assert!(adopted.unsent().is_err());
    }

    #[cfg(unix)]
    #[test]
    fn what_is_left_of_a_journal_is_swept_later() {
        let queue = tempfile::tempdir().unwrap();
        let folder = queue.path().join(KEY);
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join(SENT), "{}").unwrap();
        assert!(Journal::adopt(queue.path(), KEY).unwrap().is_none());
        assert!(folder.exists(), "it may be being made just now");
        File::open(&folder).unwrap().set_modified(SystemTime::now() - 2 * GONE).unwrap();
        assert!(Journal::adopt(queue.path(), KEY).unwrap().is_none());
        assert!(!folder.exists());
        // Nothing was ever logged to one without a whole line.
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join(LINES), "{\"ser").unwrap();
        assert!(Journal::adopt(queue.path(), KEY).unwrap().is_none());
        assert!(!folder.exists());
    }
}
