//! The queue towards a server: journals on disk, and the thread that sends them.

mod journal;
mod send;

use journal::Sent;
pub(crate) use journal::{Begin, Header, Journal};

use crate::entity::RunKey;
use crate::error::TrackError;
use crate::event::Event;
use crate::server::Server;
use crate::tracker::Backlog;
use crate::{ids, validate};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// What is logged within such a time goes in one request.
const INTERVAL: Duration = Duration::from_secs(1);
/// How long it waits after a failure: at first, and at most.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// How long the thread has to let its journals go.
const LETTING_GO: Duration = Duration::from_millis(500);
/// So often an event is tried that the server fails at, while it does everything else, before it is given up.
const ATTEMPTS: u32 = 8;
/// Refusals that are kept to be told.
const REFUSALS: usize = 100;
/// The file in the queue's folder that has all refusals.
const REFUSED: &str = "refused.log";

/// The journals of a folder that this process sends to a server, and the thread that does. Dropped, it waits
/// [`crate::ServerOptions::patience`] for what is unsent.
pub(crate) struct Queue {
    shared: Arc<Shared>,
    patience: Duration,
}

struct Shared {
    folder: PathBuf,
    server: Arc<Server>,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    journals: Vec<Arc<Journal>>,
    /// Somebody waits: send at once.
    hurry: bool,
    /// Why nothing could be sent the last time.
    problem: Option<String>,
    /// How many rounds have failed.
    failures: u64,
    /// How long somebody has waited in vain since the last progress.
    waited: Duration,
    /// How often the server has failed at what is next in a journal, by its key.
    attempts: BTreeMap<String, u32>,
    /// Journals whose run the server does not make, by key.
    blocked: Vec<String>,
    refused: Vec<String>,
    /// How often a mark has moved.
    progress: u64,
    stop: bool,
    /// The thread is gone.
    stopped: bool,
}

impl Queue {
    /// Opens a folder, takes up what other processes have left there for this server, and begins to send.
    pub(crate) fn open(folder: &Path, server: Arc<Server>, patience: Duration) -> Result<Self, TrackError> {
        let io = |source| TrackError::Io {
            path: folder.to_path_buf(),
            doing: "used as the folder of the queue",
            source,
        };
        fs::create_dir_all(folder).map_err(io)?;
        let shared = Arc::new(Shared {
            folder: folder.to_path_buf(),
            server,
            state: Mutex::default(),
            changed: Condvar::new(),
        });
        shared.adopt().map_err(io)?;
        let theirs = Arc::clone(&shared);
        thread::Builder::new().name("ocelli-queue".into()).spawn(move || theirs.run()).map_err(io)?;
        Ok(Queue { shared, patience })
    }

    /// Begins the journal of a new run.
    pub(crate) fn begin(&self, begin: Begin) -> Result<Arc<Journal>, TrackError> {
        let header = Header { server: self.shared.server.name().to_owned(), begin };
        let journal = Arc::new(Journal::create(&self.shared.folder, &ids::new_id(), header)?);
        self.shared.lock().journals.push(Arc::clone(&journal));
        self.shared.changed.notify_all();
        Ok(journal)
    }

    /// Goes on with a run.
    pub(crate) fn resume(&self, key: &RunKey) -> Result<Arc<Journal>, TrackError> {
        let journal = self.take(key)?;
        journal.append(&[Event::Resume])?;
        Ok(journal)
    }

    /// Adds a file to a run's artifacts, and says what is left to be sent.
    pub(crate) fn attach(&self, key: &RunKey, from: &Path, path: &str) -> Result<Backlog, TrackError> {
        let journal = self.take(key)?;
        let kept = journal.keep(|to| fs::copy(from, to).map(drop));
        let artifact = kept.as_ref().ok().map(|file| Event::Artifact { file: *file, path: path.to_owned() });
        let events: Vec<Event> = artifact.into_iter().chain([Event::Leave]).collect();
        let done = journal.append(&events);
        journal.release();
        kept?;
        done?;
        Ok(self.flush_one(&journal))
    }

