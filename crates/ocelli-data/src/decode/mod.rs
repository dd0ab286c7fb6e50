//! Image files become 8-bit images with the channels asked for.
//!
//! PNG, JPEG, WebP, BMP, GIF (its first frame) and TIFF, told apart by their first bytes, never by
//! their name. Pixels become what Pillow's `convert("RGB")` and `convert("L")` give, which is what
//! torchvision's `ImageFolder` feeds a network:
//!
//! - alpha is dropped, not composited: the colours of transparent pixels stay what the file says;
//! - palettes are expanded (but a TIFF that has one is refused), grey is repeated for RGB, colour becomes grey by
//!   `(19595 R + 38470 G + 7471 B + 32768) >> 16`;
//! - 16-bit channels keep their high byte, as Pillow keeps it of 16-bit RGB (16-bit grey Pillow clips at 255 instead);
//! - colour profiles are not applied;
//! - EXIF orientation is applied, which torchvision leaves to the user.
//!
//! Files are taken to be hostile: [`Limits`] are checked on the header before anything is allocated,
//! a file that ends early is an error and not a grey area, and a decoder that panics is an error that names the file.

mod convert;
mod format;
mod jpeg;
mod raster;
mod scan;
mod tiff;
mod webp;

use std::fs::File;
use std::io::Read;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use serde::{Deserialize, Serialize};

pub(crate) use convert::luma;
pub use format::FileFormat;
pub use scan::{Header, header, header_of};

use crate::transforms::functional;
use crate::{Channels, DataError, ErrorKind, Image, Portion, Wanted};

/// What a file may ask for before it is refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Most pixels of one image, height × width. Default: 64 Mi (8,192 × 8,192).
    pub max_pixels: u64,
    /// Most bytes of one image file. Default: 256 MiB.
    pub max_file_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { max_pixels: 64 << 20, max_file_bytes: 256 << 20 }
    }
}

impl Limits {
    /// Refuses a `height × width` image before it is decoded.
    fn check(&self, height: usize, width: usize) -> Result<(), Failure> {
        if height == 0 || width == 0 {
            return Err(Failure::new(
                ErrorKind::Corrupt,
                format!("says that it is {width} wide and {height} high"),
            ));
        }
        if (height as u64).saturating_mul(width as u64) > self.max_pixels {
            return Err(Failure::new(
                ErrorKind::TooLarge,
                format!("{width}×{height} pixels are more than the limit of {}", self.max_pixels),
            ));
        }
        Ok(())
    }
}

/// Reads and decodes the image file at `path`.
///
/// # Errors
/// If it cannot be read, is not an image in a known format, is truncated or corrupt, or passes the limits.
pub fn read(path: impl AsRef<Path>, channels: Channels, limits: &Limits) -> Result<Image, DataError> {
    let path = path.as_ref();
    read_part(path, channels, limits, &mut |_| None).map(|portion| portion.image)
}

/// Decodes an image from memory; `name` is what errors call it.
///
/// # Errors
/// If it is not an image in a known format, is truncated or corrupt, or passes the limits.
pub fn decode(bytes: &[u8], name: &str, channels: Channels, limits: &Limits) -> Result<Image, DataError> {
    decode_part(bytes, name, channels, limits, &mut |_| None).map(|portion| portion.image)
}

/// As [`read`], but of what is [wanted](crate::Dataset::load_part).
pub(crate) fn read_part(
    path: &Path,
    channels: Channels,
    limits: &Limits,
    wanted: &mut dyn FnMut((usize, usize)) -> Option<Wanted>,
) -> Result<Portion, DataError> {
    let bytes = read_bytes(path, limits)?;
    guarded(|| decode_bytes_part(&bytes, channels, limits, wanted)).map_err(|failure| failure.at(path))
}

/// As [`decode`], but of what is [wanted](crate::Dataset::load_part).
pub(crate) fn decode_part(
    bytes: &[u8],
    name: &str,
    channels: Channels,
    limits: &Limits,
    wanted: &mut dyn FnMut((usize, usize)) -> Option<Wanted>,
) -> Result<Portion, DataError> {
    let decoded = if bytes.len() as u64 > limits.max_file_bytes {
        Err(too_many_bytes(bytes.len() as u64, limits))
    } else {
        guarded(|| decode_bytes_part(bytes, channels, limits, wanted))
    };
    decoded.map_err(|failure| DataError::about(failure.kind, name, failure.reason))
}

