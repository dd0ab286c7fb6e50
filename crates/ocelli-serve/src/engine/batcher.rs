//! The thread that has a model's network: it takes what waits, together.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use ocelli_data::Compiled;
use ocelli_model::{Classifier, ModelError, Readout};
use ocelli_nn::plan::{InferPlan, PlanOptions};
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use super::{Answer, Failure, Shared, Timing};
use crate::metrics::{Metrics, ModelLabels};

/// A picture that is ready for the network.
pub(super) struct Job {
    /// Whole rows of the network's input: one, or one for each view.
    pub(super) values: Vec<f32>,
    pub(super) reply: oneshot::Sender<Result<Answer, Failure>>,
    pub(super) prepare: Duration,
    /// When it became ready.
    pub(super) since: Instant,
    /// Its place among those that may wait, free when it is answered.
    pub(super) _place: OwnedSemaphorePermit,
}

/// What waits for a network.
struct Queue {
    jobs: Receiver<Job>,
    /// Images that are being decoded.
    coming: Arc<AtomicUsize>,
    max_delay: Duration,
    /// One that did not fit into the batch before.
    held: Option<Job>,
    /// Floats of a row of the network's input.
    row: usize,
    /// Rows of a whole batch.
    rows: usize,
}

pub(super) struct Batcher {
    queue: Queue,
    network: Planned,
}

/// The network, and what it works in.
struct Planned {
    plan: InferPlan,
    readout: Readout,
    classes: usize,
    /// Floats of a row of the input.
    row: usize,
    input: Vec<f32>,
    pool: Arc<rayon::ThreadPool>,
    metrics: Arc<Metrics>,
    labels: ModelLabels,
}

impl Batcher {
    pub(super) fn new(
        classifier: &Classifier,
        transforms: &Compiled,
        shared: &Shared,
        jobs: Receiver<Job>,
        coming: Arc<AtomicUsize>,
        labels: ModelLabels,
    ) -> Result<Self, ModelError> {
        let rows = shared.bounds.max_batch * transforms.views();
        let options = PlanOptions { batch: rows, ..PlanOptions::default() };
        let plan = shared
            .pool
            .install(|| InferPlan::new(classifier.network(), classifier.weights(), options))
            .map_err(ModelError::Plan)?;
        let row = classifier.network().input().elements();
        let network = Planned {
            plan,
            readout: classifier.readout(),
            classes: classifier.classes().len(),
            row,
            input: vec![0.0; rows * row],
            pool: shared.pool.clone(),
            metrics: shared.metrics.clone(),
            labels,
        };
        let queue = Queue { jobs, coming, max_delay: shared.bounds.max_delay, held: None, row, rows };
        Ok(Self { queue, network })
    }

    /// Answers until nobody can ask any more.
    pub(super) fn run(mut self) {
        while let Some(mut batch) = self.queue.batch() {
            // Whoever asked may have gone meanwhile, or waited long enough.
            batch.retain(|job| !job.reply.is_closed());
            if !batch.is_empty() {
                self.network.answer(batch);
            }
        }
    }
}

impl Queue {
    /// The next batch: what waits, and, until its first has waited long enough, what is being decoded.
    fn batch(&mut self) -> Option<Vec<Job>> {
        let first = match self.held.take() {
            Some(job) => job,
            None => self.jobs.recv().ok()?,
        };
        let until = first.since + self.max_delay;
        let mut rows = first.values.len() / self.row;
        let mut batch = vec![first];
        while rows < self.rows {
            let Some(job) = self.next(until) else { break };
            rows += job.values.len() / self.row;
            if rows > self.rows {
                self.held = Some(job);
                break;
            }
            batch.push(job);
        }
        Some(batch)
    }

    fn next(&self, until: Instant) -> Option<Job> {
        if let Ok(job) = self.jobs.try_recv() {
            return Some(job);
        }
        // To wait for nobody would only be late.
        if self.coming.load(Ordering::Relaxed) == 0 {
            return None;
        }
        self.jobs.recv_timeout(until.saturating_duration_since(Instant::now())).ok()
    }
}