    /// The journal of a run, or a new one for a run that the server has.
    fn take(&self, key: &RunKey) -> Result<Arc<Journal>, TrackError> {
        let ours = {
            let state = self.shared.lock();
            let is_it = |journal: &&Arc<Journal>| {
                let names_it = match key {
                    RunKey::Key(key) => journal.key == *key,
                    RunKey::Id(id) => journal.sent().run_id.as_ref() == Some(id),
                };
                names_it || matches!(&journal.header.begin, Begin::Existing(other) if other == key)
            };
            let found = state.journals.iter().find(is_it).cloned();
            // Claimed while the list is locked, it is not taken for finished.
            found.map(|journal| (journal.claim(), journal))
        };
        match ours {
            Some((true, journal)) => Ok(journal),
            Some((false, _)) => Err(busy(key)),
            None => match key {
                RunKey::Key(name) if Journal::exists(&self.shared.folder, name) => Err(busy(key)),
                _ => self.begin(Begin::Existing(key.clone())),
            },
        }
    }

    /// Wakes the thread.
    pub(crate) fn logged(&self) {
        self.shared.changed.notify_all();
    }

    /// Waits until the run of a journal has an id.
    pub(crate) fn wait_for_id(&self, journal: &Journal, timeout: Duration) -> Option<String> {
        self.wait(timeout, |_| journal.sent().run_id.is_some());
        journal.sent().run_id
    }

    /// Waits until all is sent that the server takes, and says what is left.
    pub(crate) fn flush(&self, timeout: Duration) -> Backlog {
        // A folder that cannot be read was told of when it was opened.
        let _ = self.shared.adopt();
        self.wait(timeout, |state| state.is_settled());
        self.backlog()
    }

    /// Waits until one journal is sent, or another attempt has failed, and says what is left.
    pub(crate) fn flush_one(&self, journal: &Journal) -> Backlog {
        let before = self.shared.lock().failures;
        self.wait(self.patience, |state| {
            journal.is_sent() || state.is_blocked(journal) || state.failures != before
        });
        self.backlog()
    }

    fn wait(&self, timeout: Duration, done: impl Fn(&State) -> bool) {
        let until = Instant::now() + timeout;
        let mut state = self.shared.lock();
        // Once: what fails then is tried again after its pause.
        state.hurry |= !done(&state);
        self.shared.changed.notify_all();
        while !done(&state) {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                state.waited = state.waited.max(timeout);
                return;
            }
            state = self.shared.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn backlog(&self) -> Backlog {
        let state = self.shared.lock();
        let unsent: Vec<u64> =
            state.journals.iter().map(|journal| journal.backlog()).filter(|bytes| *bytes > 0).collect();
        Backlog {
            runs: unsent.len(),
            bytes: unsent.iter().sum(),
            problem: state.problem.clone(),
            refused: state.refused.clone(),
        }
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        let waited = self.shared.lock().waited;
        self.wait(self.patience.saturating_sub(waited), |state| {
            state.problem.is_some() || state.is_settled()
        });
        // The thread may be within a request: it is not waited for, since all that it does can be done again. Without one it goes at once,
        // and then another tracker can have its journals.
        self.shared.lock().stop = true;
        self.wait(LETTING_GO, |state| state.stopped);
    }
}

impl State {
    /// Whether all is sent that the server takes, and what is done with is gone from the disk.
    fn is_settled(&self) -> bool {
        let is_sent = |journal: &Journal| journal.is_sent() && journal.is_in_use();
        self.journals.iter().all(|journal| is_sent(journal) || self.is_blocked(journal))
    }

