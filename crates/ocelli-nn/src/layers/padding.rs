//! What a convolution reads beyond the edge of its input.

use serde::{Deserialize, Serialize};

use crate::shape::Pair;

/// How much is added around a convolution's input. In files a number, `[height, width]`, `[left, right, top, bottom]`, `"same"` or
/// `"valid"`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(from = "PaddingFile", into = "PaddingFile")]
pub enum Padding {
    /// This many rows and columns on each side.
    Each(Pair),
    /// Each side's own number, as `nn.ZeroPad2d` before the convolution adds it: what TensorFlow's `SAME` comes to where a
    /// stride leaves an odd number of columns or rows.
    Sides(Sides),
    /// What makes the output as large as the input, for stride 1. Where the sum of both sides is odd, the
    /// greater half is below and to the right.
    Same,
    /// None.
    Valid,
}

/// Columns and rows added on each side of a map, in the order of `nn.ZeroPad2d`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Sides {
    /// Columns before the first.
    pub left: usize,
    /// Columns after the last.
    pub right: usize,
    /// Rows above the first.
    pub top: usize,
    /// Rows below the last.
    pub bottom: usize,
}

/// How a [`Padding`] is written in a file.
#[derive(Serialize, Deserialize)]
#[serde(
    untagged,
    expecting = "expected a whole number that is not negative, two as [height, width], four as [left, right, top, bottom], \
                 \"same\" or \"valid\""
)]
enum PaddingFile {
    Each(Pair),
    Sides([usize; 4]),
    Named(Name),
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Name {
    Same,
    Valid,
}

impl From<PaddingFile> for Padding {
    fn from(file: PaddingFile) -> Self {
        match file {
            PaddingFile::Each(pair) => Self::Each(pair),
            PaddingFile::Sides([left, right, top, bottom]) => Self::Sides(Sides { left, right, top, bottom }),
            PaddingFile::Named(Name::Same) => Self::Same,
            PaddingFile::Named(Name::Valid) => Self::Valid,
        }
    }
}

impl From<Padding> for PaddingFile {
    fn from(padding: Padding) -> Self {
        match padding {
            Padding::Each(pair) => Self::Each(pair),
            Padding::Sides(Sides { left, right, top, bottom }) => Self::Sides([left, right, top, bottom]),
            Padding::Same => Self::Named(Name::Same),
            Padding::Valid => Self::Named(Name::Valid),
        }
    }
}

impl<P: Into<Pair>> From<P> for Padding {
    fn from(each: P) -> Self {
        Self::Each(each.into())
    }
}

/// What stands beyond the edge, as PyTorch's `padding_mode`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PaddingMode {
    /// Zeros.
    #[default]
    Zeros,
    /// The map mirrored at its edge pixels, which are not repeated.
    Reflect,
    /// The edge pixels, repeated.
    Replicate,
    /// The other side of the map.
    Circular,
}

impl PaddingMode {
    /// The row or column of a map of `size` that stands at `place`, which counts from the map's first; `None`
    /// for a zero. A margin must be no wider than [`PaddingMode::widest`].
    pub(crate) fn source(self, place: isize, size: usize) -> Option<usize> {
        let last = size as isize - 1;
        let found = match self {
            _ if (0..=last).contains(&place) => place,
            Self::Zeros => return None,
            Self::Reflect if place < 0 => -place,
            Self::Reflect => 2 * last - place,
            Self::Replicate => place.clamp(0, last),
            Self::Circular => place.rem_euclid(size as isize),
        };
        Some(found as usize)
    }

    /// The widest margin that a map of `size` can fill.
    pub(super) fn widest(self, size: usize) -> usize {
        match self {
            Self::Zeros | Self::Replicate => usize::MAX,
            Self::Reflect => size.saturating_sub(1),
            Self::Circular => size,
        }
    }
}

/// What is added around a map.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Margins {
    /// Above and left.
    pub(crate) before: Pair,
    /// Below and right.
    pub(crate) after: Pair,
}

impl Margins {
    pub(crate) const NONE: Self = Self { before: Pair::square(0), after: Pair::square(0) };
}

impl From<Sides> for Padding {
    fn from(sides: Sides) -> Self {
        Self::Sides(sides)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_say_it_in_five_ways() {
        for (text, padding) in [
            ("1", Padding::Each(1.into())),
            ("[1,2]", Padding::Each((1, 2).into())),
            ("[1,2,3,4]", Padding::Sides(Sides { left: 1, right: 2, top: 3, bottom: 4 })),
            ("\"same\"", Padding::Same),
            ("\"valid\"", Padding::Valid),
        ] {
            assert_eq!(serde_json::from_str::<Padding>(text).unwrap(), padding);
            assert_eq!(serde_json::to_string(&padding).unwrap(), text);
        }
        assert!(serde_json::from_str::<Padding>("\"sane\"").unwrap_err().to_string().contains("\"same\""));
    }

    #[test]
    fn margins_are_pytorchs() {
        let around = |mode: PaddingMode| (-2..6).map(|place| mode.source(place, 4)).collect::<Vec<_>>();
        let at = |places: [usize; 8]| places.map(Some).to_vec();
        assert_eq!(around(PaddingMode::Reflect), at([2, 1, 0, 1, 2, 3, 2, 1]));
        assert_eq!(around(PaddingMode::Replicate), at([0, 0, 0, 1, 2, 3, 3, 3]));
        assert_eq!(around(PaddingMode::Circular), at([2, 3, 0, 1, 2, 3, 0, 1]));
        assert_eq!(around(PaddingMode::Zeros)[..3], [None, None, Some(0)]);
    }
}
