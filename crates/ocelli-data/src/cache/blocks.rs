//! Checksums of an image's rows, a few at a time: some can be read without the others and still be told from what is damaged.

use std::ops::Range;

use xxhash_rust::xxh3::xxh3_64;

/// Bytes of a block, about: what is read too much at either end stays little beside a photograph.
const BYTES: usize = 32 << 10;

/// How an image's rows are divided.
pub(super) struct Blocks {
    height: usize,
    row: usize,
    /// Rows of each block but the last.
    rows: usize,
}

impl Blocks {
    /// Of an image of `height` rows of `row` bytes.
    pub(super) fn of(height: usize, row: usize) -> Self {
        Self { height, row, rows: (BYTES / row.max(1)).max(1) }
    }

    /// Bytes of the checksums of all blocks.
    pub(super) fn sums_len(&self) -> usize {
        8 * self.height.div_ceil(self.rows)
    }

    /// The checksums of an image's blocks, one after the other.
    pub(super) fn sums(&self, pixels: &[u8]) -> Vec<u8> {
        self.cut(pixels).flat_map(|block| xxh3_64(block).to_le_bytes()).collect()
    }

    /// The rows of the blocks that these rows lie in; `None` if the image has them not.
    pub(super) fn around(&self, rows: Range<usize>) -> Option<Range<usize>> {
        let is_there = rows.start < rows.end && rows.end <= self.height;
        let first = rows.start / self.rows * self.rows;
        is_there.then(|| first..rows.end.next_multiple_of(self.rows).min(self.height))
    }

    /// Whether the blocks from row `first` on, which begins one, have the checksums that they should.
    pub(super) fn are_whole(&self, bytes: &[u8], first: usize, sums: &[u8]) -> bool {
        let sums = &sums.as_chunks::<8>().0[first / self.rows..];
        self.cut(bytes).zip(sums).all(|(block, sum)| xxh3_64(block) == u64::from_le_bytes(*sum))
    }

    fn cut<'a>(&self, pixels: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
        pixels.chunks((self.rows * self.row).max(1))
    }
}

/// One number for all checksums of an image.
pub(super) fn digest(sums: &[u8]) -> u64 {
    xxh3_64(sums)
}
