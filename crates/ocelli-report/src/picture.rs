//! Pictures: heat over images, tiles, image files.

use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::{ExtendedColorType, ImageEncoder};
use libjpeg_turbo_rs::{PixelFormat, Subsampling, compress_optimized};
use ocelli_data::transforms::Interpolation;
use ocelli_data::transforms::functional::{Resizer, Resizing};
use ocelli_data::{Image, ImageView};

use crate::{Heat, ReportError};

/// Pixels between tiles.
const GAP: usize = 2;
/// Neither black nor white.
const GROUND: [u8; 3] = [224, 224, 224];
/// The quality of JPEG, at which no difference is seen.
const QUALITY: u8 = 85;
/// The most that a side of a JPEG can have.
const LONGEST: usize = 65_500;
/// How much of the image is seen through the heat.
const THROUGH: f32 = 0.5;

/// Values from their smallest, 0, to their largest, 255; all the same is in the middle.
pub(crate) fn stretched(values: &[f32]) -> Vec<u8> {
    let low = values.iter().copied().fold(f32::INFINITY, f32::min);
    let high = values.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let level =
        |value: &f32| if high > low { ((value - low) / (high - low) * 255.0).round() as u8 } else { 128 };
    values.iter().map(level).collect()
}

/// Heat as a picture of its own size, from dark to light.
#[must_use]
pub fn heat(heat: &Heat) -> Image {
    let colour = |value: &f32| colorous::INFERNO.eval_continuous(f64::from(*value)).as_array();
    Image::new(heat.height, heat.width, 3, heat.values.iter().flat_map(colour).collect())
}

/// Heat over an image: blue where it is 0, red where it is 1. It is brought to the image's size between its places.
#[must_use]
pub fn overlay(image: &Image, heat: &Heat) -> Image {
    let levels = heat.values.iter().map(|value| (value * 255.0).round() as u8).collect();
    let grey = Image::new(heat.height, heat.width, 1, levels);
    let grey = resized(grey.view(), (image.height(), image.width()), Interpolation::Bilinear);
    let mut picture = coloured(image.view());
    for (pixel, level) in picture.pixels_mut().as_chunks_mut::<3>().0.iter_mut().zip(grey.pixels()) {
        let colour = colorous::TURBO.eval_continuous(f64::from(*level) / 255.0).as_array();
        for (value, colour) in pixel.iter_mut().zip(colour) {
            *value = (THROUGH * f32::from(*value) + (1.0 - THROUGH) * f32::from(colour)).round() as u8;
        }
    }
    picture
}

/// An image made larger by a whole factor, so that its longer side has `side` pixels, or just more.
#[must_use]
pub fn enlarged(image: &Image, side: usize) -> Image {
    let factor = side.div_ceil(image.height().max(image.width()).max(1)).max(1);
    resized(image.view(), (image.height() * factor, image.width() * factor), Interpolation::Nearest)
}

/// Pictures of one size in rows, as many in a row as makes all about as wide as high.
///
/// # Panics
/// If they are of several sizes.
#[must_use]
pub fn tiles(pictures: &[Image]) -> Image {
    let Some(first) = pictures.first() else { return Image::default() };
    let (height, width) = (first.height(), first.width());
    let columns = (1..=pictures.len()).find(|columns| columns * columns >= pictures.len()).unwrap_or(1);
    let rows = pictures.len().div_ceil(columns);
    let sheet_width = columns * (width + GAP) + GAP;
    let sheet_height = rows * (height + GAP) + GAP;
    let mut pixels = GROUND.repeat(sheet_width * sheet_height);
    for (number, picture) in pictures.iter().enumerate() {
        assert_eq!((picture.height(), picture.width()), (height, width), "tiles are of one size");
        let (top, left) = (GAP + number / columns * (height + GAP), GAP + number % columns * (width + GAP));
        let picture = coloured(picture.view());
        for (row, from) in picture.pixels().chunks_exact(width * 3).enumerate() {
            let at = ((top + row) * sheet_width + left) * 3;
            pixels[at..at + from.len()].copy_from_slice(from);
        }
    }
    Image::new(sheet_height, sheet_width, 3, pixels)
}

/// Writes a picture as PNG.
///
/// # Errors
/// The file cannot be written.
pub fn save(picture: &Image, path: impl AsRef<Path>) -> Result<(), ReportError> {
    let path = path.as_ref();
    std::fs::write(path, png(picture)).map_err(|source| ReportError::Io { path: path.to_path_buf(), source })
}

