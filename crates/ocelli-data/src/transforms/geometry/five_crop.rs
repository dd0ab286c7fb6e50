//! `FiveCrop`.

use serde::{Deserialize, Serialize};

use super::super::transform::Spec;
use super::super::{Drawing, Operation, Size};
use super::center_crop::centre;
use crate::DataError;

/// Shows the four corners and the middle: five views of an image, whose probabilities are averaged.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FiveCrop {
    /// Both sides of each, or `[height, width]`.
    pub size: Size,
}

/// How many views there are.
pub(super) const VIEWS: usize = 5;

impl Spec for FiveCrop {
    fn check(&self) -> Result<(), String> {
        self.size.check()
    }

    fn is_deterministic(&self) -> bool {
        true
    }

    fn views(&self) -> usize {
        VIEWS
    }

    fn output_size(&self, _: Option<(usize, usize)>) -> Option<(usize, usize)> {
        Some(self.size.both())
    }

    fn draw(&self, drawing: &mut Drawing<'_>) -> Result<(), DataError> {
        push_crop("FiveCrop", self.size, drawing.view(), drawing)
    }
}

/// Adds crop `number` of five: top left, top right, bottom left, bottom right, middle.
pub(super) fn push_crop(
    name: &str,
    size: Size,
    number: usize,
    drawing: &mut Drawing<'_>,
) -> Result<(), DataError> {
    let (seen, (height, width)) = (drawing.size(), size.both());
    if height > seen.0 || width > seen.1 {
        return Err(DataError::invalid(
            name,
            format!("an image of {}×{} has no part of {width}×{height}: Resize first", seen.1, seen.0),
        ));
    }
    let (bottom, right) = ((seen.0 - height) as isize, (seen.1 - width) as isize);
    let (top, left) = match number {
        0 => (0, 0),
        1 => (0, right),
        2 => (bottom, 0),
        3 => (bottom, right),
        _ => (centre(seen.0, height), centre(seen.1, width)),
    };
    drawing.push(Operation::Crop { top, left, height, width, fill: [0; 3] })
}
