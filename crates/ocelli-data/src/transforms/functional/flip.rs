//! Mirroring.

use crate::{Image, ImageView};

/// The image with left and right exchanged.
pub fn horizontal_flip(image: ImageView<'_>) -> Image {
    let channels = image.channels();
    let mut pixels = Vec::with_capacity(image.pixels().len());
    for row in image.pixels().chunks_exact(image.width() * channels) {
        for pixel in row.chunks_exact(channels).rev() {
            pixels.extend_from_slice(pixel);
        }
    }
    Image::new(image.height(), image.width(), channels, pixels)
}

/// The image with top and bottom exchanged.
pub fn vertical_flip(image: ImageView<'_>) -> Image {
    let rows = image.pixels().chunks_exact((image.width() * image.channels()).max(1));
    let pixels = rows.rev().flatten().copied().collect();
    Image::new(image.height(), image.width(), image.channels(), pixels)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn pixels_keep_their_channels() {
        let image = Image::new(1, 2, 3, vec![1, 2, 3, 4, 5, 6]);
        assert_eq!(horizontal_flip(image.view()).pixels(), [4, 5, 6, 1, 2, 3]);
    }

    proptest! {
        #[test]
        fn twice_is_nothing(height in 1usize..5, width in 1usize..6, rgb: bool, seed: u8) {
            let channels = if rgb { 3 } else { 1 };
            let pixels = (0..height * width * channels).map(|i| (i as u8).wrapping_mul(37) ^ seed).collect();
            let image = Image::new(height, width, channels, pixels);
            let once = horizontal_flip(image.view());
            prop_assert_eq!(&horizontal_flip(once.view()), &image);
            let once = vertical_flip(image.view());
            prop_assert_eq!(vertical_flip(once.view()), image);
        }
    }
}
