//! Who makes which batch, and in what order batches are handed out.

use std::collections::HashSet;
use std::ops::Range;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use super::Batch;
use super::sampler::Draw;
use crate::{DataError, Problem};

/// A finished batch, or the error that ends the epoch.
pub(super) type Made = Result<Batch, DataError>;

/// One batch to be made.
pub(super) struct Job {
    /// Which call of `begin` it belongs to.
    run: u64,
    pub(super) epoch: u64,
    pub(super) number: usize,
    pub(super) order: Arc<Vec<Draw>>,
}

/// The batches of the running epoch: claimed by workers in order, at most `ahead` before the one that is handed out next.
pub(super) struct Queue {
    ahead: usize,
    state: Mutex<State>,
    /// Told when there may be a batch to claim, or to stop.
    claimable: Condvar,
    /// Told when a batch is finished.
    finished: Condvar,
}

#[derive(Default)]
struct State {
    run: u64,
    epoch: u64,
    order: Arc<Vec<Draw>>,
    /// The next batch to claim, the next to hand out, and the end.
    claim: usize,
    hand_out: usize,
    end: usize,
    /// Finished batches by number modulo `ahead`.
    made: Vec<Option<Made>>,
    stopped: bool,
    problems: Vec<(usize, Problem)>,
    told: HashSet<usize>,
}

impl Queue {
    pub(super) fn new(ahead: usize) -> Self {
        let state = State { made: (0..ahead).map(|_| None).collect(), ..State::default() };
        Self { ahead, state: Mutex::new(state), claimable: Condvar::new(), finished: Condvar::new() }
    }

    /// How many batches are made ahead at most.
    pub(super) fn ahead(&self) -> usize {
        self.ahead
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts an epoch; what is left of the one before is dropped.
    pub(super) fn begin(&self, epoch: u64, order: Vec<Draw>, batches: Range<usize>) {
        let mut state = self.lock();
        state.run += 1;
        state.epoch = epoch;
        state.order = Arc::new(order);
        state.claim = batches.start;
        state.hand_out = batches.start;
        state.end = batches.end;
        state.made.fill_with(|| None);
        drop(state);
        self.claimable.notify_all();
    }

    /// Ends the epoch: no more of its batches are made.
    pub(super) fn end(&self) {
        let mut state = self.lock();
        state.run += 1;
        state.end = state.claim;
        state.made.fill_with(|| None);
    }

    /// Lets the workers end.
    pub(super) fn stop(&self) {
        self.lock().stopped = true;
        self.claimable.notify_all();
    }

    /// The next batch to make; waits for one. `None`: stop.
    pub(super) fn claim(&self) -> Option<Job> {
        let mut state = self.lock();
        loop {
            if state.stopped {
                return None;
            }
            if state.claim < state.end && state.claim < state.hand_out + self.ahead {
                let number = state.claim;
                state.claim += 1;
                return Some(Job {
                    run: state.run,
                    epoch: state.epoch,
                    number,
                    order: Arc::clone(&state.order),
                });
            }
            state = self.claimable.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Hands in a batch, with the samples that could not be loaded for it.
    pub(super) fn finish(&self, job: &Job, made: Made, failed: Vec<(usize, Problem)>) {
        let mut state = self.lock();
        for (sample, problem) in failed {
            if state.told.insert(sample) {
                state.problems.push((sample, problem));
            }
        }
        if job.run == state.run {
            let place = job.number % self.ahead;
            state.made[place] = Some(made);
            drop(state);
            self.finished.notify_one();
        }
    }

    /// The next batch in order; waits for it. Only called while batches of the epoch remain.
    pub(super) fn take(&self) -> Made {
        let mut state = self.lock();
        loop {
            let place = state.hand_out % self.ahead;
            if let Some(made) = state.made[place].take() {
                state.hand_out += 1;
                drop(state);
                self.claimable.notify_one();
                return made;
            }
            state = self.finished.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// The problems so far, in the dataset's order.
    pub(super) fn take_problems(&self) -> Vec<Problem> {
        let mut problems = std::mem::take(&mut self.lock().problems);
        problems.sort_by_key(|(sample, _)| *sample);
        problems.into_iter().map(|(_, problem)| problem).collect()
    }
}
