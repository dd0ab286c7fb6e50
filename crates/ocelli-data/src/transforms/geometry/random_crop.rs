//! `RandomCrop`.

use serde::{Deserialize, Serialize};

use super::super::functional::PaddingMode;
use super::super::transform::Spec;
use super::super::{Drawing, Fill, Operation, Padding, Size};
use super::pad::push_padding;
use crate::DataError;

/// Pads, then crops at a random place.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RandomCrop {
    /// Both sides, or `[height, width]`.
    pub size: Size,
    /// Pixels added at the edges first. Default: none.
    #[serde(default)]
    pub padding: Padding,
    /// Whether an image that is still too small is padded at both sides by what it lacks. Default: false, an error.
    #[serde(default)]
    pub pad_if_needed: bool,
    /// What fills added pixels where `padding_mode` is constant. Default: 0.
    #[serde(default)]
    pub fill: Fill,
    /// What added pixels show. Default: constant.
    #[serde(default)]
    pub padding_mode: PaddingMode,
}

impl RandomCrop {
    /// Of a square (`usize`) or (height, width), without padding.
    pub fn new(size: impl Into<Size>) -> Self {
        Self {
            size: size.into(),
            padding: Padding::default(),
            pad_if_needed: false,
            fill: Fill::default(),
            padding_mode: PaddingMode::Constant,
        }
    }

    /// Left, top, right and bottom padding of an image of this size.
    fn edges(&self, (height, width): (usize, usize)) -> [usize; 4] {
        let [mut left, mut top, mut right, mut bottom] = self.padding.edges();
        if self.pad_if_needed {
            let (new_height, new_width) = self.size.both();
            let lacking = new_height.saturating_sub(height + top + bottom);
            (top, bottom) = (top + lacking, bottom + lacking);
            let lacking = new_width.saturating_sub(width + left + right);
            (left, right) = (left + lacking, right + lacking);
        }
        [left, top, right, bottom]
    }
}

impl Spec for RandomCrop {
    fn check(&self) -> Result<(), String> {
        self.size.check()?;
        self.padding.check()?;
        self.fill.check("fill")
    }

    fn output_size(&self, _: Option<(usize, usize)>) -> Option<(usize, usize)> {
        Some(self.size.both())
    }

    fn draw(&self, drawing: &mut Drawing<'_>) -> Result<(), DataError> {
        let (seen, (height, width)) = (drawing.size(), self.size.both());
        let [left, top, right, bottom] = self.edges(seen);
        let padded = (seen.0 + top + bottom, seen.1 + left + right);
        if padded.0 < height || padded.1 < width {
            return Err(DataError::invalid(
                "RandomCrop",
                format!(
                    "an image of {}×{}, {}×{} with its padding, has no part of {width}×{height}: \
                     Resize first, or set pad_if_needed",
                    seen.1, seen.0, padded.1, padded.0
                ),
            ));
        }
        let row = drawing.below(padded.0 - height + 1);
        let column = drawing.below(padded.1 - width + 1);
        let (row, column) = if self.padding_mode == PaddingMode::Constant {
            (row as isize - top as isize, column as isize - left as isize)
        } else {
            push_padding(drawing, [left, top, right, bottom], self.padding_mode, self.fill)?;
            (row as isize, column as isize)
        };
        drawing.push(Operation::Crop { top: row, left: column, height, width, fill: self.fill.bytes() })
    }
}