fn decode_bytes_part(
    bytes: &[u8],
    channels: Channels,
    limits: &Limits,
    wanted: &mut dyn FnMut((usize, usize)) -> Option<Wanted>,
) -> Result<Portion, Failure> {
    let part = match FileFormat::of(bytes)? {
        FileFormat::Jpeg => jpeg::part(bytes, channels, limits, wanted)?,
        _ => None,
    };
    part.map_or_else(|| decode_bytes(bytes, channels, limits).map(Portion::from), Ok)
}

/// Why some bytes could not be decoded, before it is known what they are called.
#[derive(Debug)]
struct Failure {
    kind: ErrorKind,
    reason: String,
}

impl Failure {
    fn new(kind: ErrorKind, reason: impl Into<String>) -> Self {
        Self { kind, reason: reason.into() }
    }

    fn at(self, path: &Path) -> DataError {
        DataError::at(self.kind, path, self.reason)
    }
}

fn too_many_bytes(len: u64, limits: &Limits) -> Failure {
    Failure::new(
        ErrorKind::TooLarge,
        format!("{len} bytes are more than the limit of {}", limits.max_file_bytes),
    )
}

/// Opens a regular file and tells its size: a pipe or a device would block or never end.
fn open_regular(path: &Path, limits: &Limits) -> Result<(File, u64), DataError> {
    let metadata = std::fs::metadata(path).map_err(|e| DataError::io(path, &e))?;
    if !metadata.is_file() {
        return Err(DataError::at(ErrorKind::Unreadable, path, "is not a regular file"));
    }
    if metadata.len() > limits.max_file_bytes {
        return Err(too_many_bytes(metadata.len(), limits).at(path));
    }
    let file = File::open(path).map_err(|e| DataError::io(path, &e))?;
    Ok((file, metadata.len()))
}

/// The bytes of a regular file within the limits.
pub(crate) fn read_bytes(path: &Path, limits: &Limits) -> Result<Vec<u8>, DataError> {
    let (file, len) = open_regular(path, limits)?;
    let mut bytes = Vec::with_capacity(len as usize);
    // The file may grow meanwhile: never read past the limit.
    file.take(limits.max_file_bytes + 1).read_to_end(&mut bytes).map_err(|e| DataError::io(path, &e))?;
    if bytes.len() as u64 > limits.max_file_bytes {
        return Err(too_many_bytes(bytes.len() as u64, limits).at(path));
    }
    Ok(bytes)
}

/// Runs a decoder; its panic becomes an error.
fn guarded<T>(decoder: impl FnOnce() -> Result<T, Failure>) -> Result<T, Failure> {
    // The closure's captures are dropped or read-only afterwards: nothing half-changed is seen.
    catch_unwind(AssertUnwindSafe(decoder)).unwrap_or_else(|panic| {
        let said = panic
            .downcast_ref::<&str>()
            .map(|s| (*s).to_owned())
            .or_else(|| panic.downcast_ref::<String>().cloned())
            .unwrap_or_default();
        Err(Failure::new(ErrorKind::Panicked, format!("its decoder panicked: {said}")))
    })
}

/// An image as its decoder gave it.
struct Raw {
    height: usize,
    width: usize,
    layout: convert::Layout,
    bytes: Vec<u8>,
    orientation: image::metadata::Orientation,
}

fn decode_bytes(bytes: &[u8], channels: Channels, limits: &Limits) -> Result<Image, Failure> {
    let raw = match FileFormat::of(bytes)? {
        FileFormat::Jpeg => jpeg::decode(bytes, limits)?,
        format => raster::decode(bytes, format, limits)?,
    };
    let pixels = convert::convert(raw.bytes, raw.layout, channels);
    let image = Image::new(raw.height, raw.width, channels.count(), pixels);
    Ok(functional::orient(image, raw.orientation))
}
