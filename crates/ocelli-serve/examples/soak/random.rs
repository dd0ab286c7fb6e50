//! Numbers that look random and can be had again.

use ocelli_kernels::random::Stream;

/// Choices among things that are counted.
pub(crate) struct Random(Stream);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(Stream::new(seed, 0, 0, 0))
    }

    /// A number from 0 to less than `count`.
    pub(crate) fn below(&mut self, count: usize) -> usize {
        self.0.below(u32::try_from(count).expect("things in memory")) as usize
    }
}
