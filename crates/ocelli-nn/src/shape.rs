//! Shapes of what flows through a network, without the batch dimension.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::ParseShapeError;

/// The most values that one image's activations, or a network's parameters, may hold in total: 2³² (16 GiB of `f32`).
///
/// Networks come from files that anyone may have written; beyond this they are refused before anything is allocated.
pub const MAX_ELEMENTS: u64 = 1 << 32;

/// The shape of one image's activation: a map of channels × height × width, or a row of features.
///
/// Shapes are spoken channels first, as in PyTorch, wherever the values lie in memory.
/// As text it is `3×32×32` or `1024` ([`FromStr`] also takes `3x32x32`); in JSON and TOML it is `[3, 32, 32]` or `[1024]`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, Serialize, Deserialize)]
#[serde(try_from = "Vec<usize>", into = "Vec<usize>")]
pub enum Shape {
    /// Channels of height × width pixels each.
    Map {
        /// Number of channels.
        channels: usize,
        /// Height in pixels.
        height: usize,
        /// Width in pixels.
        width: usize,
    },
    /// A row of this many values.
    Features(usize),
}

impl Shape {
    /// A map of `channels` × `height` × `width`.
    pub const fn map(channels: usize, height: usize, width: usize) -> Self {
        Self::Map { channels, height, width }
    }

    /// A row of `count` values.
    pub const fn features(count: usize) -> Self {
        Self::Features(count)
    }

    /// How many values one image has (`usize::MAX` where the product does not fit).
    pub const fn elements(self) -> usize {
        match self {
            Self::Map { channels, height, width } => channels.saturating_mul(height).saturating_mul(width),
            Self::Features(count) => count,
        }
    }

    /// The channels of a map, or the count of features: PyTorch's dimension 1.
    pub const fn channels(self) -> usize {
        match self {
            Self::Map { channels, .. } => channels,
            Self::Features(count) => count,
        }
    }

    /// Height and width of a map; `None` for features.
    pub const fn size(self) -> Option<Pair> {
        match self {
            Self::Map { height, width, .. } => Some(Pair { height, width }),
            Self::Features(_) => None,
        }
    }

    /// The dimensions, outermost first: `[channels, height, width]` or `[features]`.
    pub fn dimensions(self) -> Vec<usize> {
        match self {
            Self::Map { channels, height, width } => vec![channels, height, width],
            Self::Features(count) => vec![count],
        }
    }

    /// The shape in words, for errors: "a 64×4×4 map" or "1024 features".
    pub(crate) fn in_words(self) -> String {
        match self {
            Self::Map { .. } => format!("a {self} map"),
            Self::Features(count) => format!("{count} features"),
        }
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Self::Map { channels, height, width } => format!("{channels}×{height}×{width}"),
            Self::Features(count) => count.to_string(),
        };
        f.pad(&text)
    }
}

impl FromStr for Shape {
    type Err = ParseShapeError;

    fn from_str(text: &str) -> Result<Self, ParseShapeError> {
        let parts: Result<Vec<usize>, _> =
            text.split(['x', 'X', '×']).map(|part| part.trim().parse()).collect();
        parts
            .ok()
            .and_then(|dimensions| Self::try_from(dimensions).ok())
            .ok_or_else(|| ParseShapeError::new(text))
    }
}

impl TryFrom<Vec<usize>> for Shape {
    type Error = ParseShapeError;

    fn try_from(dimensions: Vec<usize>) -> Result<Self, ParseShapeError> {
        match dimensions[..] {
            [channels, height, width] => Ok(Self::map(channels, height, width)),
            [count] => Ok(Self::Features(count)),
            _ => Err(ParseShapeError::new(&format!("{} dimensions", dimensions.len()))),
        }
    }
}

impl From<Shape> for Vec<usize> {
    fn from(shape: Shape) -> Self {
        shape.dimensions()
    }
}

/// A size, step or margin along height and along width. In TOML and JSON a number (both the same) or `[height, width]`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, Serialize, Deserialize)]
#[serde(from = "PairFile", into = "PairFile")]
pub struct Pair {
    /// Along height.
    pub height: usize,
    /// Along width.
    pub width: usize,
}

impl Pair {
    /// The same along both.
    pub const fn square(side: usize) -> Self {
        Self { height: side, width: side }
    }

    /// Height × width (`usize::MAX` where the product does not fit).
    pub const fn area(self) -> usize {
        self.height.saturating_mul(self.width)
    }
}

/// `3` where both sides are 3, else `3×5`.
impl fmt::Display for Pair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.height == self.width {
            f.pad(&self.height.to_string())
        } else {
            f.pad(&format!("{}×{}", self.height, self.width))
        }
    }
}

impl From<usize> for Pair {
    fn from(side: usize) -> Self {
        Self::square(side)
    }
}

impl From<(usize, usize)> for Pair {
    fn from((height, width): (usize, usize)) -> Self {
        Self { height, width }
    }
}

/// How a [`Pair`] is written in a file.
#[derive(Serialize, Deserialize)]
#[serde(untagged, expecting = "expected a whole number that is not negative, or two as [height, width]")]
enum PairFile {
    Same(usize),
    Each(usize, usize),
}

impl From<PairFile> for Pair {
    fn from(file: PairFile) -> Self {
        match file {
            PairFile::Same(side) => Self::square(side),
            PairFile::Each(height, width) => Self { height, width },
        }
    }
}

impl From<Pair> for PairFile {
    fn from(pair: Pair) -> Self {
        if pair.height == pair.width { Self::Same(pair.height) } else { Self::Each(pair.height, pair.width) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_are_read_and_written() {
        assert_eq!("3x32x32".parse(), Ok(Shape::map(3, 32, 32)));
        assert_eq!("1×28×28".parse(), Ok(Shape::map(1, 28, 28)));
        assert_eq!("784".parse(), Ok(Shape::features(784)));
        assert_eq!(Shape::map(16, 32, 8).to_string(), "16×32×8");
        for wrong in ["", "3x", "3x32", "3x-1x2", "axbxc", "1x2x3x4"] {
            assert!(wrong.parse::<Shape>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn pairs_are_a_number_or_two() {
        assert_eq!(serde_json::to_string(&Pair::square(3)).unwrap(), "3");
        assert_eq!(serde_json::to_string(&Pair::from((3, 5))).unwrap(), "[3,5]");
        assert_eq!(serde_json::from_str::<Pair>("[3, 5]").unwrap(), Pair::from((3, 5)));
        assert!(serde_json::from_str::<Pair>("-1").unwrap_err().to_string().contains("[height, width]"));
    }
}
