//! Sizes and paddings as torchvision writes them.

use serde::{Deserialize, Serialize};

/// A size: one number, or `[height, width]`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Size {
    /// One number: the shorter side for [`Resize`](super::Resize), both sides for crops.
    One(usize),
    /// Height and width.
    Two([usize; 2]),
}

/// The longest side that a transform makes.
const MAX_SIDE: usize = 1 << 15;

impl Size {
    /// Height and width of a crop.
    pub(crate) fn both(self) -> (usize, usize) {
        match self {
            Self::One(side) => (side, side),
            Self::Two([height, width]) => (height, width),
        }
    }

    /// # Errors
    /// If a side is 0, or longer than any image should be.
    pub(crate) fn check(self) -> Result<(), String> {
        let (height, width) = self.both();
        let allowed = 1..=MAX_SIDE;
        if allowed.contains(&height) && allowed.contains(&width) {
            return Ok(());
        }
        Err(format!("size {height}×{width}: sides of 1 to {MAX_SIDE} are needed"))
    }
}

impl From<usize> for Size {
    fn from(side: usize) -> Self {
        Self::One(side)
    }
}

impl From<(usize, usize)> for Size {
    fn from((height, width): (usize, usize)) -> Self {
        Self::Two([height, width])
    }
}

/// Pixels added at the edges: one number, `[left and right, top and bottom]`, or `[left, top, right, bottom]`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Padding {
    /// The same at every edge.
    All(usize),
    /// Left and right; top and bottom.
    Sides([usize; 2]),
    /// Left, top, right, bottom.
    Each([usize; 4]),
}

impl Default for Padding {
    fn default() -> Self {
        Self::All(0)
    }
}

impl From<usize> for Padding {
    fn from(all: usize) -> Self {
        Self::All(all)
    }
}

impl Padding {
    /// Left, top, right, bottom.
    pub(crate) fn edges(self) -> [usize; 4] {
        match self {
            Self::All(all) => [all; 4],
            Self::Sides([x, y]) => [x, y, x, y],
            Self::Each(edges) => edges,
        }
    }

    /// # Errors
    /// If more is added than any image should have.
    pub(crate) fn check(self) -> Result<(), String> {
        match self.edges().into_iter().find(|edge| *edge > MAX_SIDE) {
            Some(edge) => Err(format!("padding of {edge} pixels: at most {MAX_SIDE} are allowed")),
            None => Ok(()),
        }
    }
}
