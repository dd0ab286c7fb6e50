//! Transforms with their random parameters drawn.

use super::canvas::Canvas;
use super::functional::{Elastic, Mix, PaddingMode, Resizing, Tools, Warp};
use super::{Workspace, functional};
use crate::{Image, ImageView};

/// What a transform does to one image of one sample: nothing in it is left to chance.
#[derive(Clone, PartialEq, Debug)]
#[non_exhaustive]
pub enum Operation {
    /// A part, which may reach past the edges.
    Crop {
        /// The first row; negative above the image.
        top: isize,
        /// The first column; negative left of the image.
        left: isize,
        /// Rows of the result.
        height: usize,
        /// Columns of the result.
        width: usize,
        /// The pixels outside the image: red, green and blue, of which grey images take the first.
        fill: [u8; 3],
    },
    /// Left and right exchanged.
    HorizontalFlip,
    /// Top and bottom exchanged.
    VerticalFlip,
    /// Another size.
    Resize(Resizing),
    /// Another image, whose pixels come from other places of the first.
    Geometry(Geometry),
    /// Other colours at the same places.
    Colour(Colour),
    /// What several lists of operations make, mixed.
    Mix(Box<Mix>),
}

/// An operation that makes an image of pixels from other places.
#[derive(Clone, Copy, PartialEq, Debug)]
#[non_exhaustive]
pub enum Geometry {
    /// Edges continued by what the image has there.
    Pad {
        /// Pixels added left, above, right and below.
        edges: [usize; 4],
        /// What they show.
        mode: PaddingMode,
    },
    /// A quarter turn anticlockwise.
    QuarterTurn,
    /// An affine or perspective map.
    Warp(Warp),
    /// Each pixel displaced by smoothed noise.
    Elastic(Elastic),
}

/// An operation that changes pixels where they are.
#[derive(Clone, Copy, PartialEq, Debug)]
#[non_exhaustive]
pub enum Colour {
    /// Levels times a factor.
    Brightness(f64),
    /// Towards the mean of the grey image (0) or away from it (above 1).
    Contrast(f64),
    /// Towards the grey image (0) or away from it (above 1).
    Saturation(f64),
    /// Hue turned, in turns: −0.5 to 0.5.
    Hue(f64),
    /// Towards the smoothed image (0) or away from it (above 1).
    Sharpness(f64),
    /// A Gaussian blur.
    Blur {
        /// Width and height of the kernel, odd.
        kernel: [usize; 2],
        /// Standard deviations along x and y, in pixels.
        sigma: [f64; 2],
    },
    /// Grey, in as many channels as this says: 1 or 3.
    Grayscale(usize),
    /// 255 less each level.
    Invert,
    /// The highest bits of each level.
    Posterize(u8),
    /// Levels from the threshold on inverted.
    Solarize(f32),
    /// Each channel stretched to 0..255.
    Autocontrast,
    /// Each channel's levels spread evenly.
    Equalize,
    /// A rectangle of one colour.
    Erase {
        /// The first row.
        top: usize,
        /// The first column.
        left: usize,
        /// Rows.
        height: usize,
        /// Columns.
        width: usize,
        /// Red, green and blue, of which grey images take the first.
        value: [u8; 3],
    },
}

impl Operation {
    /// Does it.
    pub fn apply(&self, image: ImageView<'_>) -> Image {
        let mut workspace = Workspace::default();
        let mut canvas = Canvas::new(image, &mut workspace);
        canvas.apply(self);
        canvas.into_image()
    }

    /// Height and width of the result.
    pub(crate) fn output_size(&self, (height, width): (usize, usize)) -> (usize, usize) {
        match self {
            Self::Crop { height, width, .. } => (*height, *width),
            Self::Resize(resizing) => (resizing.height, resizing.width),
            Self::Geometry(geometry) => geometry.output_size((height, width)),
            Self::HorizontalFlip | Self::VerticalFlip | Self::Colour(_) | Self::Mix(_) => (height, width),
        }
    }

    /// Channels of the result.
    pub(crate) fn output_channels(&self, channels: usize) -> usize {
        match self {
            Self::Colour(Colour::Grayscale(channels)) => *channels,
            _ => channels,
        }
    }
}

impl Geometry {
    fn output_size(&self, (height, width): (usize, usize)) -> (usize, usize) {
        match self {
            Self::Pad { edges: [left, top, right, bottom], .. } => {
                (height + top + bottom, width + left + right)
            }
            Self::QuarterTurn => (width, height),
            Self::Warp(warp) => (warp.height, warp.width),
            Self::Elastic(_) => (height, width),
        }
    }

    /// Makes `target` of `image`.
    pub(super) fn apply(&self, image: ImageView<'_>, target: &mut Image, tools: &mut Tools) {
        match self {
            Self::Pad { edges, mode } => functional::pad(image, *edges, *mode, target),
            Self::QuarterTurn => functional::quarter_turn(image, target),
            Self::Warp(warp) => functional::warp(image, warp, tools, target),
            Self::Elastic(elastic) => functional::elastic(image, elastic, tools, target),
        }
    }
}

impl Colour {
    /// Whether flips before it could as well come after it: what becomes of a pixel depends on its levels and those of the whole
    /// image, not on its neighbours or its place.
    pub(super) fn sees_no_places(&self) -> bool {
        !matches!(self, Self::Sharpness(_) | Self::Blur { .. } | Self::Erase { .. })
    }

    /// Changes `image`.
    pub(super) fn apply(&self, image: &mut Image, tools: &mut Tools) {
        match *self {
            Self::Brightness(factor) => functional::adjust_brightness(image, factor),
            Self::Contrast(factor) => functional::adjust_contrast(image, factor),
            Self::Saturation(factor) => functional::adjust_saturation(image, factor),
            Self::Hue(turns) => functional::adjust_hue(image, turns),
            Self::Sharpness(factor) => functional::adjust_sharpness(image, factor, tools),
            Self::Blur { kernel, sigma } => functional::gaussian_blur(image, kernel, sigma, tools),
            Self::Grayscale(channels) => functional::grayscale(image, channels),
            Self::Invert => functional::invert(image),
            Self::Posterize(bits) => functional::posterize(image, bits),
            Self::Solarize(threshold) => functional::solarize(image, threshold),
            Self::Autocontrast => functional::autocontrast(image),
            Self::Equalize => functional::equalize(image),
            Self::Erase { top, left, height, width, value } => {
                functional::erase(image, (top, left), (height, width), value);
            }
        }
    }
}
