//! `TenCrop`.

use serde::{Deserialize, Serialize};

use super::super::transform::Spec;
use super::super::{Drawing, Operation, Size};
use super::five_crop::{VIEWS, push_crop};
use crate::DataError;

/// Shows the four corners and the middle, and those of the mirrored image: ten views of an image, whose probabilities are
/// averaged.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TenCrop {
    /// Both sides of each, or `[height, width]`.
    pub size: Size,
    /// Whether top and bottom are exchanged for the second five, and not left and right. Default: false.
    #[serde(default)]
    pub vertical_flip: bool,
}

impl Spec for TenCrop {
    fn check(&self) -> Result<(), String> {
        self.size.check()
    }

    fn is_deterministic(&self) -> bool {
        true
    }

    fn views(&self) -> usize {
        2 * VIEWS
    }

    fn output_size(&self, _: Option<(usize, usize)>) -> Option<(usize, usize)> {
        Some(self.size.both())
    }

    fn draw(&self, drawing: &mut Drawing<'_>) -> Result<(), DataError> {
        let view = drawing.view();
        if view >= VIEWS {
            drawing.push(if self.vertical_flip {
                Operation::VerticalFlip
            } else {
                Operation::HorizontalFlip
            })?;
        }
        push_crop("TenCrop", self.size, view % VIEWS, drawing)
    }
}