/// A picture of one or three channels as a PNG file.
#[must_use]
pub fn png(picture: &Image) -> Vec<u8> {
    let colours = if picture.channels() == 1 { ExtendedColorType::L8 } else { ExtendedColorType::Rgb8 };
    let [width, height] =
        [picture.width(), picture.height()].map(|side| u32::try_from(side).expect("a side has 32 bits"));
    let mut bytes = Vec::new();
    PngEncoder::new_with_quality(&mut bytes, CompressionType::Default, FilterType::Adaptive)
        .write_image(picture.pixels(), width, height, colours)
        .expect("memory takes any image");
    bytes
}

/// A picture of one or three channels as a JPEG or a PNG file, whichever is smaller.
pub(crate) fn small_file(picture: &Image) -> Vec<u8> {
    let (png, height, width) = (png(picture), picture.height(), picture.width());
    if height.max(width) > LONGEST {
        return png;
    }
    let (format, sampling) = match picture.channels() {
        1 => (PixelFormat::Grayscale, Subsampling::S444),
        _ => (PixelFormat::Rgb, Subsampling::S420),
    };
    match compress_optimized(picture.pixels(), width, height, format, QUALITY, sampling) {
        Ok(jpeg) if jpeg.len() < png.len() => jpeg,
        _ => png,
    }
}

/// A JPEG or PNG file as a page has it within itself.
#[must_use]
pub fn data_url(file: &[u8]) -> String {
    let kind = if file.starts_with(&[0xff, 0xd8]) { "jpeg" } else { "png" };
    format!("data:image/{kind};base64,{}", STANDARD.encode(file))
}

/// In three channels.
fn coloured(image: ImageView<'_>) -> Image {
    if image.channels() == 3 {
        return image.to_image();
    }
    let pixels = image.pixels().iter().flat_map(|level| [*level; 3]).collect();
    Image::new(image.height(), image.width(), 3, pixels)
}

fn resized(image: ImageView<'_>, size: (usize, usize), interpolation: Interpolation) -> Image {
    let mut target = Image::default();
    Resizer::default().resize(image, Resizing { interpolation, ..Resizing::to(size) }, &mut target);
    target
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_stretched_over_all_levels() {
        assert_eq!(stretched(&[-1.0, 0.0, 1.0]), [0, 128, 255]);
        assert_eq!(stretched(&[3.0, 3.0]), [128, 128]);
    }

    #[test]
    fn the_smaller_file_is_taken() {
        let flat = Image::new(64, 64, 1, vec![7; 64 * 64]);
        assert!(data_url(&small_file(&flat)).starts_with("data:image/png;base64,iVBOR"));
        // As photographs are: smooth, with a little noise.
        let pixel = |i: u32| (i / 192 + i % 192 / 3) as u8 + (i.wrapping_mul(2_654_435_761) >> 28) as u8;
        let photograph = Image::new(64, 64, 3, (0..64 * 64 * 3).map(pixel).collect());
        let file = small_file(&photograph);
        assert!(data_url(&file).starts_with("data:image/jpeg;base64,/9j/"));
        assert!(file.len() < png(&photograph).len());
        let (channels, limits) = (ocelli_data::Channels::Rgb, ocelli_data::Limits::default());
        let read = ocelli_data::decode::decode(&file, "photograph", channels, &limits).unwrap();
        assert_eq!((read.height(), read.width()), (64, 64));
    }

    #[test]
    fn tiles_keep_every_picture() {
        let picture = |level: u8| Image::new(2, 3, 1, vec![level; 6]);
        let sheet = tiles(&[picture(10), picture(20), picture(30)]);
        assert_eq!((sheet.height(), sheet.width()), (2 * 4 + 2, 2 * 5 + 2));
        let count =
            |level: u8| sheet.pixels().as_chunks::<3>().0.iter().filter(|p| **p == [level; 3]).count();
        assert_eq!([count(10), count(20), count(30)], [6; 3]);
        assert_eq!(tiles(&[]).pixels().len(), 0);
    }

    #[test]
    fn heat_is_seen_where_it_is() {
        let image = Image::new(4, 4, 3, vec![128; 48]);
        let heat = Heat { height: 1, width: 2, values: vec![0.0, 1.0], layer: "x".into() };
        let over = overlay(&image, &heat);
        let pixel = |x: usize| over.pixels()[x * 3..x * 3 + 3].to_vec();
        let (cold, hot) = (pixel(0), pixel(3));
        // Turbo begins dark and ends dark red.
        assert!(hot[0] > hot[2], "{hot:?}");
        assert_ne!(cold, hot);
        let large = enlarged(&image, 10);
        assert_eq!((large.height(), large.width()), (12, 12));
    }
}
