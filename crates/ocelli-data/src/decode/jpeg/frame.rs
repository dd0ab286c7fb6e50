//! What a JPEG says of its picture before the first scan.

use image::metadata::Orientation;

use super::segments::{SCAN, Segments};
use crate::ErrorKind;
use crate::decode::Failure;

/// What a JPEG's segments say of its picture.
#[derive(Clone, Copy)]
pub(super) struct Frame {
    pub(super) height: usize,
    pub(super) width: usize,
    /// 1 grey, 3 colours, 4 inks.
    pub(super) components: usize,
    pub(super) orientation: Orientation,
    /// Where its height is written.
    pub(super) height_at: usize,
    /// Whether one scan has all of it, from top to bottom.
    pub(super) is_one_scan: bool,
    /// Rows and columns that are coded together.
    pub(super) unit: (usize, usize),
}

impl Frame {
    /// Of a file that starts with `bytes`.
    pub(super) fn of(bytes: &[u8]) -> Result<Self, Failure> {
        let mut frame = None;
        let mut orientation = Orientation::NoTransforms;
        for segment in Segments::of(bytes) {
            match segment.marker {
                // All frames that there are; in between, these name tables and what is reserved.
                0xc4 | 0xc8 | 0xcc => {}
                marker @ 0xc0..=0xcf => {
                    let parsed = Self::parse(segment.body, segment.at);
                    frame = Some((marker, parsed.ok_or_else(|| corrupt("its frame header is not whole"))?));
                }
                0xe1 => {
                    let exif = segment.body.strip_prefix(b"Exif\0\0");
                    orientation = exif.and_then(Orientation::from_exif_chunk).unwrap_or(orientation);
                }
                SCAN => {
                    let (marker, frame) = frame.ok_or_else(|| corrupt("has no JPEG frame header"))?;
                    let in_scan = segment.body.first().map_or(0, |count| usize::from(*count));
                    let is_one_scan = marker <= 0xc1 && in_scan == frame.components;
                    return Ok(Self { is_one_scan, orientation, ..frame });
                }
                _ => {}
            }
        }
        Err(Failure::new(ErrorKind::Truncated, "is a truncated JPEG: it ends before its picture begins"))
    }

    /// What a frame's header holds, which lies at a place of the file.
    fn parse(body: &[u8], at: usize) -> Option<Self> {
        let [_precision, height @ .., _] = body.first_chunk::<4>()?;
        let height = usize::from(u16::from_be_bytes(*height));
        let width = usize::from(u16::from_be_bytes(*body.get(3..5)?.first_chunk()?));
        let components = usize::from(*body.get(5)?);
        let factors = body.get(6..6 + 3 * components)?.as_chunks::<3>().0;
        let highest =
            |shift: u8| factors.iter().map(|[_, factors, _]| usize::from((factors >> shift) & 15)).max();
        Some(Self {
            height,
            width,
            components,
            orientation: Orientation::NoTransforms,
            height_at: at + 1,
            is_one_scan: false,
            unit: (8 * highest(0)?.max(1), 8 * highest(4)?.max(1)),
        })
    }
}

fn corrupt(reason: &str) -> Failure {
    Failure::new(ErrorKind::Corrupt, format!("is a corrupt JPEG: {reason}"))
}
