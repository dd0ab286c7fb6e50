//! Resizing, by the arithmetic of torchvision's tensors.

use fast_image_resize as fir;

use super::cubic::resize_cubic;
use super::nearest::resize_nearest;
use crate::transforms::Interpolation;
use crate::{Image, ImageView};

/// What an image is resized to, and how.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Resizing {
    /// Rows of the result.
    pub height: usize,
    /// Columns of the result.
    pub width: usize,
    /// How pixels are made that lie between the image's.
    pub interpolation: Interpolation,
    /// Whether bilinear and bicubic see all pixels of an image that is made smaller.
    pub antialias: bool,
}

impl Resizing {
    /// To (height, width), bilinear and antialiased.
    pub fn to((height, width): (usize, usize)) -> Self {
        Self { height, width, interpolation: Interpolation::Bilinear, antialias: true }
    }

    /// Whether every pixel of an image that is made smaller has its share in the result.
    pub(crate) fn sees_all(&self) -> bool {
        self.antialias && matches!(self.interpolation, Interpolation::Bilinear | Interpolation::Bicubic)
    }
}

/// A rectangle of an image.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Part {
    pub(crate) top: usize,
    pub(crate) left: usize,
    pub(crate) height: usize,
    pub(crate) width: usize,
}

/// Resizes images, keeping the buffers that it needs between calls.
#[derive(Debug, Default)]
pub struct Resizer {
    inner: fir::Resizer,
    /// The image with its new width and its old height.
    between: Vec<u8>,
}

impl Resizer {
    /// Resizes `image` into `target`, which takes the new size.
    ///
    /// # Panics
    /// If a side of the image or of the result is 0.
    pub fn resize(&mut self, image: ImageView<'_>, resizing: Resizing, target: &mut Image) {
        let whole = Part { top: 0, left: 0, height: image.height(), width: image.width() };
        self.resize_part(image, whole, resizing, target);
    }

    /// The same of a rectangle of the image, as if it had been cut out first.
    pub(crate) fn resize_part(
        &mut self,
        image: ImageView<'_>,
        part: Part,
        resizing: Resizing,
        target: &mut Image,
    ) {
        let Resizing { height, width, interpolation, antialias } = resizing;
        assert!(
            height > 0 && width > 0 && part.height > 0 && part.width > 0,
            "an image of no pixels cannot be resized, nor to no pixels"
        );
        target.reset(height, width, image.channels());
        if (height, width) == (part.height, part.width) {
            return resize_nearest(image, part, false, target);
        }
        let algorithm = match (interpolation, antialias) {
            (Interpolation::Nearest, _) => return resize_nearest(image, part, false, target),
            (Interpolation::NearestExact, _) => return resize_nearest(image, part, true, target),
            (Interpolation::Bicubic, false) => return resize_cubic(image, part, &mut self.between, target),
            (Interpolation::Bilinear, false) => fir::ResizeAlg::Interpolation(fir::FilterType::Bilinear),
            (Interpolation::Bilinear, true) => fir::ResizeAlg::Convolution(fir::FilterType::Bilinear),
            (Interpolation::Bicubic, true) => fir::ResizeAlg::Convolution(fir::FilterType::CatmullRom),
        };
        let options = fir::ResizeOptions::new().resize_alg(algorithm);
        if image.channels() == 1 {
            self.resize_typed::<fir::pixels::U8>(image, part, &options, target);
        } else {
            self.resize_typed::<fir::pixels::U8x3>(image, part, &options, target);
        }
    }

    /// The same of an image that is at hand `by` times smaller along both sides: what edges cut through counts in part.
    pub(crate) fn resize_reduced(
        &mut self,
        image: ImageView<'_>,
        part: Part,
        by: usize,
        resizing: Resizing,
        target: &mut Image,
    ) {
        let filter = match resizing.interpolation {
            Interpolation::Bicubic => fir::FilterType::CatmullRom,
            _ => fir::FilterType::Bilinear,
        };
        target.reset(resizing.height, resizing.width, image.channels());
        if image.channels() == 1 {
            self.resize_within::<fir::pixels::U8>(image, part, by as f64, filter, target);
        } else {
            self.resize_within::<fir::pixels::U8x3>(image, part, by as f64, filter, target);
        }
    }

