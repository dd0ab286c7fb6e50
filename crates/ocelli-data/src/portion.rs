//! Images of which only a part is at hand.

use crate::Image;

/// What of an image a sample needs: known before its pixels are, so that the rest need not be read or decoded.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Wanted {
    /// The first row.
    pub top: usize,
    /// The first column.
    pub left: usize,
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
    /// How many times smaller the image may come, along both sides: 1, 2, 4 or 8.
    pub reduction: usize,
}

impl Wanted {
    /// One row after the last.
    pub fn bottom(&self) -> usize {
        self.top + self.height
    }
}

/// How many times the size that is needed an image keeps, at least, where it comes smaller: resizing then sees as much detail as it
/// lets through, and results differ from those of the whole image by little more than rounding.
const DETAIL: usize = 2;

/// By how much an image may be reduced, of which `height × width` pixels become `to` (height, width): 1, 2, 4 or 8.
pub(crate) fn reduction((height, width): (usize, usize), to: (usize, usize)) -> usize {
    let keeps_enough = |by: &usize| height / by >= DETAIL * to.0.max(1) && width / by >= DETAIL * to.1.max(1);
    [8, 4, 2].into_iter().find(keeps_enough).unwrap_or(1)
}

/// An image, or a part of it, or all of it smaller than it is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Portion {
    /// The pixels at hand.
    pub image: Image,
    /// Where they belong.
    pub place: Place,
}

/// Where the pixels at hand belong in their image.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Place {
    /// Height and width of the whole image.
    pub whole: (usize, usize),
    /// The image's row that is the first at hand.
    pub top: usize,
    /// The image's column that is the first at hand.
    pub left: usize,
    /// How many times smaller they are than the image, along both sides; the last row and column may stand for fewer.
    pub reduction: usize,
}

impl Place {
    /// All of an image of (height, width).
    pub(crate) fn whole(size: (usize, usize)) -> Self {
        Self { whole: size, top: 0, left: 0, reduction: 1 }
    }
}

impl From<Image> for Portion {
    fn from(image: Image) -> Self {
        Self { place: Place::whole((image.height(), image.width())), image }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_are_reduced_as_far_as_twice_the_size_is_kept() {
        let to = (224, 224);
        for (size, by) in
            [((3000, 4000), 4), ((3584, 4000), 8), ((896, 4000), 2), ((895, 4000), 1), ((375, 500), 1)]
        {
            assert_eq!(reduction(size, to), by, "{size:?}");
        }
    }
}
