//! A cheap look at an image file: what its header says, and whether it shows an end.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use image::metadata::Orientation;
use serde::{Deserialize, Serialize};

use super::{FileFormat, Limits, guarded, jpeg, open_regular, raster, read, read_bytes};
use crate::{Channels, DataError};

/// What an image file's header says.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Header {
    /// The format, by content.
    pub format: FileFormat,
    /// Rows, after orientation.
    pub height: usize,
    /// Columns, after orientation.
    pub width: usize,
    /// Whether the file holds grey or colours. Palettes count as colours.
    pub channels: Channels,
    /// The EXIF orientation, 1 (upright) to 8; height and width are those after it was undone.
    pub orientation: u8,
}

/// Bytes read from the start of a file: enough for the header of nearly every image.
const HEAD: usize = 64 << 10;
/// Bytes read from the end.
const TAIL: u64 = 4 << 10;

/// Reads the header of the image file at `path` and looks at its end.
///
/// A file that does not end as its format does is decoded to see whether it is whole; every other
/// file costs two small reads.
///
/// # Errors
/// If the file cannot be read, is not an image in a known format, passes the limits, or is truncated.
pub fn header(path: impl AsRef<Path>, limits: &Limits) -> Result<Header, DataError> {
    let path = path.as_ref();
    let (mut file, len) = open_regular(path, limits)?;
    let mut head = Vec::with_capacity(HEAD.min(len as usize));
    file.by_ref().take(HEAD as u64).read_to_end(&mut head).map_err(|e| DataError::io(path, &e))?;
    let found = match parse(&head, limits) {
        Err(_) if len > head.len() as u64 => parse(&read_bytes(path, limits)?, limits),
        found => found,
    };
    let header = found.map_err(|failure| failure.at(path))?;
    let tail = tail(&mut file, len, &head).map_err(|e| DataError::io(path, &e))?;
    if !shows_end(header.format, &head, &tail, len) {
        read(path, header.channels, limits)?;
    }
    Ok(header)
}

/// Reads the header of an image that is in memory, whole or only its start; `name` is what errors call it.
///
/// # Errors
/// If it is not an image in a known format, passes the limits, or the header is not whole.
pub fn header_of(bytes: &[u8], name: &str, limits: &Limits) -> Result<Header, DataError> {
    parse(bytes, limits).map_err(|failure| DataError::about(failure.kind, name, failure.reason))
}

fn parse(bytes: &[u8], limits: &Limits) -> Result<Header, super::Failure> {
    guarded(|| {
        let format = FileFormat::of(bytes)?;
        let (height, width, is_grey, orientation) = if format == FileFormat::Jpeg {
            let header = jpeg::header(bytes)?;
            (header.height, header.width, header.is_grey, header.orientation)
        } else {
            let header = raster::header(bytes, format, limits)?;
            let is_grey = header.layout.samples < 3;
            (header.height, header.width, is_grey, header.orientation)
        };
        limits.check(height, width)?;
        let (height, width) = if turns(orientation) { (width, height) } else { (height, width) };
        let channels = if is_grey { Channels::Grey } else { Channels::Rgb };
        Ok(Header { format, height, width, channels, orientation: orientation.to_exif() })
    })
}

/// Whether an orientation swaps height and width.
fn turns(orientation: Orientation) -> bool {
    matches!(
        orientation,
        Orientation::Rotate90
            | Orientation::Rotate270
            | Orientation::Rotate90FlipH
            | Orientation::Rotate270FlipH
    )
}

fn tail(file: &mut File, len: u64, head: &[u8]) -> std::io::Result<Vec<u8>> {
    if len <= head.len() as u64 {
        return Ok(head[head.len().saturating_sub(TAIL as usize)..].to_vec());
    }
    file.seek(SeekFrom::Start(len.saturating_sub(TAIL)))?;
    let mut tail = Vec::with_capacity(TAIL as usize);
    file.take(TAIL).read_to_end(&mut tail)?;
    Ok(tail)
}

/// Whether a file ends as a whole file of its format does. A wrong no costs one decoding.
fn shows_end(format: FileFormat, head: &[u8], tail: &[u8], len: u64) -> bool {
    let declared = |at: usize| {
        head.get(at..at + 4)
            .and_then(|bytes| bytes.try_into().ok())
            .map_or(u64::MAX, |bytes| u64::from(u32::from_le_bytes(bytes)))
    };
    match format {
        FileFormat::Jpeg => tail.ends_with(&[0xff, 0xd9]),
        FileFormat::Png => tail.windows(4).any(|name| name == b"IEND"),
        FileFormat::Gif => tail.ends_with(&[0x3b]),
        FileFormat::WebP => declared(4).saturating_add(8) <= len,
        FileFormat::Bmp => declared(2) <= len,
        // A TIFF's parts lie anywhere in it: decoding tells.
        FileFormat::Tiff => true,
    }
}
