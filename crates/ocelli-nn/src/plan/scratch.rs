//! Memory that a thread works in during one step of one chunk. It belongs to threads rather than to
//! chunks, so that it stays in a core's cache from chunk to chunk.

use std::sync::{Mutex, PoisonError};

use ocelli_kernels::sparse::Entry;

use super::PlanError;
use super::aligned::Aligned;

/// One thread's working memory; its contents mean nothing from one use to the next.
#[derive(Debug)]
pub(super) struct Scratch {
    pub(super) floats: Aligned<f32>,
    /// A list of winners.
    pub(super) entries: Aligned<Entry>,
}

impl Scratch {
    fn new((floats, entries): (usize, usize)) -> Result<Self, PlanError> {
        Ok(Self { floats: Aligned::zeros(floats)?, entries: Aligned::zeros(entries)? })
    }

    /// Bytes of one of so many floats and entries.
    pub(super) fn bytes((floats, entries): (usize, usize)) -> usize {
        floats * size_of::<f32>() + entries * size_of::<Entry>()
    }
}

/// The working memories of a plan: the one given back last is given out first.
#[derive(Debug)]
pub(super) struct ScratchPool {
    free: Mutex<Vec<Scratch>>,
    sizes: (usize, usize),
}

impl ScratchPool {
    /// Working memories of so many floats and entries for the threads of the calling pool.
    pub(super) fn new(sizes: (usize, usize)) -> Result<Self, PlanError> {
        let threads = rayon::current_num_threads();
        let free = (0..threads).map(|_| Scratch::new(sizes)).collect::<Result<_, _>>()?;
        Ok(Self { free: Mutex::new(free), sizes })
    }

    /// Runs `work` with a working memory that no other thread has.
    pub(super) fn with<R>(&self, work: impl FnOnce(&mut Scratch) -> R) -> R {
        let free = || self.free.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = free().pop();
        // A larger pool than the one that the plan was made in asks for more, once.
        let mut scratch =
            taken.unwrap_or_else(|| Scratch::new(self.sizes).expect("there is memory for another thread"));
        let result = work(&mut scratch);
        free().push(scratch);
        result
    }

    /// Bytes of one thread's working memory.
    pub(super) fn memory(&self) -> usize {
        Scratch::bytes(self.sizes)
    }
}