    fn is_blocked(&self, journal: &Journal) -> bool {
        self.blocked.contains(&journal.key)
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes up the journals towards this server that no process has.
    fn adopt(&self) -> std::io::Result<()> {
        let mut found = Vec::new();
        for entry in fs::read_dir(&self.folder)? {
            let name = entry?.file_name();
            let Some(key) = name.to_str().filter(|name| ids::is_id(name)) else { continue };
            match Journal::adopt(&self.folder, key) {
                Ok(Some(journal)) if journal.header.server == self.server.name() => {
                    found.push(Arc::new(journal));
                }
                Ok(_) => {}
                // One that cannot be read keeps no other from being sent.
                Err(error) => {
                    let why =
                        std::error::Error::source(&error).map(|why| format!(": {why}")).unwrap_or_default();
                    self.tell(format!("run {key}: nothing of it can be sent: {error}{why}"));
                }
            }
        }
        found.sort_by_key(|journal| journal.last_written());
        self.lock().journals.extend(found);
        Ok(())
    }

    fn run(&self) {
        let mut pause = FIRST_PAUSE;
        loop {
            let before = {
                let mut state = self.lock();
                state.hurry = false;
                state.progress
            };
            let done = self.round();
            let mut state = self.lock();
            if state.progress != before {
                pause = FIRST_PAUSE;
            }
            let wait = match done {
                Ok(true) => {
                    state.problem = None;
                    None
                }
                Ok(false) => Some(INTERVAL),
                Err(error) => {
                    state.problem = Some(error.to_string());
                    state.failures += 1;
                    let wait = pause;
                    pause = (pause * 2).min(LONGEST_PAUSE);
                    Some(wait)
                }
            };
            self.changed.notify_all();
            if let Some(wait) = wait {
                state = self.pause(state, wait);
            }
            if state.stop {
                // Their locks, before anybody hears of it.
                state.journals.clear();
                state.stopped = true;
                drop(state);
                return self.changed.notify_all();
            }
        }
    }

    /// Notes how much of a journal is sent.
    fn mark(&self, journal: &Journal, sent: Sent) -> Result<(), TrackError> {
        journal.mark(sent)?;
        let mut state = self.lock();
        state.progress += 1;
        state.waited = Duration::ZERO;
        state.attempts.remove(&journal.key);
        drop(state);
        self.changed.notify_all();
        Ok(())
    }

    /// Waits so long, or until somebody is in a hurry.
    fn pause<'a>(&self, mut state: MutexGuard<'a, State>, wait: Duration) -> MutexGuard<'a, State> {
        let until = Instant::now() + wait;
        while !state.stop && !state.hurry {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            state = self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        state
    }

    /// Counts a failure of the server at what is to be sent next.
    fn failed_attempts(&self, journal: &Journal) -> u32 {
        let mut state = self.lock();
        let attempts = state.attempts.entry(journal.key.clone()).or_default();
        *attempts += 1;
        *attempts
    }

    /// Sends some of every journal. Whether anything was sent, or else the first failure that another try may mend.
    fn round(&self) -> Result<bool, TrackError> {
        let journals = self.lock().journals.clone();
        let mut sent = false;
        let mut failed = None;
        for journal in journals {
            if self.lock().stop {
                break;
            }
            if self.lock().is_blocked(&journal) {
                continue;
            }
            let done = self.send(&journal).and_then(|some| self.finish(&journal).map(|()| some));
            match done {
                Ok(some) => sent |= some,
                // Nobody is there, so the others need not be tried.
                Err(error @ TrackError::Unreachable { status: None, .. }) => return Err(error),
                Err(error @ (TrackError::Unreachable { .. } | TrackError::Io { .. })) => {
                    failed.get_or_insert(error);
                }
                Err(error) => {
                    self.refused(&journal, "the run", &error);
                    let mut state = self.lock();
                    state.blocked.push(journal.key.clone());
                    state.problem = Some(error.to_string());
                }
            }
        }
        failed.map_or(Ok(sent), Err)
    }

    /// Ends the run of a process that is gone, and removes a journal that is sent.
    fn finish(&self, journal: &Arc<Journal>) -> Result<(), TrackError> {
        let mut state = self.lock();
        if !journal.is_sent() || journal.is_in_use() {
            return Ok(());
        }
        if !journal.has_ended() {
            let time = journal.last_written().unwrap_or_else(ids::now);
            return journal.append(&[Event::End { status: crate::RunStatus::Killed, time }]);
        }
        state.journals.retain(|other| other.key != journal.key);
        journal.remove()
    }

    /// Keeps in mind, and in a file, what the server does not take.
    fn refused(&self, journal: &Journal, what: &str, error: &TrackError) {
        let run = journal.sent().run_id.map_or_else(|| RunKey::Key(journal.key.clone()), RunKey::Id);
        self.tell(format!("run {run}: {what}: {error}"));
    }

    fn tell(&self, text: String) {
        if self.lock().refused.contains(&text) {
            return;
        }
        // That it is kept in mind will do where the file cannot be written.
        let file = fs::OpenOptions::new().create(true).append(true).open(self.folder.join(REFUSED));
        let _ =
            file.and_then(|mut file| std::io::Write::write_all(&mut file, format!("{text}\n").as_bytes()));
        let mut state = self.lock();
        if state.refused.len() < REFUSALS {
            state.refused.push(text);
        }
    }
}

fn busy(key: &RunKey) -> TrackError {
    validate::invalid(format!(
        "run {key} is being logged already, here or by another process: end it there first"
    ))
}
