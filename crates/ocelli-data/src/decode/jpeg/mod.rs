//! JPEG, to the very pixels that libjpeg-turbo gives, as Pillow and torchvision have them. A file that ends before its picture does is
//! an error.

mod frame;
mod part;
mod segments;

use libjpeg_turbo_rs::{DecodeLimits, Decoder, JpegError, PixelFormat};

use frame::Frame;
pub(super) use part::part;

use super::convert::Layout;
use super::{Failure, Limits, Raw};
use crate::ErrorKind;
use image::metadata::Orientation;

/// What a JPEG's header says.
pub(super) struct JpegHeader {
    pub(super) height: usize,
    pub(super) width: usize,
    pub(super) is_grey: bool,
    pub(super) orientation: Orientation,
}

/// Reads the header of a JPEG that starts with `bytes`.
pub(super) fn header(bytes: &[u8]) -> Result<JpegHeader, Failure> {
    let Frame { height, width, components, orientation, .. } = Frame::of(bytes)?;
    Ok(JpegHeader { height, width, is_grey: components == 1, orientation })
}

/// Decodes a whole JPEG.
pub(super) fn decode(bytes: &[u8], limits: &Limits) -> Result<Raw, Failure> {
    let frame = Frame::of(bytes)?;
    limits.check(frame.height, frame.width)?;
    let Pixels { height, width, layout, bytes } = pixels(bytes, limits, |_| {})?;
    if (height, width) != (frame.height, frame.width) {
        return Err(Failure::new(ErrorKind::Unsupported, "is a JPEG of a kind that is not read here"));
    }
    Ok(Raw { height, width, layout, bytes, orientation: frame.orientation })
}

/// Pixels as grey or RGB.
struct Pixels {
    height: usize,
    width: usize,
    layout: Layout,
    bytes: Vec<u8>,
}

/// Decodes as `choose` has it.
fn pixels(bytes: &[u8], limits: &Limits, choose: impl FnOnce(&mut Decoder<'_>)) -> Result<Pixels, Failure> {
    let most = DecodeLimits { max_pixels: limits.max_pixels, ..DecodeLimits::default() };
    let mut decoder = Decoder::new_with_limits(bytes, most).map_err(|error| failure(&error))?;
    let format = match decoder.header().components.len() {
        1 => PixelFormat::Grayscale,
        4 => PixelFormat::Cmyk,
        _ => PixelFormat::Rgb,
    };
    decoder.set_output_format(format);
    choose(&mut decoder);
    let mut pixels = vec![0; decoder.output_buffer_size().map_err(|error| failure(&error))?];
    let info = decoder.decode_image_into(&mut pixels).map_err(|error| failure(&error))?;
    pixels.truncate(info.bytes_written);
    let samples = match format {
        PixelFormat::Grayscale => 1,
        PixelFormat::Cmyk => {
            pixels = inks(&pixels);
            3
        }
        _ => 3,
    };
    if pixels.len() != info.height * info.width * samples {
        return Err(Failure::new(ErrorKind::Unsupported, "is a JPEG of a kind that is not read here"));
    }
    Ok(Pixels { height: info.height, width: info.width, layout: Layout { samples, depth: 1 }, bytes: pixels })
}

/// Four inks as RGB, by Pillow's arithmetic: inks are kept inverted, as Adobe's programs do it.
fn inks(pixels: &[u8]) -> Vec<u8> {
    let colour = |inverted: u8, light: u8| {
        let product = (255 - u32::from(inverted)) * u32::from(light) + 128;
        light.saturating_sub((((product >> 8) + product) >> 8) as u8)
    };
    pixels.as_chunks::<4>().0.iter().flat_map(|&[c, m, y, k]| [c, m, y].map(|ink| colour(ink, k))).collect()
}

/// What the decoder said.
fn failure(error: &JpegError) -> Failure {
    let said = error.to_string();
    let (kind, what) = match error {
        JpegError::UnexpectedEof => (ErrorKind::Truncated, "is a truncated JPEG"),
        JpegError::Unsupported(_) => (ErrorKind::Unsupported, "is a JPEG that is not read here"),
        JpegError::LimitExceeded { .. } | JpegError::AllocationFailed { .. } => {
            (ErrorKind::TooLarge, "is a JPEG that is too large")
        }
        _ => (ErrorKind::Corrupt, "is a corrupt JPEG"),
    };
    Failure::new(kind, format!("{what}: {said}"))
}
