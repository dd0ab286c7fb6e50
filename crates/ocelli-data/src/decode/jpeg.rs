//! JPEG. A file that ends before its picture does is an error.

use image::metadata::Orientation;
use zune_core::bytestream::ZCursor;
use zune_core::colorspace::ColorSpace;
use zune_core::options::DecoderOptions;
use zune_jpeg::JpegDecoder;
use zune_jpeg::errors::DecodeErrors;

use super::convert::Layout;
use super::{Failure, Limits, Raw};
use crate::ErrorKind;

/// What a JPEG's header says.
pub(super) struct JpegHeader {
    pub(super) height: usize,
    pub(super) width: usize,
    pub(super) is_grey: bool,
    pub(super) orientation: Orientation,
}

type Decoder<'a> = JpegDecoder<ZCursor<&'a [u8]>>;

fn open(bytes: &[u8], strict: bool) -> Result<(Decoder<'_>, JpegHeader), Failure> {
    let options = DecoderOptions::default()
        .set_strict_mode(strict)
        .set_max_width(usize::MAX)
        .set_max_height(usize::MAX);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), options);
    decoder.decode_headers().map_err(|error| failure(&error, false))?;
    let (Some((width, height)), Some(colours)) = (decoder.dimensions(), decoder.input_colorspace()) else {
        return Err(Failure::new(ErrorKind::Corrupt, "has no JPEG frame header"));
    };
    let orientation = decoder
        .exif()
        .and_then(|exif| Orientation::from_exif_chunk(exif))
        .unwrap_or(Orientation::NoTransforms);
    let header = JpegHeader { height, width, is_grey: colours == ColorSpace::Luma, orientation };
    let wanted = if header.is_grey { ColorSpace::Luma } else { ColorSpace::RGB };
    decoder.set_options(decoder.options().jpeg_set_out_colorspace(wanted));
    Ok((decoder, header))
}

/// Reads the header of a JPEG that starts with `bytes`.
pub(super) fn header(bytes: &[u8]) -> Result<JpegHeader, Failure> {
    open(bytes, false).map(|(_, header)| header)
}

/// Decodes a whole JPEG.
pub(super) fn decode(bytes: &[u8], limits: &Limits) -> Result<Raw, Failure> {
    // The decoder fills what is missing with grey unless it is strict, and when strict it refuses harmless
    // oddities of real files too: so it is strict only with files that show no end.
    let is_cut = !has_end(bytes);
    let (mut decoder, header) = open(bytes, is_cut)?;
    limits.check(header.height, header.width)?;
    let pixels = decoder.decode().map_err(|error| failure(&error, is_cut))?;
    let samples = if header.is_grey { 1 } else { 3 };
    if pixels.len() != header.height * header.width * samples {
        return Err(Failure::new(ErrorKind::Unsupported, "has a colour space that is not read here"));
    }
    Ok(Raw {
        height: header.height,
        width: header.width,
        layout: Layout { samples, depth: 1 },
        bytes: pixels,
        orientation: header.orientation,
    })
}

/// Whether an end-of-image marker follows the first scan's header (an embedded thumbnail's comes before it).
fn has_end(bytes: &[u8]) -> bool {
    let Some(scan) = start_of_scan(bytes) else {
        return false;
    };
    bytes[scan..].windows(2).rev().any(|pair| pair == [0xff, 0xd9])
}

/// Where the first start-of-scan marker is, walking the segments from the start.
fn start_of_scan(bytes: &[u8]) -> Option<usize> {
    let mut at = 2;
    loop {
        match *bytes.get(at..at + 4)? {
            [0xff, 0xda, ..] => return Some(at),
            // Fill bytes, and markers that stand alone.
            [0xff, 0xff, ..] => at += 1,
            [0xff, 0x01 | 0xd0..=0xd8, ..] => at += 2,
            [0xff, _, high, low] => at += 2 + usize::from(u16::from_be_bytes([high, low])),
            // Stray bytes between segments.
            _ => at += 1,
        }
    }
}

/// What the decoder said; with a file that shows no end, that is why.
fn failure(error: &DecodeErrors, is_cut: bool) -> Failure {
    let said = error.to_string();
    let said = said.trim().trim_end_matches('.');
    let kind = match error {
        DecodeErrors::Unsupported(_) => ErrorKind::Unsupported,
        DecodeErrors::LargeDimensions(_) => ErrorKind::TooLarge,
        DecodeErrors::ExhaustedData => ErrorKind::Truncated,
        _ if is_cut || ends_early(said) => ErrorKind::Truncated,
        _ => ErrorKind::Corrupt,
    };
    let reason = match kind {
        ErrorKind::Truncated => format!("is a truncated JPEG: {said}"),
        ErrorKind::Unsupported => format!("is a JPEG that is not read here: {said}"),
        _ => format!("is a corrupt JPEG: {said}"),
    };
    Failure::new(kind, reason)
}

fn ends_early(said: &str) -> bool {
    ["Premature", "premature", "exhausted", "Exhausted", "EOF", "end of", "Not enough"]
        .iter()
        .any(|sign| said.contains(sign))
}
