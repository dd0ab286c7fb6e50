//! What a file is, by its first bytes.

use serde::{Deserialize, Serialize};

use super::Failure;
use crate::ErrorKind;

/// The image formats that are read.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum FileFormat {
    /// Portable Network Graphics.
    Png,
    /// Baseline and progressive JPEG.
    Jpeg,
    /// WebP, lossy and lossless; of an animation its first frame.
    WebP,
    /// Windows bitmap.
    Bmp,
    /// GIF; of an animation its first frame.
    Gif,
    /// TIFF; its first image.
    Tiff,
}

impl FileFormat {
    /// The format of a file that starts with `bytes` (16 are enough).
    pub(super) fn of(bytes: &[u8]) -> Result<Self, Failure> {
        match bytes {
            [] => Err(Failure::new(ErrorKind::EmptyFile, "is empty (0 bytes)")),
            [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => Ok(Self::Png),
            [0xff, 0xd8, 0xff, ..] => Ok(Self::Jpeg),
            [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => Ok(Self::Gif),
            [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Ok(Self::WebP),
            [b'B', b'M', ..] => Ok(Self::Bmp),
            [b'I', b'I', 42 | 43, 0, ..] | [b'M', b'M', 0, 42 | 43, ..] => Ok(Self::Tiff),
            _ => Err(unknown(bytes)),
        }
    }
}

const KNOWN: &str = "PNG, JPEG, WebP, BMP, GIF and TIFF are read";

/// Says what the bytes look like instead.
fn unknown(bytes: &[u8]) -> Failure {
    let elsewhere = match bytes {
        [_, _, _, _, b'f', b't', b'y', b'p', b'a', b'v', b'i', ..] => Some("an AVIF image"),
        [_, _, _, _, b'f', b't', b'y', b'p', b'h' | b'm', ..] => Some("a HEIC image"),
        [0xff, 0x0a, ..] | [0, 0, 0, 12, b'J', b'X', b'L', b' ', ..] => Some("a JPEG XL image"),
        [b'8', b'B', b'P', b'S', ..] => Some("a Photoshop file"),
        _ => None,
    };
    if let Some(what) = elsewhere {
        return Failure::new(
            ErrorKind::Unsupported,
            format!("is {what}, which is not read here ({KNOWN}): convert it first"),
        );
    }
    let start = &bytes[..bytes.len().min(64)];
    let is_text = start.iter().all(|&b| b >= 0x20 && b != 0x7f || matches!(b, b'\n' | b'\r' | b'\t'));
    let what = if is_text { "is text, not an image" } else { "is not an image" };
    Failure::new(ErrorKind::NotAnImage, format!("{what} ({KNOWN})"))
}
