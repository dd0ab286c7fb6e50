//! Ways to damage a file, the same in every run.

/// Numbers that look random, the same in every run.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn below(&mut self, below: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % below.max(1)
    }

    /// A few bytes changed, a stretch put into another place, or the end cut off.
    pub(crate) fn damage(&mut self, whole: &[u8]) -> Vec<u8> {
        let mut bytes = whole.to_vec();
        for _ in 0..=self.below(4) {
            let at = self.below(bytes.len());
            let flipped = bytes[at] ^ 1 << self.below(8);
            bytes[at] = [self.below(256) as u8, 0, 0xff, 0x7f, 0x80, flipped][self.below(6)];
        }
        if self.below(4) == 0 {
            let (from, to) = (self.below(bytes.len()), self.below(bytes.len()));
            let length = self.below(64).min(bytes.len() - from.max(to));
            bytes.copy_within(from..from + length, to);
        }
        if self.below(5) == 0 {
            bytes.truncate(self.below(bytes.len()));
        }
        bytes
    }
}

/// The file cut at about so many places, the empty file first.
pub(crate) fn cut(whole: &[u8], places: usize) -> impl Iterator<Item = &[u8]> {
    (0..whole.len()).step_by((whole.len() / places).max(1)).map(|len| &whole[..len])
}

/// The file with huge numbers, of two, four and eight bytes, in either order of bytes, at about so many places; at all of the
/// first hundred, where headers are.
pub(crate) fn huge_numbers(whole: &[u8], places: usize) -> impl Iterator<Item = Vec<u8>> {
    const HUGE: [&[u8]; 7] = [
        &[0xff; 8],
        &[0xff; 4],
        &[0x7f, 0xff, 0xff, 0xff],
        &[0xff, 0xff, 0xff, 0x7f],
        &[0, 0, 0, 0x40],
        &[0xff; 2],
        &[0; 4],
    ];
    let step = (whole.len() / places).max(1);
    let at = (0..whole.len().min(100)).chain((100..whole.len()).step_by(step));
    at.flat_map(move |at| {
        HUGE.map(|number| {
            let mut bytes = whole.to_vec();
            let end = (at + number.len()).min(bytes.len());
            bytes[at..end].copy_from_slice(&number[..end - at]);
            bytes
        })
    })
}
