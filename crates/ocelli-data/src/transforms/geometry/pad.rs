//! `Pad`.

use serde::{Deserialize, Serialize};

use super::super::functional::PaddingMode;
use super::super::operation::Geometry;
use super::super::transform::Spec;
use super::super::{Drawing, Fill, Operation, Padding};
use crate::DataError;

/// Adds pixels at the edges.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pad {
    /// How many: one number, `[left and right, top and bottom]`, or `[left, top, right, bottom]`.
    pub padding: Padding,
    /// What fills them where `padding_mode` is constant. Default: 0.
    #[serde(default)]
    pub fill: Fill,
    /// What they show. Default: constant.
    #[serde(default)]
    pub padding_mode: PaddingMode,
}

impl Spec for Pad {
    fn check(&self) -> Result<(), String> {
        self.padding.check()?;
        self.fill.check("fill")
    }

    fn is_deterministic(&self) -> bool {
        true
    }

    fn output_size(&self, size: Option<(usize, usize)>) -> Option<(usize, usize)> {
        let [left, top, right, bottom] = self.padding.edges();
        size.map(|(height, width)| (height + top + bottom, width + left + right))
    }

    fn draw(&self, drawing: &mut Drawing<'_>) -> Result<(), DataError> {
        push_padding(drawing, self.padding.edges(), self.padding_mode, self.fill)
    }
}

/// Pads by left, top, right and bottom; with a constant that is a crop past the edges, which costs nothing of its own.
pub(super) fn push_padding(
    drawing: &mut Drawing<'_>,
    edges: [usize; 4],
    mode: PaddingMode,
    fill: Fill,
) -> Result<(), DataError> {
    let (height, width) = drawing.size();
    let [left, top, right, bottom] = edges;
    if mode == PaddingMode::Constant {
        return drawing.push(Operation::Crop {
            top: -(top as isize),
            left: -(left as isize),
            height: height + top + bottom,
            width: width + left + right,
            fill: fill.bytes(),
        });
    }
    let (most_x, most_y) = mode.most((height, width));
    if left.max(right) > most_x || top.max(bottom) > most_y {
        return Err(DataError::invalid(
            "padding",
            format!(
                "{mode:?} padding of {edges:?} shows more than an image of {width}×{height} has: pad less"
            ),
        ));
    }
    drawing.push(Operation::Geometry(Geometry::Pad { edges, mode }))
}
