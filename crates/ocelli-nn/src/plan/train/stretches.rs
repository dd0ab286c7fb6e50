//! Parameters cut for threads: into pieces of one length, and these into stretches of one parameter each.

use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};

use super::super::parameters::Segment;

/// Values that one task works on.
pub(super) const PIECE: usize = 16 * 1024;

/// A stretch of a parameter that lies within one piece.
#[derive(Clone, Debug)]
pub(super) struct Stretch {
    /// The parameter's segment.
    pub(super) segment: usize,
    /// Where it lies among all values.
    pub(super) range: Range<usize>,
}

/// All stretches in order, with room for what is summed over each: sums over parameters are sums over their stretches, in order,
/// whatever thread made which.
#[derive(Debug)]
pub(super) struct Stretches {
    list: Vec<Stretch>,
    /// The stretches of each piece.
    of_piece: Vec<Range<usize>>,
    /// The bits of two sums for each stretch.
    sums: Vec<[AtomicU64; 2]>,
    /// The sums of each segment.
    totals: Vec<[f64; 2]>,
}

impl Stretches {
    pub(super) fn new(segments: &[Segment], len: usize) -> Self {
        let mut list = Vec::new();
        let of_piece = |start: usize| {
            let end = len.min(start + PIECE);
            let first = list.len();
            for (segment, Segment { range, .. }) in segments.iter().enumerate() {
                let range = range.start.max(start)..range.end.min(end);
                if !range.is_empty() {
                    list.push(Stretch { segment, range });
                }
            }
            first..list.len()
        };
        let of_piece = (0..len).step_by(PIECE).map(of_piece).collect();
        let sums = list.iter().map(|_| Default::default()).collect();
        Self { list, of_piece, sums, totals: vec![[0.0; 2]; segments.len()] }
    }

    /// The stretches of a piece: their numbers, themselves, and where they lie within it.
    pub(super) fn of_piece(&self, piece: usize) -> impl Iterator<Item = (usize, &Stretch, Range<usize>)> {
        let (numbers, start) = (self.of_piece[piece].clone(), piece * PIECE);
        numbers.clone().zip(&self.list[numbers]).map(move |(number, stretch)| {
            (number, stretch, stretch.range.start - start..stretch.range.end - start)
        })
    }

    /// Keeps what was summed over a stretch.
    pub(super) fn keep(&self, stretch: usize, sums: [f64; 2]) {
        for (kept, sum) in self.sums[stretch].iter().zip(sums) {
            kept.store(sum.to_bits(), Ordering::Relaxed);
        }
    }

    /// Forgets what was found for segments: it is of another sum.
    pub(super) fn clear(&mut self) {
        self.totals.fill([0.0; 2]);
    }

    /// Adds up what was kept, for each segment.
    pub(super) fn add_up(&mut self) {
        self.clear();
        for (stretch, sums) in self.list.iter().zip(&self.sums) {
            for (total, sum) in self.totals[stretch.segment].iter_mut().zip(sums) {
                *total += f64::from_bits(sum.load(Ordering::Relaxed));
            }
        }
    }

    /// What [`add_up`](Stretches::add_up) found for a segment.
    pub(super) fn total(&self, segment: usize) -> [f64; 2] {
        self.totals[segment]
    }
}
