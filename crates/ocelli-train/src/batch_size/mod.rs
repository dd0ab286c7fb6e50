//! The batch-size finder: the largest batch that a budget of memory takes, and from which size on larger ones are hardly faster.
//!
//! Memory is counted, not tried: plans say what they take before they are made ([`TrainMemory`](ocelli_nn::plan::TrainMemory)), so that
//! looking for the largest size takes no memory itself. Speed is measured, by a few steps for each power of two.

mod fit;
mod memory;

pub use memory::BatchMemory;

pub(crate) use fit::largest;
pub(crate) use memory::{Evaluated, Loaded, Needs, Sets};

use serde::Serialize;

/// The most images of a batch, in recipes too.
pub(crate) const MOST: usize = 65_536;

/// What a search for a batch size came to.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct BatchSizes {
    /// Bytes that training may take.
    pub budget: u64,
    /// The largest batch that takes no more.
    pub largest: BatchMemory,
    /// Why it is no larger.
    pub limit: BatchLimit,
    /// Powers of two up to the largest, in order.
    pub measured: Vec<BatchSpeed>,
}

/// What a larger batch would exceed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum BatchLimit {
    /// The budget of memory.
    Memory,
    /// The number of training images.
    Images,
    /// The 65,536 images that a recipe may ask for.
    Most,
}

/// A batch size, and how fast training is with it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct BatchSpeed {
    /// What it takes.
    pub memory: BatchMemory,
    /// Images a second; `None` where a step would take longer than two seconds, judging by the size before: such sizes are not
    /// measured, unless it is the smallest.
    pub images_per_second: Option<f64>,
}

/// What is about to be measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Measuring {
    /// Its place among all sizes, from 0.
    pub place: usize,
    /// How many there are.
    pub of: usize,
    /// The batch size.
    pub batch_size: usize,
}

/// How far from the fastest a size may be and still be as good.
const AS_GOOD: f64 = 0.95;

impl BatchSizes {
    /// The fastest of the sizes that were measured.
    pub fn fastest(&self) -> Option<&BatchSpeed> {
        let speed = |size: &BatchSpeed| size.images_per_second.unwrap_or(0.0);
        self.measured.iter().max_by(|a, b| speed(a).total_cmp(&speed(b)))
    }

    /// The smallest of the measured sizes that is within 5% of the fastest: the one to begin with, for every step of a larger one is
    /// a step less in an epoch.
    pub fn suggested(&self) -> Option<&BatchSpeed> {
        let enough = AS_GOOD * self.fastest()?.images_per_second?;
        self.measured.iter().find(|size| size.images_per_second.is_some_and(|speed| speed >= enough))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(speeds: &[Option<f64>]) -> BatchSizes {
        let memory = |place: usize| BatchMemory { batch_size: 1 << place, ..BatchMemory::default() };
        let speeds = speeds.iter().enumerate();
        let measured: Vec<_> = speeds
            .map(|(place, speed)| BatchSpeed { memory: memory(place), images_per_second: *speed })
            .collect();
        BatchSizes { budget: 1, largest: memory(9), limit: BatchLimit::Memory, measured }
    }

    #[test]
    fn the_smallest_that_is_almost_the_fastest_is_suggested() {
        let suggested = |speeds: &[Option<f64>]| found(speeds).suggested().map(|size| size.memory.batch_size);
        assert_eq!(suggested(&[Some(10.0), Some(94.0), Some(96.0), Some(100.0), Some(99.0)]), Some(4));
        assert_eq!(suggested(&[Some(100.0), Some(50.0), None]), Some(1));
        assert_eq!(suggested(&[]), None);
        assert_eq!(found(&[Some(1.0), Some(3.0), Some(2.0), None]).fastest().unwrap().memory.batch_size, 2);
    }
}
