//! Resizing: bilinear and antialiased, by the arithmetic of torchvision's tensors.

use fast_image_resize as fir;

use crate::{Image, ImageView};

/// Resizes images, keeping the buffers that it needs between calls.
#[derive(Debug)]
pub struct Resizer {
    inner: fir::Resizer,
    options: fir::ResizeOptions,
    /// The image with its new width and its old height.
    between: Vec<u8>,
}

impl Default for Resizer {
    fn default() -> Self {
        let filter = fir::ResizeAlg::Convolution(fir::FilterType::Bilinear);
        let options = fir::ResizeOptions::new().resize_alg(filter);
        Self { inner: fir::Resizer::new(), options, between: Vec::new() }
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
        let sides = [image.width(), image.height(), width, height]
            .map(|length| u32::try_from(length).expect("a side fits 32 bits"));
        if image.channels() == 1 {
            self.resize_typed::<fir::pixels::U8>(image.pixels(), pixels, sides);
        } else {
            self.resize_typed::<fir::pixels::U8x3>(image.pixels(), pixels, sides);
        }
    }

    /// For one type of pixel: the entry that takes any type would be compiled for all of them.
    ///
    /// Width first, then height, as Pillow and PyTorch do it. Left to itself, the library takes the height first, and since
    /// what lies between the two is rounded to bytes, a sixth of a photograph's bytes come out one level apart.
    fn resize_typed<P: fir::PixelTrait>(&mut self, from: &[u8], to: &mut [u8], sides: [u32; 4]) {
        let [from_width, from_height, to_width, to_height] = sides;
        let pixels = to_width as usize * from_height as usize;
        self.between.resize(pixels * P::size(), 0);
        let source = fir::images::TypedImageRef::<P>::from_buffer(from_width, from_height, from)
            .expect("a view has as many bytes as its size says");
        let mut between = fir::images::TypedImage::<P>::from_buffer(to_width, from_height, &mut self.between)
            .expect("the buffer was made for its size");
        let mut target = fir::images::TypedImage::<P>::from_buffer(to_width, to_height, to)
            .expect("the target was made for its size");
        let made = if from_width == to_width || from_height == to_height {
            self.inner.resize_typed(&source, &mut target, &self.options)
        } else {
            let wide = self.inner.resize_typed(&source, &mut between, &self.options);
            wide.and_then(|()| self.inner.resize_typed(&between, &mut target, &self.options))
        };
        made.expect("no image is empty");
    }
}

/// The image at `height × width`: torchvision's `resize(size, antialias=True)` of 8-bit images, to the byte.
///
/// # Panics
/// If a side of the image or of the result is 0.
pub fn resize(image: ImageView<'_>, size: (usize, usize)) -> Image {
    let mut target = Image::default();
    Resizer::default().resize(image, size, &mut target);
    target
}
