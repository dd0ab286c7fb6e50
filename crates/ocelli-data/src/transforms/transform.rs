//! The transforms as data, with torchvision's names and defaults.

use serde::{Deserialize, Serialize};

use super::auto::{AugMix, AutoAugment, RandAugment, TrivialAugmentWide};
use super::colour::{
    ColorJitter, GaussianBlur, Grayscale, RandomAdjustSharpness, RandomAutocontrast, RandomEqualize,
    RandomErasing, RandomGrayscale, RandomInvert, RandomPosterize, RandomSolarize,
};
use super::combine::{RandomApply, RandomChoice, RandomOrder};
use super::convert::{ConvertImageDtype, Normalize, PILToTensor, ToDtype, ToImage, ToTensor};
use super::geometry::{
    AlternatingHorizontalFlip, CenterCrop, ElasticTransform, FiveCrop, Pad, RandomAffine, RandomCrop,
    RandomHorizontalFlip, RandomPerspective, RandomResizedCrop, RandomRotation, RandomVerticalFlip, Resize,
    TenCrop,
};
use super::{Drawing, Key, Operation, Padding, Size};
use crate::DataError;

/// What a transform's settings tell of it. A transform is a struct of settings with this, in a file of its own, and a
/// line in the list below.
pub(crate) trait Spec {
    /// # Errors
    /// What is wrong with the settings, and how to mend it.
    fn check(&self) -> Result<(), String> {
        Ok(())
    }

    /// Whether it does the same to an image every time.
    fn is_deterministic(&self) -> bool {
        false
    }

    /// How many views of an image it gives.
    fn views(&self) -> usize {
        1
    }

    /// The height and width that come out when `size` goes in; `None` stands for sizes that vary.
    fn output_size(&self, size: Option<(usize, usize)>) -> Option<(usize, usize)> {
        size
    }

    /// The channels that come out when `channels` go in.
    fn output_channels(&self, channels: usize) -> usize {
        channels
    }

    /// Draws what it does to one image.
    ///
    /// # Errors
    /// If it cannot be done to an image of that size or with those channels.
    fn draw(&self, drawing: &mut Drawing<'_>) -> Result<(), DataError>;
}

macro_rules! transforms {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// One step of a pipeline, written as in torchvision: `{ type = "RandomCrop", size = 32, padding = 4 }`.
        ///
        /// A key that the type does not have is an error.
        #[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
        #[serde(tag = "type")]
        #[non_exhaustive]
        pub enum Transform {
            $($(#[$doc])* $name($name),)*
        }

        impl Transform {
            /// Its name, as torchvision has it.
            pub fn name(&self) -> &'static str {
                match self {
                    $(Self::$name(_) => stringify!($name),)*
                }
            }

            fn spec(&self) -> &dyn Spec {
                match self {
                    $(Self::$name(spec) => spec,)*
                }
            }
        }

        $(impl From<$name> for Transform {
            fn from(spec: $name) -> Self {
                Self::$name(spec)
            }
        })*
    };
}

transforms! {
    /// Another size, antialiased.
    Resize,
    /// The middle.
    CenterCrop,
    /// A part at a random place, after padding.
    RandomCrop,
    /// A part of random size, proportions and place, brought to one size.
    RandomResizedCrop,
    /// More pixels at the edges.
    Pad,
    /// The corners and the middle, in evaluation.
    FiveCrop,
    /// The corners and the middle, as they are and mirrored, in evaluation.
    TenCrop,
    /// Left and right exchanged, or not.
    RandomHorizontalFlip,
    /// Top and bottom exchanged, or not.
    RandomVerticalFlip,
    /// Left and right exchanged in every other epoch.
    AlternatingHorizontalFlip,
    /// Turned by a random angle.
    RandomRotation,
    /// Turned, moved, scaled and sheared at random.
    RandomAffine,
    /// Seen from another side.
    RandomPerspective,
    /// Displaced by smoothed noise.
    ElasticTransform,
    /// Brightness, contrast, saturation and hue, in random order.
    ColorJitter,
    /// Without colours.
    Grayscale,
    /// Without colours, or not.
    RandomGrayscale,
    /// Blurred.
    GaussianBlur,
    /// Inverted, or not.
    RandomInvert,
    /// With fewer bits, or not.
    RandomPosterize,
    /// Light levels inverted, or not.
    RandomSolarize,
    /// Sharper or smoother, or not.
    RandomAdjustSharpness,
    /// Each channel stretched to all levels, or not.
    RandomAutocontrast,
    /// Levels spread evenly, or not.
    RandomEqualize,
    /// A rectangle erased, or not.
    RandomErasing,
    /// Some random operations of one magnitude.
    RandAugment,
    /// One of the pairs of operations that were found for a data set.
    AutoAugment,
    /// One random operation of random magnitude.
    TrivialAugmentWide,
    /// Several chains of random operations, mixed with the image.
    AugMix,
    /// A list done with a probability.
    RandomApply,
    /// One of a list.
    RandomChoice,
    /// A list in random order.
    RandomOrder,
    /// Nothing: images are arrays here.
    ToImage,
    /// Nothing: images are arrays here.
    PILToTensor,
    /// Bytes to numbers of 0..1.
    ToTensor,
    /// Bytes to numbers of 0..1.
    ConvertImageDtype,
    /// Bytes to numbers of 0..1.
    ToDtype,
    /// Mean 0 and standard deviation 1 by channel.
    Normalize,
}

impl Transform {
    /// [`Resize`] to a shorter side (`usize`) or to (height, width).
    pub fn resize(size: impl Into<Size>) -> Self {
        Resize::new(size).into()
    }

