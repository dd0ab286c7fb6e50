//! Resizing: bilinear and antialiased, by Pillow's arithmetic.

use fast_image_resize as fir;

use crate::{Image, ImageView};

/// Resizes images, keeping the buffers that it needs between calls.
#[derive(Debug)]
pub struct Resizer {
    inner: fir::Resizer,
    options: fir::ResizeOptions,
}

impl Default for Resizer {
    fn default() -> Self {
        let filter = fir::ResizeAlg::Convolution(fir::FilterType::Bilinear);
        Self { inner: fir::Resizer::new(), options: fir::ResizeOptions::new().resize_alg(filter) }
    }
}

impl Resizer {
    /// Resizes `image` to `height × width` into `target`, which takes that size.
    ///
    /// # Panics
    /// If a side of the image or of the result is 0.
    pub fn resize(&mut self, image: ImageView<'_>, (height, width): (usize, usize), target: &mut Image) {
        assert!(
            height > 0 && width > 0 && !image.pixels().is_empty(),
            "an image of no pixels cannot be resized, nor to no pixels"
        );
        let pixels = target.reset(height, width, image.channels());
        if (height, width) == (image.height(), image.width()) {
            pixels.copy_from_slice(image.pixels());
            return;
        }
        let kind = if image.channels() == 1 { fir::PixelType::U8 } else { fir::PixelType::U8x3 };
        let side = |length: usize| u32::try_from(length).expect("a side fits 32 bits");
        let source =
            fir::images::ImageRef::new(side(image.width()), side(image.height()), image.pixels(), kind)
                .expect("a view has as many bytes as its size says");
        let mut target = fir::images::Image::from_slice_u8(side(width), side(height), pixels, kind)
            .expect("the target was made for its size");
        self.inner
            .resize(&source, &mut target, &self.options)
            .expect("source and target have one pixel type");
    }
}

/// The image at `height × width`: torchvision's `resize(size, antialias=True)` of 8-bit images, within one level.
///
/// # Panics
/// If a side of the image or of the result is 0.
pub fn resize(image: ImageView<'_>, size: (usize, usize)) -> Image {
    let mut target = Image::default();
    Resizer::default().resize(image, size, &mut target);
    target
}
