//! Samples that are cheap to read one after the other.

use std::ops::Range;

/// A run of samples that lie together: in one shard, in one row group.
///
/// A loader reads the stretches of a dataset in random order and shuffles the samples of a few at a time, instead of jumping from
/// sample to sample.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Stretch {
    /// The samples.
    pub samples: Range<usize>,
    /// About how many bytes they take where they lie.
    pub bytes: u64,
}

impl Stretch {
    /// Cuts samples, each in a file and of so many bytes, into stretches of one file and about `most` bytes.
    pub(super) fn cut(samples: impl IntoIterator<Item = (u64, u64)>, most: u64) -> Vec<Self> {
        let mut stretches: Vec<Self> = Vec::new();
        let mut last = None;
        for (index, (file, bytes)) in samples.into_iter().enumerate() {
            match stretches.last_mut() {
                Some(stretch) if last == Some(file) && stretch.bytes < most => {
                    stretch.samples.end = index + 1;
                    stretch.bytes += bytes;
                }
                _ => stretches.push(Self { samples: index..index + 1, bytes }),
            }
            last = Some(file);
        }
        stretches
    }

    /// The stretches of some samples of a dataset that has these.
    pub(super) fn of_subset(stretches: &[Self], indices: &[usize]) -> Vec<Self> {
        let spans = indices.iter().filter_map(|&index| {
            let place = stretches.partition_point(|stretch| stretch.samples.end <= index);
            let stretch = stretches.get(place)?;
            Some((place as u64, stretch.bytes / stretch.samples.len().max(1) as u64))
        });
        Self::cut(spans, u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stretches_end_with_their_file_or_when_they_are_large() {
        let cut = Stretch::cut([(0, 4), (0, 4), (0, 4), (1, 4), (1, 20), (1, 1)], 8);
        let of = |samples: Range<usize>, bytes| Stretch { samples, bytes };
        assert_eq!(cut, [of(0..2, 8), of(2..3, 4), of(3..5, 24), of(5..6, 1)]);
        assert_eq!(Stretch::of_subset(&cut, &[0, 2, 3, 4]), [of(0..1, 4), of(1..2, 4), of(2..4, 24)]);
        assert_eq!(Stretch::of_subset(&[], &[0, 2]), []);
    }
}