    /// [`CenterCrop`] to a square (`usize`) or to (height, width).
    pub fn center_crop(size: impl Into<Size>) -> Self {
        CenterCrop { size: size.into() }.into()
    }

    /// [`RandomHorizontalFlip`] with probability `p`.
    pub fn random_horizontal_flip(p: f32) -> Self {
        RandomHorizontalFlip { p }.into()
    }

    /// [`RandomCrop`] of a square (`usize`) or (height, width), after padding every edge with `padding` pixels of 0.
    pub fn random_crop(size: impl Into<Size>, padding: impl Into<Padding>) -> Self {
        RandomCrop { padding: padding.into(), ..RandomCrop::new(size) }.into()
    }

    /// [`RandomResizedCrop`] to a square (`usize`) or (height, width).
    pub fn random_resized_crop(size: impl Into<Size>) -> Self {
        RandomResizedCrop::new(size).into()
    }

    /// [`Normalize`] with a mean and standard deviation that are to be measured.
    pub fn normalize() -> Self {
        Normalize::default().into()
    }

    /// [`Normalize`] with the mean and standard deviation of each channel.
    pub fn normalize_with(mean: &[f32], std: &[f32]) -> Self {
        Normalize { mean: Some(mean.to_vec()), std: Some(std.to_vec()) }.into()
    }

    /// Whether it does the same to an image every time.
    pub fn is_deterministic(&self) -> bool {
        self.spec().is_deterministic()
    }

    /// How many views of an image it gives: 5 or 10 for `FiveCrop` and `TenCrop`, else 1.
    pub fn views(&self) -> usize {
        self.spec().views()
    }

    /// The height and width that come out when `size` goes in; `None` stands for sizes that vary.
    pub fn output_size(&self, size: Option<(usize, usize)>) -> Option<(usize, usize)> {
        self.spec().output_size(size)
    }

    /// The channels that come out when `channels` go in.
    pub fn output_channels(&self, channels: usize) -> usize {
        self.spec().output_channels(channels)
    }

    /// Draws what it does to an image of (height, width, channels) that is the sample of `key`.
    ///
    /// # Errors
    /// If it cannot be done to an image of that size or with those channels.
    pub fn draw(&self, shape: (usize, usize, usize), key: Key) -> Result<Vec<Operation>, DataError> {
        let mut operations = Vec::new();
        self.draw_into(&mut Drawing::new(key, 0, shape, &mut operations))?;
        Ok(operations)
    }

    /// # Errors
    /// If it cannot be done to an image of that size or with those channels.
    pub(crate) fn draw_into(&self, drawing: &mut Drawing<'_>) -> Result<(), DataError> {
        self.spec().draw(drawing)
    }

    /// # Errors
    /// If a setting cannot be.
    pub(crate) fn check(&self) -> Result<(), DataError> {
        self.spec().check().map_err(|reason| DataError::invalid(self.name(), reason))
    }

    /// Whether bytes end here: what follows works on numbers.
    pub fn makes_numbers(&self) -> bool {
        matches!(self, Self::ToTensor(_) | Self::ConvertImageDtype(_) | Self::ToDtype(_) | Self::Normalize(_))
    }
}
