//! Memory that begins with a cache line: a vector that straddles two costs twice.

use std::ops::{Deref, DerefMut};

use super::PlanError;

/// Bytes of a cache line, and of the longest vector.
const LINE: usize = 64;

/// Values of which the first begins a cache line.
#[derive(Debug)]
pub(super) struct Aligned<T> {
    /// Never grows: it would move.
    all: Vec<T>,
    start: usize,
    len: usize,
}

impl<T: Clone + Default> Aligned<T> {
    /// `len` zeros.
    ///
    /// # Errors
    /// If there is no memory for them.
    pub(super) fn zeros(len: usize) -> Result<Self, PlanError> {
        let more = len.saturating_add(LINE / size_of::<T>());
        let mut all: Vec<T> = Vec::new();
        all.try_reserve_exact(more).map_err(|_| PlanError::memory(len.saturating_mul(size_of::<T>())))?;
        drop(all);
        // Asked for anew as zeros, pages that are never used cost nothing.
        let all = vec![T::default(); more];
        let start = all.as_ptr().align_offset(LINE).min(more - len);
        Ok(Self { all, start, len })
    }
}

impl<T> Deref for Aligned<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.all[self.start..self.start + self.len]
    }
}

impl<T> DerefMut for Aligned<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        &mut self.all[self.start..self.start + self.len]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn begins_with_a_line() {
        for len in [0, 1, 15, 16, 1000, 1 << 20] {
            let mut floats = Aligned::<f32>::zeros(len).expect("so many fit memory");
            assert_eq!((floats.len(), floats.as_ptr() as usize % LINE), (len, 0));
            assert!(floats.iter().all(|&value| value == 0.0));
            floats.fill(1.0);
            let places = Aligned::<u16>::zeros(len).expect("so many fit memory");
            assert_eq!((places.len(), places.as_ptr() as usize % LINE), (len, 0));
        }
        let error = Aligned::<f32>::zeros(usize::MAX / 2).expect_err("more than any memory");
        assert!(error.to_string().contains("memory"), "{error}");
    }
}
