//! The thread that writes what was logged, so that nobody who logs waits for the disk.

use super::Database;
use super::write::Logged;
use crate::error::TrackError;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// What was logged is written so often.
const INTERVAL: Duration = Duration::from_secs(1);

/// Writes what is logged, once a second and when it is asked to. Dropped, it writes what is left.
pub(crate) struct Writer {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    database: Arc<Database>,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    pending: Vec<Logged>,
    /// Events that were ever logged, and those of them that are written or refused.
    logged: u64,
    settled: u64,
    /// Up to which event somebody waits.
    wanted: u64,
    /// Attempts that failed, and why the last one did.
    failures: u64,
    problem: String,
    refused: Vec<(String, TrackError)>,
    stop: bool,
}

impl Writer {
    pub(crate) fn new(database: Arc<Database>) -> Self {
        let shared = Arc::new(Shared { database, state: Mutex::default(), changed: Condvar::new() });
        let theirs = Arc::clone(&shared);
        let thread = thread::Builder::new().name("ocelli-track".into()).spawn(move || theirs.run());
        // Without a thread, what is logged is written when it is waited for.
        Writer { shared, thread: thread.ok() }
    }

    pub(crate) fn log(&self, events: impl IntoIterator<Item = Logged>) {
        let mut state = self.shared.lock();
        let before = state.pending.len();
        state.pending.extend(events);
        state.logged += (state.pending.len() - before) as u64;
        drop(state);
        self.shared.changed.notify_all();
    }

    /// Waits until all that was logged is written.
    ///
    /// # Errors
    /// It could not be written: it stays, and is tried again. Or an event of this run was refused, and left out.
    pub(crate) fn flush(&self, run: &str) -> Result<(), TrackError> {
        let shared = &*self.shared;
        let mut state = shared.lock();
        let target = state.logged;
        let failures = state.failures;
        state.wanted = state.wanted.max(target);
        shared.changed.notify_all();
        while state.settled < target && state.failures == failures {
            if self.thread.is_none() {
                drop(state);
                shared.attempt();
                state = shared.lock();
            } else {
                state = shared.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
            }
        }
        if state.settled < target {
            let path = shared.database.path.clone();
            return Err(TrackError::Database { path, reason: state.problem.clone() });
        }
        match state.refused.iter().position(|(of, _)| of == run) {
            Some(place) => Err(state.refused.remove(place).1),
            None => Ok(()),
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self) {
        loop {
            let mut state = self.lock();
            while state.pending.is_empty() && !state.stop {
                state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
            }
            let due = Instant::now() + INTERVAL;
            while state.wanted <= state.settled && !state.stop {
                let left = due.saturating_duration_since(Instant::now());
                if left.is_zero() {
                    break;
                }
                state = self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
            }
            let stop = state.stop;
            drop(state);
            self.attempt();
            if stop {
                return;
            }
        }
    }

    /// Writes all that is pending now.
    fn attempt(&self) {
        let events = std::mem::take(&mut self.lock().pending);
        if events.is_empty() {
            return;
        }
        let done = self.database.log(&events);
        let mut state = self.lock();
        match done {
            Ok(refused) => {
                state.settled += events.len() as u64;
                state.refused.extend(refused);
            }
            Err(error) => {
                state.failures += 1;
                state.problem = match error {
                    TrackError::Database { reason, .. } => reason,
                    other => other.to_string(),
                };
                // Nobody waits any more, until somebody asks again.
                state.wanted = state.settled;
                let since = std::mem::replace(&mut state.pending, events);
                state.pending.extend(since);
            }
        }
        drop(state);
        self.changed.notify_all();
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.shared.lock().stop = true;
        self.shared.changed.notify_all();
        match self.thread.take() {
            // Whatever it panicked of was told already.
            Some(thread) => drop(thread.join()),
            None => self.shared.attempt(),
        }
    }
}