    fn resize_within<P: fir::PixelTrait>(
        &mut self,
        image: ImageView<'_>,
        part: Part,
        by: f64,
        filter: fir::FilterType,
        target: &mut Image,
    ) {
        let side = |side: usize| u32::try_from(side).expect("a side fits 32 bits");
        let (top, height) = (part.top as f64 / by, part.height as f64 / by);
        let (first, last) = (top as usize, ((top + height).ceil() as usize).min(image.height()));
        let rows = last - first;
        let row = image.width() * image.channels();
        let source = fir::images::TypedImageRef::<P>::from_buffer(
            side(image.width()),
            side(rows),
            &image.pixels()[first * row..last * row],
        );
        let source = source.expect("as many bytes as the rows have");
        let to = [side(target.width()), side(target.height())];
        self.between.resize(target.width() * P::size() * rows, 0);
        let mut between = fir::images::TypedImage::<P>::from_buffer(to[0], side(rows), &mut self.between)
            .expect("the buffer was made for its size");
        let mut target = fir::images::TypedImage::<P>::from_buffer(to[0], to[1], target.pixels_mut())
            .expect("the target was made for its size");
        let options = fir::ResizeOptions::new().resize_alg(fir::ResizeAlg::Convolution(filter));
        let columns = options.crop(part.left as f64 / by, 0.0, part.width as f64 / by, rows as f64);
        let made = self.inner.resize_typed(&source, &mut between, &columns);
        let lines = options.crop(
            0.0,
            top - first as f64,
            f64::from(to[0]),
            height.min((rows as f64) - (top - first as f64)),
        );
        let made = made.and_then(|()| self.inner.resize_typed(&between, &mut target, &lines));
        made.expect("the part lies in the image");
    }

    /// For one type of pixel: the entry that takes any type would be compiled for all of them.
    ///
    /// Width first, then height, as Pillow and PyTorch do it. Left to itself, the library takes the height first, and since
    /// what lies between the two is rounded to bytes, a sixth of a photograph's bytes come out one level apart.
    fn resize_typed<P: fir::PixelTrait>(
        &mut self,
        image: ImageView<'_>,
        part: Part,
        options: &fir::ResizeOptions,
        target: &mut Image,
    ) {
        let sides = [image.width(), image.height(), part.left, part.top, part.width, part.height];
        let [from_width, from_height, left, top, width, height] =
            sides.map(|side| u32::try_from(side).expect("a side fits 32 bits"));
        let [to_width, to_height] =
            [target.width(), target.height()].map(|side| u32::try_from(side).expect("a side fits 32 bits"));
        let source = fir::images::TypedImageRef::<P>::from_buffer(from_width, from_height, image.pixels())
            .expect("a view has as many bytes as its size says");
        let source = fir::images::TypedCroppedImage::from_ref(&source, left, top, width, height)
            .expect("the part lies in the image");
        let mut target = fir::images::TypedImage::<P>::from_buffer(to_width, to_height, target.pixels_mut())
            .expect("the target was made for its size");
        let made = if width == to_width || height == to_height {
            self.inner.resize_typed(&source, &mut target, options)
        } else {
            self.between.resize(to_width as usize * P::size() * part.height, 0);
            let mut between = fir::images::TypedImage::<P>::from_buffer(to_width, height, &mut self.between)
                .expect("the buffer was made for its size");
            let wide = self.inner.resize_typed(&source, &mut between, options);
            wide.and_then(|()| self.inner.resize_typed(&between, &mut target, options))
        };
        made.expect("no image is empty");
    }
}

/// The image at (height, width): torchvision's `resize(size, antialias=True)` of 8-bit images, to the byte.
///
/// # Panics
/// If a side of the image or of the result is 0.
pub fn resize(image: ImageView<'_>, size: (usize, usize)) -> Image {
    let mut target = Image::default();
    Resizer::default().resize(image, Resizing::to(size), &mut target);
    target
}
