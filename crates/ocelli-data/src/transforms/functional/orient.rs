//! EXIF orientation.

use image::metadata::Orientation;

use crate::Image;

/// Turns an image as its orientation says, so that its first row is what was at the top.
pub(crate) fn orient(image: Image, orientation: Orientation) -> Image {
    let (height, width) = (image.height(), image.width());
    // Where the pixel at (y, x) of the result is in the image.
    let last = (height.saturating_sub(1), width.saturating_sub(1));
    match orientation {
        Orientation::NoTransforms => image,
        Orientation::FlipHorizontal => gather(&image, (height, width), |y, x| (y, last.1 - x)),
        Orientation::Rotate180 => gather(&image, (height, width), |y, x| (last.0 - y, last.1 - x)),
        Orientation::FlipVertical => gather(&image, (height, width), |y, x| (last.0 - y, x)),
        Orientation::Rotate90FlipH => gather(&image, (width, height), |y, x| (x, y)),
        Orientation::Rotate90 => gather(&image, (width, height), |y, x| (last.0 - x, y)),
        Orientation::Rotate270FlipH => gather(&image, (width, height), |y, x| (last.0 - x, last.1 - y)),
        Orientation::Rotate270 => gather(&image, (width, height), |y, x| (x, last.1 - y)),
    }
}

fn gather(
    image: &Image,
    (height, width): (usize, usize),
    source: impl Fn(usize, usize) -> (usize, usize),
) -> Image {
    let channels = image.channels();
    let mut pixels = Vec::with_capacity(image.pixels().len());
    for y in 0..height {
        for x in 0..width {
            let (row, column) = source(y, x);
            let at = (row * image.width() + column) * channels;
            pixels.extend_from_slice(&image.pixels()[at..at + channels]);
        }
    }
    Image::new(height, width, channels, pixels)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_orientation_is_what_the_image_crate_makes_of_it() {
        let pixels: Vec<u8> = (0..2 * 3 * 3).collect();
        for exif in 1..=8 {
            let orientation = Orientation::from_exif(exif).unwrap();
            let ours = orient(Image::new(2, 3, 3, pixels.clone()), orientation);
            let buffer = image::RgbImage::from_raw(3, 2, pixels.clone()).unwrap();
            let mut theirs = image::DynamicImage::ImageRgb8(buffer);
            theirs.apply_orientation(orientation);
            assert_eq!(ours.pixels(), theirs.as_bytes(), "EXIF orientation {exif}");
            assert_eq!(ours.height(), theirs.height() as usize);
        }
    }
}
