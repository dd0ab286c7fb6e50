//! `RandomErasing`.

use ocelli_kernels::random::Stream;
use serde::{Deserialize, Serialize};

use super::super::operation::Colour;
use super::super::span::{check_probability, check_range, half};
use super::super::transform::Spec;
use super::super::{Drawing, Operation};
use crate::DataError;

/// Erases a random rectangle with probability `p` (Zhong et al., arXiv:1708.04896).
///
/// Before numbers are made of bytes (`ToTensor`, `Normalize`) its `value` is a level, 0 to 255; after them, a number as the
/// network sees it, and may be random.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RandomErasing {
    /// The probability. Default: 0.5.
    #[serde(default = "half")]
    pub p: f32,
    /// The least and the largest part of the image's area. Default: [0.02, 0.33].
    #[serde(default = "usual_scale")]
    pub scale: [f64; 2],
    /// The least and the largest height divided by width. Default: [0.3, 3.3].
    #[serde(default = "usual_ratio")]
    pub ratio: [f64; 2],
    /// What the rectangle becomes. Default: 0.
    #[serde(default)]
    pub value: Erasure,
}

/// What an erased rectangle becomes.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Erasure {
    /// One number in every channel.
    One(f32),
    /// Red, green and blue.
    Each([f32; 3]),
    /// `"random"`.
    Noise(Noise),
}

/// A standard normal number for each number, drawn anew for each image.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Noise {
    /// `"random"`.
    #[serde(rename = "random")]
    Random,
}

impl Default for Erasure {
    fn default() -> Self {
        Self::One(0.0)
    }
}

fn usual_scale() -> [f64; 2] {
    [0.02, 0.33]
}

fn usual_ratio() -> [f64; 2] {
    [0.3, 3.3]
}

impl Default for RandomErasing {
    fn default() -> Self {
        Self { p: half(), scale: usual_scale(), ratio: usual_ratio(), value: Erasure::default() }
    }
}

/// How often a rectangle is drawn that does not fit before the image stays as it is.
const ATTEMPTS: usize = 10;

/// A rectangle of an image.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Rectangle {
    top: usize,
    left: usize,
    height: usize,
    width: usize,
}

impl RandomErasing {
    fn rectangle(&self, drawing: &mut Drawing<'_>) -> Option<Rectangle> {
        let (height, width) = drawing.size();
        let area = (height * width) as f64;
        let logarithms = (self.ratio[0].ln(), self.ratio[1].ln());
        for _ in 0..ATTEMPTS {
            let erased = area * drawing.uniform(self.scale.into());
            let ratio = drawing.uniform(logarithms).exp();
            let h = (erased * ratio).sqrt().round_ties_even() as usize;
            let w = (erased / ratio).sqrt().round_ties_even() as usize;
            if h < height && w < width {
                let (top, left) = (drawing.below(height - h + 1), drawing.below(width - w + 1));
                return Some(Rectangle { top, left, height: h, width: w });
            }
        }
        None
    }

    /// Erases of numbers that lie there as `drawing` says, channels last.
    pub(crate) fn erase(&self, drawing: &mut Drawing<'_>, numbers: &mut [f32]) {
        if !drawing.chance(self.p) {
            return;
        }
        let Some(Rectangle { top, left, height, width }) = self.rectangle(drawing) else { return };
        let (channels, whole) = (drawing.channels(), drawing.size().1);
        let rows = numbers.chunks_exact_mut(whole * channels).skip(top).take(height);
        for row in rows {
            let erased = &mut row[left * channels..(left + width) * channels];
            match self.value {
                Erasure::One(value) => erased.fill(value),
                Erasure::Each(values) => {
                    for pixel in erased.chunks_exact_mut(channels) {
                        pixel.copy_from_slice(&values[..channels]);
                    }
                }
                Erasure::Noise(Noise::Random) => erased.fill_with(|| Stream::normal(drawing.stream())),
            }
        }
    }

    /// # Errors
    /// If its value cannot be a byte, as it must where it comes before numbers are made.
    pub(crate) fn check_before_numbers(&self) -> Result<(), DataError> {
        let reason = match self.value {
            Erasure::Noise(Noise::Random) => {
                "value = \"random\" is noise around 0: put it after Normalize".to_owned()
            }
            Erasure::One(value) if !(0.0..=255.0).contains(&value) => {
                format!("value = {value} is no level of a pixel, 0 to 255: put it after Normalize")
            }
            Erasure::Each(values) if values.iter().any(|value| !(0.0..=255.0).contains(value)) => {
                format!("value = {values:?} are no levels of a pixel, 0 to 255: put it after Normalize")
            }
            _ => return Ok(()),
        };
        Err(DataError::invalid("RandomErasing", reason))
    }
}

impl Spec for RandomErasing {
    fn check(&self) -> Result<(), String> {
        check_probability(self.p)?;
        check_range("scale", self.scale.into(), (0.0, 1.0))?;
        check_range("ratio", self.ratio.into(), (f64::MIN_POSITIVE, f64::MAX))
    }

    fn draw(&self, drawing: &mut Drawing<'_>) -> Result<(), DataError> {
        self.check_before_numbers()?;
        if !drawing.chance(self.p) {
            return Ok(());
        }
        let Some(Rectangle { top, left, height, width }) = self.rectangle(drawing) else { return Ok(()) };
        let value = match self.value {
            Erasure::One(value) => [value as u8; 3],
            Erasure::Each(values) => values.map(|value| value as u8),
            Erasure::Noise(Noise::Random) => unreachable!("refused above"),
        };
        drawing.push(Operation::Colour(Colour::Erase { top, left, height, width, value }))
    }
}
