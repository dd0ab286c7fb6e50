//! PNG, WebP, BMP, GIF and TIFF, through the `image` crate.

use std::error::Error;
use std::io::{self, Cursor};

use image::error::ImageError;
use image::metadata::Orientation;
use image::{ColorType, ImageDecoder, ImageFormat, ImageReader};

use super::convert::Layout;
use super::{Failure, FileFormat, Limits, Raw, tiff, webp};
use crate::ErrorKind;

/// What a decoder may allocate beside pixels: colour profiles, texts, tables.
const TABLES: u64 = 16 << 20;

/// What the header says: height, width, layout of the decoded pixels, orientation.
pub(super) struct RasterHeader {
    pub(super) height: usize,
    pub(super) width: usize,
    pub(super) layout: Layout,
    pub(super) orientation: Orientation,
}

/// Opens a decoder, which reads the header, and checks what it says against the limits.
fn open<'a>(
    bytes: &'a [u8],
    format: FileFormat,
    limits: &Limits,
) -> Result<(impl ImageDecoder + 'a, RasterHeader), Failure> {
    match format {
        FileFormat::Tiff => tiff::check(bytes)?,
        FileFormat::WebP => webp::check(bytes, limits)?,
        _ => {}
    }
    let mut reader = ImageReader::with_format(Cursor::new(bytes), image_format(format));
    let mut allowed = image::Limits::no_limits();
    // The widest pixel is four 16-bit samples; a decoder's own tables come on top.
    allowed.max_alloc = Some(limits.max_pixels.saturating_mul(8).saturating_add(TABLES));
    reader.limits(allowed);
    let mut decoder = reader.into_decoder().map_err(|e| failure(&e, format))?;
    let (width, height) = decoder.dimensions();
    limits.check(height as usize, width as usize)?;
    let layout = layout(decoder.color_type()).ok_or_else(|| {
        Failure::new(
            ErrorKind::Unsupported,
            format!("has pixels of kind {:?}, which have no 8-bit meaning", decoder.color_type()),
        )
    })?;
    let header = RasterHeader {
        height: height as usize,
        width: width as usize,
        layout,
        // Broken metadata does not make the picture unusable.
        orientation: decoder.orientation().unwrap_or(Orientation::NoTransforms),
    };
    Ok((decoder, header))
}

/// Reads the header of an image that starts with `bytes`.
pub(super) fn header(bytes: &[u8], format: FileFormat, limits: &Limits) -> Result<RasterHeader, Failure> {
    open(bytes, format, limits).map(|(_, header)| header)
}

/// Decodes a whole image.
pub(super) fn decode(bytes: &[u8], format: FileFormat, limits: &Limits) -> Result<Raw, Failure> {
    let (decoder, header) = open(bytes, format, limits)?;
    let total = decoder.total_bytes();
    let size = usize::try_from(total)
        .map_err(|_| Failure::new(ErrorKind::TooLarge, format!("decodes to {total} bytes")))?;
    let mut pixels = vec![0; size];
    decoder.read_image(&mut pixels).map_err(|e| failure(&e, format))?;
    Ok(Raw {
        height: header.height,
        width: header.width,
        layout: header.layout,
        bytes: pixels,
        orientation: header.orientation,
    })
}

fn image_format(format: FileFormat) -> ImageFormat {
    match format {
        FileFormat::Png => ImageFormat::Png,
        FileFormat::Jpeg => ImageFormat::Jpeg,
        FileFormat::WebP => ImageFormat::WebP,
        FileFormat::Bmp => ImageFormat::Bmp,
        FileFormat::Gif => ImageFormat::Gif,
        FileFormat::Tiff => ImageFormat::Tiff,
    }
}

fn layout(colours: ColorType) -> Option<Layout> {
    let (samples, depth) = match colours {
        ColorType::L8 => (1, 1),
        ColorType::La8 => (2, 1),
        ColorType::Rgb8 => (3, 1),
        ColorType::Rgba8 => (4, 1),
        ColorType::L16 => (1, 2),
        ColorType::La16 => (2, 2),
        ColorType::Rgb16 => (3, 2),
        ColorType::Rgba16 => (4, 2),
        _ => return None,
    };
    Some(Layout { samples, depth })
}

fn failure(error: &ImageError, format: FileFormat) -> Failure {
    let name = match format {
        FileFormat::Png => "PNG",
        FileFormat::Jpeg => "JPEG",
        FileFormat::WebP => "WebP",
        FileFormat::Bmp => "BMP",
        FileFormat::Gif => "GIF",
        FileFormat::Tiff => "TIFF",
    };
    let kind = match error {
        ImageError::Limits(_) => ErrorKind::TooLarge,
        ImageError::Unsupported(_) => ErrorKind::Unsupported,
        _ if ends_early(error) => ErrorKind::Truncated,
        _ => ErrorKind::Corrupt,
    };
    let reason = match kind {
        ErrorKind::TooLarge => format!("is a {name} that asks for too much memory: {error}"),
        ErrorKind::Unsupported => format!("is a {name} that is not read here: {error}"),
        ErrorKind::Truncated => format!("is a truncated {name}: {error}"),
        _ => format!("is a corrupt {name}: {error}"),
    };
    Failure::new(kind, reason)
}

/// Whether an error, or one that it comes from, says that the bytes ended.
fn ends_early(error: &ImageError) -> bool {
    let mut at: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(error) = at {
        if error.downcast_ref::<io::Error>().is_some_and(|e| e.kind() == io::ErrorKind::UnexpectedEof) {
            return true;
        }
        at = error.source();
    }
    let said = error.to_string().to_lowercase();
    ["end of file", "eof", "no more data", "no more image data", "fill whole buffer", "bitstream"]
        .iter()
        .any(|sign| said.contains(sign))
}
