//! One chunk's memory: where every buffer lies, decided ahead. Buffers whose lives do not meet share
//! their place.

use std::ops::Range;

/// Steps of the plan at which a buffer is in use, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Life {
    pub(super) from: usize,
    pub(super) to: usize,
}

impl Life {
    pub(super) fn at(step: usize) -> Self {
        Self { from: step, to: step }
    }

    pub(super) fn stretch(&mut self, step: usize) {
        self.from = self.from.min(step);
        self.to = self.to.max(step);
    }

    fn meets(self, other: Self) -> bool {
        self.from <= other.to && other.from <= self.to
    }
}

/// Places buffers first-fit, in the order in which they are asked for.
#[derive(Debug, Default)]
pub(super) struct Layout {
    placed: Vec<(Range<usize>, Vec<Life>)>,
    len: usize,
}

/// Buffers start at multiples of this many elements: a cache line of floats.
const ALIGNMENT: usize = 16;

impl Layout {
    pub(super) fn place(&mut self, len: usize, life: Life) -> Range<usize> {
        self.place_for(len, &[life])
    }

    /// A place for a buffer that lives several times; between, others may have it.
    pub(super) fn place_for(&mut self, len: usize, lives: &[Life]) -> Range<usize> {
        let len = len.next_multiple_of(ALIGNMENT);
        let mut taken: Vec<_> = self
            .placed
            .iter()
            .filter(|(_, others)| others.iter().any(|other| lives.iter().any(|life| other.meets(*life))))
            .map(|(range, _)| range.clone())
            .collect();
        taken.sort_by_key(|range| range.start);
        let mut start = 0;
        for range in taken {
            if start + len <= range.start {
                break;
            }
            start = start.max(range.end);
        }
        let range = start..start + len;
        self.len = self.len.max(range.end);
        self.placed.push((range.clone(), lives.to_vec()));
        range
    }

    /// Elements in all.
    pub(super) fn len(&self) -> usize {
        self.len
    }
}

/// A slice of `memory` to write and others to read. Those to read may be the same; none may
/// overlap the one to write.
///
/// # Panics
/// If one does, or lies outside the memory: a plan that places buffers wrongly.
pub(super) fn disjoint<T, const N: usize>(
    memory: &mut [T],
    write: Range<usize>,
    reads: [Range<usize>; N],
) -> (&mut [T], [&[T]; N]) {
    let (before, rest) = memory.split_at_mut(write.start);
    let (written, after) = rest.split_at_mut(write.len());
    let (before, after): (&[T], &[T]) = (before, after);
    let reads = reads.map(|read| {
        if read.end <= write.start {
            &before[read]
        } else {
            &after[read.start - write.end..read.end - write.end]
        }
    });
    (written, reads)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn living_buffers_never_overlap(
            asked in prop::collection::vec((1usize..100, 0usize..20, 0usize..5), 1..40),
        ) {
            let mut layout = Layout::default();
            let placed: Vec<_> = asked
                .iter()
                .map(|&(len, from, length)| {
                    let life = Life { from, to: from + length };
                    (layout.place(len, life), life)
                })
                .collect();
            for (i, (a, life)) in placed.iter().enumerate() {
                prop_assert!(a.end <= layout.len());
                for (b, other) in &placed[..i] {
                    prop_assert!(!life.meets(*other) || a.end <= b.start || b.end <= a.start);
                }
            }
        }
    }

    #[test]
    fn a_dead_buffers_place_is_used_again() {
        let mut layout = Layout::default();
        let a = layout.place(16, Life { from: 0, to: 1 });
        let b = layout.place(16, Life { from: 1, to: 2 });
        let c = layout.place(16, Life { from: 2, to: 3 });
        assert_eq!((a.start, b.start, c.start, layout.len()), (0, 16, 0, 32));
    }

    #[test]
    fn a_place_is_free_between_lives() {
        let mut layout = Layout::default();
        let twice = layout.place_for(16, &[Life { from: 0, to: 1 }, Life { from: 5, to: 6 }]);
        let between = layout.place(16, Life { from: 2, to: 4 });
        let over = layout.place(16, Life { from: 4, to: 5 });
        assert_eq!((twice.start, between.start, over.start), (0, 0, 16));
    }

    #[test]
    fn disjoint_slices_may_share_what_is_read() {
        let mut memory = [1, 2, 3, 4, 5, 6];
        let (write, [a, b, c]) = disjoint(&mut memory, 2..4, [0..2, 4..6, 0..1]);
        assert_eq!((&*write, a, b, c), (&[3, 4][..], &[1, 2][..], &[5, 6][..], &[1][..]));
    }
}
