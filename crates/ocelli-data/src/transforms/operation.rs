//! Transforms with their random parameters drawn.

use ocelli_kernels::random::Stream;

use super::{RandomCrop, Transform, functional};
use crate::{DataError, ErrorKind, Image, ImageView};

/// What a transform does to one image of one sample: nothing in it is left to chance.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Operation {
    /// Nothing.
    Keep,
    /// Another size.
    Resize {
        /// Rows of the result.
        height: usize,
        /// Columns of the result.
        width: usize,
    },
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
        /// The byte of every pixel outside the image.
        fill: u8,
    },
    /// Left and right exchanged.
    HorizontalFlip,
}

impl Operation {
    /// Does it.
    pub fn apply(&self, image: ImageView<'_>) -> Image {
        match *self {
            Self::Keep => image.to_image(),
            Self::Resize { height, width } => functional::resize(image, (height, width)),
            Self::Crop { top, left, height, width, fill } => {
                functional::crop(image, (top, left), (height, width), fill)
            }
            Self::HorizontalFlip => functional::horizontal_flip(image),
        }
    }
}

impl Transform {
    /// Draws what this transform does to an image of (height, width) from the sample's `stream`.
    ///
    /// # Errors
    /// If the image is too small to crop, or an edge would be resized past what is allowed.
    pub fn draw(&self, (height, width): (usize, usize), stream: &mut Stream) -> Result<Operation, DataError> {
        match self {
            Self::Resize(resize) => {
                let (new_height, new_width) = resize.target((height, width));
                // The width is resized first, so there is an image of the old height and the new width in between.
                if height.max(new_height).saturating_mul(new_width) > MAX_PIXELS {
                    return Err(DataError::about(
                        ErrorKind::TooLarge,
                        "Resize",
                        format!("{width}×{height} would become {new_width}×{new_height}"),
                    ));
                }
                Ok(Operation::Resize { height: new_height, width: new_width })
            }
            Self::CenterCrop(crop) => {
                let (new_height, new_width) = crop.size.both();
                Ok(Operation::Crop {
                    top: centre(height, new_height),
                    left: centre(width, new_width),
                    height: new_height,
                    width: new_width,
                    fill: 0,
                })
            }
            Self::RandomCrop(crop) => crop.draw((height, width), stream),
            Self::RandomHorizontalFlip(flip) => {
                Ok(if stream.uniform() < flip.p { Operation::HorizontalFlip } else { Operation::Keep })
            }
            Self::Normalize(_) => Ok(Operation::Keep),
        }
    }
}

/// Most pixels that a resize may make of a very long image.
const MAX_PIXELS: usize = 64 << 20;

impl RandomCrop {
    fn draw(&self, (height, width): (usize, usize), stream: &mut Stream) -> Result<Operation, DataError> {
        let [pad_left, pad_top, pad_right, pad_bottom] = self.padding.edges();
        let (new_height, new_width) = self.size.both();
        let padded = (height + pad_top + pad_bottom, width + pad_left + pad_right);
        if padded.0 < new_height || padded.1 < new_width {
            return Err(DataError::invalid(
                "RandomCrop",
                format!(
                    "an image of {width}×{height}, {}×{} with its padding, has no part of {new_width}×{new_height}: Resize first",
                    padded.1, padded.0
                ),
            ));
        }
        let mut place = |spare: usize, pad: usize| {
            let spare = u32::try_from(spare).unwrap_or(u32::MAX - 1);
            stream.below(spare + 1) as isize - pad as isize
        };
        Ok(Operation::Crop {
            top: place(padded.0 - new_height, pad_top),
            left: place(padded.1 - new_width, pad_left),
            height: new_height,
            width: new_width,
            fill: self.fill,
        })
    }
}

/// Where torchvision's `CenterCrop` starts: it rounds halves to the even number, and pads more at the end.
fn centre(side: usize, crop: usize) -> isize {
    if crop > side {
        return -(((crop - side) / 2) as isize);
    }
    let spare = side - crop;
    let half = spare / 2;
    (half + (spare % 2) * (half % 2)) as isize
}
