//! `CenterCrop`.

use serde::{Deserialize, Serialize};

use super::super::transform::Spec;
use super::super::{Drawing, Operation, Size};
use crate::DataError;

/// Crops the middle; an image that is smaller is padded with 0 first.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CenterCrop {
    /// Both sides, or `[height, width]`.
    pub size: Size,
}

impl Spec for CenterCrop {
    fn check(&self) -> Result<(), String> {
        self.size.check()
    }

    fn is_deterministic(&self) -> bool {
        true
    }

    fn output_size(&self, _: Option<(usize, usize)>) -> Option<(usize, usize)> {
        Some(self.size.both())
    }

    fn draw(&self, drawing: &mut Drawing<'_>) -> Result<(), DataError> {
        let ((height, width), seen) = (self.size.both(), drawing.size());
        let (top, left) = (centre(seen.0, height), centre(seen.1, width));
        drawing.push(Operation::Crop { top, left, height, width, fill: [0; 3] })
    }
}

/// Where torchvision's `CenterCrop` starts: it rounds halves to the even number, and pads more at the end.
pub(super) fn centre(side: usize, crop: usize) -> isize {
    if crop > side {
        return -(((crop - side) / 2) as isize);
    }
    let spare = side - crop;
    let half = spare / 2;
    (half + (spare % 2) * (half % 2)) as isize
}
