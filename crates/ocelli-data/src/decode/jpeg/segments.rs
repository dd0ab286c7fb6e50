//! What comes before a JPEG's first scan.

/// The segments of a JPEG up to the header of its first scan, that included.
pub(super) struct Segments<'a> {
    bytes: &'a [u8],
    at: usize,
    ended: bool,
}

/// One segment.
#[derive(Clone, Copy)]
pub(super) struct Segment<'a> {
    /// The byte that names it.
    pub(super) marker: u8,
    /// Where what it holds begins.
    pub(super) at: usize,
    /// What it holds; shorter than it says if the file ends before.
    pub(super) body: &'a [u8],
}

/// The marker of a scan's header.
pub(super) const SCAN: u8 = 0xda;

impl<'a> Segments<'a> {
    pub(super) fn of(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 2, ended: false }
    }
}

impl<'a> Iterator for Segments<'a> {
    type Item = Segment<'a>;

    fn next(&mut self) -> Option<Segment<'a>> {
        while !self.ended {
            let [first, marker, high, low] = *self.bytes.get(self.at..)?.first_chunk()?;
            match (first, marker) {
                // Fill bytes, markers that stand alone, and stray bytes between segments.
                (0xff, 0xff) => self.at += 1,
                (0xff, 0x01 | 0xd0..=0xd8) => self.at += 2,
                (0xff, _) => {
                    let len = usize::from(u16::from_be_bytes([high, low]));
                    let at = self.at + 4;
                    let end = (self.at + 2 + len).clamp(at, self.bytes.len().max(at));
                    self.at += 2 + len;
                    self.ended = marker == SCAN;
                    return Some(Segment { marker, at, body: self.bytes.get(at..end).unwrap_or_default() });
                }
                _ => self.at += 1,
            }
        }
        None
    }
}
