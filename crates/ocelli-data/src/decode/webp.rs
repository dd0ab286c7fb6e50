//! Looks at a WebP's chunks before a decoder does: of a chunk's length and of the size of a picture within the canvas it believes
//! what is written.

use super::{Failure, Limits};
use crate::ErrorKind;

/// Most chunks that are looked at.
const MOST_CHUNKS: usize = 1 << 16;

/// Checks the pictures within the file, and that the metadata that will be asked for is there. `bytes` may be only the
/// beginning of a file.
///
/// # Errors
/// If a picture passes the limits, or the metadata lies behind the end.
pub(super) fn check(bytes: &[u8], limits: &Limits) -> Result<(), Failure> {
    // After `RIFF`, a length and `WEBP`.
    chunks(bytes.get(12..).unwrap_or_default(), limits, true)
}

fn chunks(mut rest: &[u8], limits: &Limits, may_be_cut: bool) -> Result<(), Failure> {
    for _ in 0..MOST_CHUNKS {
        let Some((&[a, b, c, d, l0, l1, l2, l3], contents)) = rest.split_first_chunk() else { break };
        let len = u32::from_le_bytes([l0, l1, l2, l3]) as usize;
        let is_whole = len <= contents.len();
        match &[a, b, c, d] {
            b"EXIF" if !is_whole => {
                let reason =
                    format!("is a truncated WebP: its metadata has {len} bytes, {} are left", contents.len());
                return Err(Failure::new(ErrorKind::Truncated, reason));
            }
            b"VP8 " => check_size(limits, lossy_size(contents))?,
            b"VP8L" => check_size(limits, lossless_size(contents))?,
            b"ANMF" if may_be_cut => {
                check_size(limits, frame_size(contents))?;
                // A frame has chunks of its own, behind sixteen bytes.
                let frame = &contents[..len.min(contents.len())];
                chunks(frame.get(16..).unwrap_or_default(), limits, false)?;
            }
            _ => {}
        }
        // Chunks are filled up to an even length.
        let Some(next) = contents.get(len.saturating_add(len % 2)..) else { break };
        rest = next;
    }
    Ok(())
}

/// # Errors
/// If there is a size (width, height) that passes the limits. Where there is none, the decoder says so.
fn check_size(limits: &Limits, size: Option<(u32, u32)>) -> Result<(), Failure> {
    match size {
        Some((width, height)) if width > 0 && height > 0 => limits.check(height as usize, width as usize),
        _ => Ok(()),
    }
}

/// The size of a lossy picture: three bytes, a start code, and two numbers of 14 bits.
fn lossy_size(contents: &[u8]) -> Option<(u32, u32)> {
    match contents {
        [_, _, _, 0x9d, 0x01, 0x2a, w0, w1, h0, h1, ..] => {
            let side = |low: u8, high: u8| u32::from(u16::from_le_bytes([low, high]) & 0x3fff);
            Some((side(*w0, *w1), side(*h0, *h1)))
        }
        _ => None,
    }
}

/// The size of a lossless picture: a signature, and two numbers of 14 bits, each one less.
fn lossless_size(contents: &[u8]) -> Option<(u32, u32)> {
    match contents {
        [0x2f, a, b, c, d, ..] => {
            let bits = u32::from_le_bytes([*a, *b, *c, *d]);
            Some(((bits & 0x3fff) + 1, (bits >> 14 & 0x3fff) + 1))
        }
        _ => None,
    }
}

/// The size of a frame: its place, and two numbers of 24 bits, each one less.
fn frame_size(contents: &[u8]) -> Option<(u32, u32)> {
    match contents {
        [_, _, _, _, _, _, w0, w1, w2, h0, h1, h2, ..] => {
            let side = |bytes: [&u8; 3]| u32::from_le_bytes([*bytes[0], *bytes[1], *bytes[2], 0]) + 1;
            Some((side([w0, w1, w2]), side([h0, h1, h2])))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits { max_pixels: 100, max_file_bytes: 1000 };

    fn chunk(kind: &[u8; 4], contents: &[u8]) -> Vec<u8> {
        [&kind[..], &(contents.len() as u32).to_le_bytes(), contents].concat()
    }

    fn checked(chunks: &[u8]) -> Option<ErrorKind> {
        let file = [b"RIFF____WEBP", chunks].concat();
        check(&file, &LIMITS).err().map(|failure| failure.kind)
    }

    #[test]
    fn pictures_within_the_canvas_keep_to_the_limits() {
        let lossy = |side: u8| chunk(b"VP8 ", &[0, 0, 0, 0x9d, 1, 0x2a, side, 0, side, 0x40]);
        let lossless = |side: u8| chunk(b"VP8L", &[0x2f, side - 1, (side - 1) << 6, (side - 1) >> 2, 0]);
        let frame = |side: u8, inner: &[u8]| {
            let about = [0, 0, 0, 0, 0, 0, side - 1, 0, 0, side - 1, 0, 0, 0, 0, 0, 0];
            chunk(b"ANMF", &[&about, inner].concat())
        };
        for fits in [lossy(10), lossless(10), frame(10, &lossy(10)), chunk(b"VP8L", &[1, 2])] {
            assert_eq!(checked(&[chunk(b"odd ", &[0, 0]), fits].concat()), None);
        }
        for large in [lossy(11), lossless(11), frame(11, &[]), frame(10, &lossless(11))] {
            assert_eq!(checked(&[chunk(b"odd ", &[0, 0]), large].concat()), Some(ErrorKind::TooLarge));
        }
    }

    #[test]
    fn metadata_is_there_or_the_file_is_cut() {
        let whole = chunk(b"EXIF", &[1; 8]);
        assert_eq!(checked(&whole), None);
        assert_eq!(checked(&whole[..15]), Some(ErrorKind::Truncated));
        let long = [&b"EXIF"[..], &[0xff; 4]].concat();
        assert_eq!(checked(&long), Some(ErrorKind::Truncated));
        assert_eq!(checked(&[&b"XMP "[..], &[0xff; 4], &[0; 40]].concat()), None, "nobody asks for it");
    }
}
