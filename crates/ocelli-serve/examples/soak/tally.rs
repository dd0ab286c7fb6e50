//! What was counted, and what was found wrong.

use std::sync::Mutex;
use std::time::{Duration, Instant};

/// Faults that are told; more are only counted.
const TOLD: usize = 20;

/// Counts of all clients.
pub(crate) struct Tally {
    begun: Instant,
    counts: Mutex<Counts>,
}

/// How much there was of each.
#[derive(Clone, Default)]
pub(crate) struct Counts {
    /// Right requests that were answered as they must be.
    pub(crate) right: u64,
    /// Wrong ones that were told what they must be.
    pub(crate) wrong: u64,
    /// Requests that their clients left.
    pub(crate) left: u64,
    /// Requests that took too long to be sent, and were told so.
    pub(crate) slow: u64,
    /// Connections that were opened.
    pub(crate) connections: u64,
    /// Times of right requests, in hundreds of microseconds.
    times: Vec<u32>,
    faults: u64,
    told: Vec<String>,
}

impl Tally {
    pub(crate) fn new() -> Self {
        Self { begun: Instant::now(), counts: Mutex::default() }
    }

    /// Since the soak has begun.
    pub(crate) fn elapsed(&self) -> Duration {
        self.begun.elapsed()
    }

    /// Counts.
    pub(crate) fn count(&self, change: impl FnOnce(&mut Counts)) {
        change(&mut self.counts.lock().expect("nobody panics while counting"));
    }

    /// Notes something that must not be.
    pub(crate) fn fault(&self, what: &str) {
        let at = self.elapsed().as_secs_f64();
        eprintln!("FAULT at {at:.1} s: {what}");
        self.count(|counts| {
            counts.faults += 1;
            if counts.told.len() < TOLD {
                counts.told.push(format!("at {at:.1} s: {what}"));
            }
        });
    }

    /// All of it.
    pub(crate) fn counts(&self) -> Counts {
        self.counts.lock().expect("nobody panics while counting").clone()
    }
}

impl Counts {
    /// Notes how long a right request took.
    pub(crate) fn took(&mut self, time: Duration) {
        self.right += 1;
        self.times.push((time.as_micros() / 100).try_into().unwrap_or(u32::MAX));
    }

    /// A line for people.
    pub(crate) fn line(&self) -> String {
        let Self { right, wrong, left, slow, connections, faults, .. } = self;
        format!(
            "right {right}, wrong {wrong}, left {left}, too slow {slow}; connections {connections}; {}; faults {faults}",
            self.quantiles()
        )
    }

    fn quantiles(&self) -> String {
        let mut times = self.times.clone();
        times.sort_unstable();
        let at = |share: f64| {
            let place = (times.len() as f64 * share) as usize;
            times.get(place.min(times.len().saturating_sub(1))).map_or(0.0, |time| f64::from(*time) / 10.0)
        };
        format!("ms at half, 99%, worst: {:.1}, {:.1}, {:.1}", at(0.5), at(0.99), at(1.0))
    }

    /// The first faults, if there were any.
    pub(crate) fn verdict(&self) -> Result<(), String> {
        if self.faults == 0 {
            return Ok(());
        }
        Err(format!("{} faults:\n{}", self.faults, self.told.join("\n")))
    }
}
