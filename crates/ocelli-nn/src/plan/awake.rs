//! Threads that stay awake through a plan's steps: waking one for each step would take longer than many
//! a step of one image.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use rayon::Yield;

/// How often a thread looks for work before it lets the system run something else.
const LOOKS: u32 = 1000;

/// Runs `work` while the other threads of the calling pool wait for its parallel parts without going to sleep.
pub(super) fn awake<R: Send>(work: impl FnOnce() -> R + Send) -> R {
    let watch = Watch { home: AtomicUsize::new(usize::MAX), done: AtomicBool::new(false) };
    let all = rayon::current_num_threads();
    let (result, ()) = rayon::join(
        || {
            watch.home.store(rayon::current_thread_index().unwrap_or(usize::MAX), Ordering::Relaxed);
            // Set even if the work panics: join waits for the watch.
            let _end = End(&watch.done);
            work()
        },
        || watch.keep(all.saturating_sub(1)),
    );
    result
}

struct Watch {
    /// The thread that does the work, and must not wait for itself.
    home: AtomicUsize,
    done: AtomicBool,
}

struct End<'w>(&'w AtomicBool);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

impl Watch {
    /// Keeps so many threads awake.
    fn keep(&self, threads: usize) {
        match threads {
            0 => {}
            1 => self.attend(),
            _ => {
                rayon::join(|| self.attend(), || self.keep(threads - 1));
            }
        }
    }

    /// Does parts of the work, or whatever else the pool has, until it is done.
    fn attend(&self) {
        let mut looks = 0;
        while !self.done.load(Ordering::Acquire) {
            if rayon::current_thread_index() == Some(self.home.load(Ordering::Relaxed)) {
                return;
            }
            if rayon::yield_now() == Some(Yield::Executed) {
                looks = 0;
            } else if looks < LOOKS {
                looks += 1;
                std::hint::spin_loop();
            } else {
                std::thread::yield_now();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use rayon::prelude::*;

    use super::*;

    #[test]
    fn work_is_done_once_and_ends() {
        for threads in 1..4 {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            for inside in [false, true] {
                let work = || (0..100).map(|_| (0..64u64).into_par_iter().sum::<u64>()).sum::<u64>();
                let sum = if inside {
                    pool.install(|| awake(work))
                } else {
                    pool.install(|| rayon::join(|| awake(work), || 0).0)
                };
                assert_eq!(sum, 100 * 2016);
            }
        }
    }

    #[test]
    fn a_panic_comes_through() {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build().unwrap();
        let result = catch_unwind(AssertUnwindSafe(|| pool.install(|| awake(|| panic!("it breaks")))));
        assert!(result.is_err());
    }
}