impl Planned {
    fn answer(&mut self, batch: Vec<Job>) {
        let begun = Instant::now();
        let mut floats = 0;
        for job in &batch {
            self.input[floats..floats + job.values.len()].copy_from_slice(&job.values);
            floats += job.values.len();
        }
        let (plan, input) = (&mut self.plan, &self.input[..floats]);
        let mut outputs = self.pool.install(|| plan.run(input));
        let infer = begun.elapsed();
        self.metrics.inferred(&self.labels, batch.len(), infer);
        let images = batch.len();
        for job in batch {
            let (own, rest) = outputs.split_at(job.values.len() / self.row * self.classes);
            outputs = rest;
            let mut probabilities = vec![0.0; self.classes];
            self.readout.probabilities(own, &mut probabilities);
            let wait = begun.saturating_duration_since(job.since);
            let timing = Timing { prepare: job.prepare, wait, infer, batch: images };
            // Whoever asked may have gone meanwhile.
            let _ = job.reply.send(Ok(Answer { probabilities, timing }));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::{Sender, channel};
    use tokio::sync::Semaphore;

    const ROW: usize = 2;

    /// A queue for batches of four rows, with so many images being decoded.
    fn queue(coming: usize, max_delay: Duration) -> (Sender<Job>, Queue) {
        let (jobs, queue) = channel();
        let coming = Arc::new(AtomicUsize::new(coming));
        (jobs, Queue { jobs: queue, coming, max_delay, held: None, row: ROW, rows: 4 })
    }

    fn job(rows: usize) -> Job {
        let place = Arc::new(Semaphore::new(1)).try_acquire_owned().unwrap();
        let (reply, _) = oneshot::channel();
        let since = Instant::now();
        Job { values: vec![0.0; rows * ROW], reply, prepare: Duration::ZERO, since, _place: place }
    }

    fn sizes(queue: &mut Queue) -> Vec<usize> {
        queue.batch().unwrap().iter().map(|job| job.values.len() / ROW).collect()
    }

    #[test]
    fn what_waits_goes_together_up_to_a_whole_batch() {
        let (jobs, mut queue) = queue(0, Duration::ZERO);
        [1, 1, 1, 1, 1, 3, 2].into_iter().for_each(|rows| jobs.send(job(rows)).unwrap());
        drop(jobs);
        assert_eq!(sizes(&mut queue), [1, 1, 1, 1]);
        assert_eq!(sizes(&mut queue), [1, 3]);
        assert_eq!(sizes(&mut queue), [2]);
        assert!(queue.batch().is_none());
    }

    #[test]
    fn one_that_does_not_fit_begins_the_next_batch() {
        let (jobs, mut queue) = queue(0, Duration::ZERO);
        [3, 2, 1].into_iter().for_each(|rows| jobs.send(job(rows)).unwrap());
        assert_eq!(sizes(&mut queue), [3]);
        assert_eq!(sizes(&mut queue), [2, 1]);
    }

    #[test]
    fn nobody_waits_for_nobody() {
        // It would wait for an hour.
        let (jobs, mut queue) = queue(0, Duration::from_secs(3600));
        jobs.send(job(1)).unwrap();
        assert_eq!(sizes(&mut queue), [1]);
    }

    #[test]
    fn what_is_coming_is_waited_for() {
        let (jobs, mut queue) = queue(1, Duration::from_secs(3600));
        jobs.send(job(1)).unwrap();
        let later = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(50));
            jobs.send(job(3)).unwrap();
        });
        assert_eq!(sizes(&mut queue), [1, 3]);
        later.join().unwrap();
    }

    #[test]
    fn what_does_not_come_is_not_waited_for_long() {
        let (jobs, mut queue) = queue(1, Duration::from_millis(20));
        jobs.send(job(1)).unwrap();
        assert_eq!(sizes(&mut queue), [1]);
    }
}
