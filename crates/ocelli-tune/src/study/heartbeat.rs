//! Signs of life of workers, and what happens to the trials of those that died.

use super::{Study, now};
use crate::journal::{Attrs, Operation, Replay, Template};
use crate::{Trial, TrialState, TuneError};
use serde_json::json;
use std::collections::{HashMap, HashSet};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

/// The note of a trial that counts its worker's signs of life.
pub(super) const BEAT: &str = "ocelli:heartbeat";
/// The notes of a trial that was begun anew, as Optuna's `RetryHeartbeatStaleTrialCallback` has them.
const FAILED_TRIAL: &str = "failed_trial";
const RETRY_HISTORY: &str = "retry_history";
/// What rungs of successive halving a trial has reached, which one that begins anew has not.
const RUNG: &str = "completed_rung_";

/// How workers that died are noticed. A worker notes with its trial that it lives, again and again, from a thread of its own; whoever
/// sees nothing new for `grace`, by its own clock, declares the trial failed and puts its parameters back into the queue. So the clocks
/// of machines need not agree. Trials of Optuna's workers have no such notes and are left alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heartbeat {
    /// How often a worker gives a sign of life (default 10 s).
    pub interval: Duration,
    /// After how long without one a trial is given up (default 60 s). At least as long as a dead worker's lock keeps the others from
    /// writing, and three intervals more: they must not be taken for dead meanwhile.
    pub grace: Duration,
    /// How often the same parameters are tried anew (default 3).
    pub retries: usize,
}

impl Default for Heartbeat {
    fn default() -> Self {
        Heartbeat { interval: Duration::from_secs(10), grace: Duration::from_secs(60), retries: 3 }
    }
}

/// What this process has seen of others' signs of life.
#[derive(Debug, Default)]
pub(super) struct Watch {
    /// The count that was seen last of each running trial, and when it was new.
    seen: HashMap<u64, (u64, Instant)>,
    /// Trials of this process, by number.
    pub(super) own: HashSet<u64>,
}

impl Watch {
    /// The running trials whose workers gave no sign of life for `grace`.
    fn dead(&mut self, trials: &[Arc<Trial>], grace: Duration) -> Vec<u64> {
        let now = Instant::now();
        let mut seen = HashMap::new();
        let mut dead = Vec::new();
        for trial in trials.iter().filter(|trial| trial.state == TrialState::Running) {
            let Some(beat) = trial.system_attrs.get(BEAT).and_then(serde_json::Value::as_u64) else {
                continue;
            };
            let known = self.seen.get(&trial.number).filter(|(known, _)| *known == beat);
            let since = known.map_or(now, |(_, since)| *since);
            if !self.own.contains(&trial.number) && now - since > grace {
                dead.push(trial.number);
            } else {
                seen.insert(trial.number, (beat, since));
            }
        }
        self.seen = seen;
        dead
    }
}

/// The thread that gives signs of life of one trial until it is dropped.
#[derive(Debug)]
pub(super) struct Beating {
    /// Nothing is ever sent: that it is gone says enough.
    _stop: Sender<()>,
}

impl Beating {
    pub(super) fn start(study: &Study, number: u64, interval: Duration) -> Self {
        let (stop, stopped) = channel();
        let study = study.clone();
        // Nobody waits for its end: that would cost a trial milliseconds where all processors are busy. A beat that comes late finds the
        // trial finished.
        std::thread::spawn(move || {
            let mut beat = 1;
            while stopped.recv_timeout(interval) == Err(RecvTimeoutError::Timeout) {
                match study.note(number, &[(BEAT.to_string(), json!(beat))]) {
                    Ok(()) => beat += 1,
                    Err(TuneError::Journal(_)) => {}
                    // Finished: there is nothing to live for.
                    Err(_) => return,
                }
            }
        });
        Beating { _stop: stop }
    }
}

impl Study {
    /// Notes something with a running trial.
    pub(super) fn note(&self, number: u64, notes: &[(String, serde_json::Value)]) -> Result<(), TuneError> {
        self.journal().transact(|replay| {
            let trial = self.running(replay, number)?.id;
            let note = |(key, value): &(String, serde_json::Value)| Operation::TrialSystemAttr {
                trial,
                attrs: Attrs::from([(key.clone(), value.clone())]),
            };
            Ok(((), notes.iter().map(note).collect()))
        })
    }

    /// Puts back into the queue what dead workers had.
    pub(super) fn revive(&self) -> Result<(), TuneError> {
        let Some(heartbeat) = self.inner.options.heartbeat else { return Ok(()) };
        let history = self.history()?;
        let grace = heartbeat.grace.max(self.journal().lock_grace() + 3 * heartbeat.interval);
        let mut watch = self.inner.watch.lock().unwrap_or_else(PoisonError::into_inner);
        let dead = watch.dead(history.all(), grace);
        drop(watch);
        for number in dead {
            match self.give_up(number, "its worker gave no sign of life", heartbeat.retries) {
                // Another worker was quicker.
                Ok(()) | Err(TuneError::NotRunning { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Declares a running trial failed (its worker is known to be dead) and puts its parameters back into the queue.
    ///
    /// # Errors
    /// No such trial, or it does not run; the journal cannot be used.
    pub fn retry(&self, number: u64) -> Result<(), TuneError> {
        self.give_up(number, "its worker is dead", usize::MAX)
    }

    fn give_up(&self, number: u64, reason: &str, retries: usize) -> Result<(), TuneError> {
        self.journal().transact(|replay: &Replay| {
            let trial = self.running(replay, number)?;
            let attrs = Attrs::from([("fail_reason".to_string(), json!(reason))]);
            let mut operations = vec![
                Operation::TrialSystemAttr { trial: trial.id, attrs },
                Operation::TrialState {
                    trial: trial.id,
                    state: TrialState::Fail,
                    values: None,
                    time: Some(now()),
                },
            ];
            operations.extend(
                again(trial, retries).map(|template| Operation::CreateTrial {
                    study: self.inner.id,
                    trial: Box::new(template),
                }),
            );
            Ok(((), operations))
        })
    }
}

/// The trial as it waits to be tried anew; `None` when it was tried too often.
fn again(trial: &Trial, retries: usize) -> Option<Template> {
    let mut attrs = trial.system_attrs.clone();
    let before = attrs.get(RETRY_HISTORY).and_then(serde_json::Value::as_array);
    let mut history = before.cloned().unwrap_or_default();
    history.push(json!(trial.number));
    if history.len() > retries {
        return None;
    }
    attrs.retain(|key, _| key != BEAT && !key.starts_with(RUNG));
    attrs.entry(FAILED_TRIAL.to_string()).or_insert_with(|| json!(trial.number));
    attrs.insert(RETRY_HISTORY.to_string(), json!(history));
    Some(Template {
        params: trial.params.clone(),
        distributions: trial.distributions.clone(),
        user_attrs: trial.user_attrs.clone(),
        system_attrs: attrs,
        ..Template::empty(TrialState::Waiting, None)
    })
}
