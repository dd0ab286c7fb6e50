//! The transforms as data, with torchvision's names and defaults.

use serde::{Deserialize, Serialize};

use super::{Padding, Size};
use crate::DataError;

/// One step of a pipeline, written as in torchvision: `{ type = "RandomCrop", size = 32, padding = 4 }`.
///
/// A key that the type does not have is an error.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(tag = "type")]
#[non_exhaustive]
pub enum Transform {
    /// Another size, antialiased.
    Resize(Resize),
    /// The middle.
    CenterCrop(CenterCrop),
    /// Left and right exchanged, or not.
    RandomHorizontalFlip(RandomHorizontalFlip),
    /// A part at a random place, after padding.
    RandomCrop(RandomCrop),
    /// Mean 0 and standard deviation 1 by channel; always last.
    Normalize(Normalize),
}

/// Resizes bilinearly, antialiased.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Resize {
    /// The shorter side, the other in proportion (rounded down); or `[height, width]`.
    pub size: Size,
}

/// Crops the middle; an image that is smaller is padded with 0 first.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CenterCrop {
    /// Both sides, or `[height, width]`.
    pub size: Size,
}

/// Mirrors an image with probability `p`.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RandomHorizontalFlip {
    /// The probability. Default: 0.5.
    #[serde(default = "half")]
    pub p: f32,
}

fn half() -> f32 {
    0.5
}

impl Default for RandomHorizontalFlip {
    fn default() -> Self {
        Self { p: half() }
    }
}

/// Pads, then crops at a random place.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RandomCrop {
    /// Both sides, or `[height, width]`.
    pub size: Size,
    /// Pixels added at the edges first. Default: none.
    #[serde(default)]
    pub padding: Padding,
    /// The byte that fills added pixels, in every channel. Default: 0.
    #[serde(default)]
    pub fill: u8,
}

/// Subtracts the mean of each channel and divides by its standard deviation, both in units of 0..1.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Normalize {
    /// The mean of each channel. Measured from the training split if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mean: Option<Vec<f32>>,
    /// The standard deviation of each channel. Measured from the training split if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub std: Option<Vec<f32>>,
}

impl Transform {
    /// [`Resize`] to a shorter side (`usize`) or to (height, width).
    pub fn resize(size: impl Into<Size>) -> Self {
        Self::Resize(Resize { size: size.into() })
    }

    /// [`CenterCrop`] to a square (`usize`) or to (height, width).
    pub fn center_crop(size: impl Into<Size>) -> Self {
        Self::CenterCrop(CenterCrop { size: size.into() })
    }

    /// [`RandomHorizontalFlip`] with probability `p`.
    pub fn random_horizontal_flip(p: f32) -> Self {
        Self::RandomHorizontalFlip(RandomHorizontalFlip { p })
    }

    /// [`RandomCrop`] of a square (`usize`) or (height, width), after padding every edge with `padding` pixels of 0.
    pub fn random_crop(size: impl Into<Size>, padding: impl Into<Padding>) -> Self {
        Self::RandomCrop(RandomCrop { size: size.into(), padding: padding.into(), fill: 0 })
    }

    /// [`Normalize`] with a mean and standard deviation that are to be measured.
    pub fn normalize() -> Self {
        Self::Normalize(Normalize::default())
    }

    /// [`Normalize`] with the mean and standard deviation of each channel.
    pub fn normalize_with(mean: &[f32], std: &[f32]) -> Self {
        Self::Normalize(Normalize { mean: Some(mean.to_vec()), std: Some(std.to_vec()) })
    }

    /// Its name, as torchvision has it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Resize(_) => "Resize",
            Self::CenterCrop(_) => "CenterCrop",
            Self::RandomHorizontalFlip(_) => "RandomHorizontalFlip",
            Self::RandomCrop(_) => "RandomCrop",
            Self::Normalize(_) => "Normalize",
        }
    }

    /// Whether it does the same to an image every time.
    pub fn is_deterministic(&self) -> bool {
        match self {
            Self::Resize(_) | Self::CenterCrop(_) | Self::Normalize(_) => true,
            Self::RandomHorizontalFlip(_) | Self::RandomCrop(_) => false,
        }
    }

    /// The height and width that come out when `size` goes in; `None` stands for sizes that vary.
    pub fn output_size(&self, size: Option<(usize, usize)>) -> Option<(usize, usize)> {
        match self {
            Self::Resize(resize) => match resize.size {
                Size::Two([height, width]) => Some((height, width)),
                Size::One(_) => size.map(|size| resize.target(size)),
            },
            Self::CenterCrop(crop) => Some(crop.size.both()),
            Self::RandomCrop(crop) => Some(crop.size.both()),
            Self::RandomHorizontalFlip(_) | Self::Normalize(_) => size,
        }
    }

    /// # Errors
    /// If a size is 0, or a probability is not in 0..=1.
    pub(crate) fn check(&self) -> Result<(), DataError> {
        let size = match self {
            Self::Resize(resize) => resize.size.both(),
            Self::CenterCrop(crop) => crop.size.both(),
            Self::RandomCrop(crop) => crop.size.both(),
            Self::RandomHorizontalFlip(flip) if !(0.0..=1.0).contains(&flip.p) => {
                let reason = format!("p = {} is not a probability: 0 to 1 is needed", flip.p);
                return Err(DataError::invalid(self.name(), reason));
            }
            _ => return Ok(()),
        };
        let allowed = 1..=MAX_SIDE;
        if allowed.contains(&size.0) && allowed.contains(&size.1) {
            return Ok(());
        }
        Err(DataError::invalid(
            self.name(),
            format!("size {}×{}: sides of 1 to {MAX_SIDE} are needed", size.0, size.1),
        ))
    }
}

/// The longest side that a transform makes.
const MAX_SIDE: usize = 1 << 15;

impl Resize {
    /// The height and width that an image of this size gets: torchvision's arithmetic, in whole numbers.
    pub fn target(&self, (height, width): (usize, usize)) -> (usize, usize) {
        match self.size {
            Size::Two([height, width]) => (height, width),
            Size::One(short) if height <= width => (short, (short * width / height.max(1)).max(1)),
            Size::One(short) => ((short * height / width.max(1)).max(1), short),
        }
    }
}
