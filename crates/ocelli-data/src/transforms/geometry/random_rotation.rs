//! `RandomRotation`.

use serde::{Deserialize, Serialize};

use super::super::functional::{Affine, Warp};
use super::super::operation::Geometry;
use super::super::span::check_range;
use super::super::transform::Spec;
use super::super::{Drawing, Fill, Interpolation, Operation, Span};
use crate::DataError;

/// Turns an image by a random angle, anticlockwise in degrees.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RandomRotation {
    /// From −degrees to degrees, or `[least, largest]`.
    pub degrees: Span,
    /// nearest or bilinear. Default: nearest.
    #[serde(default = "Interpolation::nearest")]
    pub interpolation: Interpolation,
    /// Whether the image grows to hold all of what was turned. Default: false.
    #[serde(default)]
    pub expand: bool,
    /// What it is turned about, (x, y) in pixels from the top left corner. Default: the middle.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub center: Option<[f64; 2]>,
    /// What fills the corners. Default: 0.
    #[serde(default)]
    pub fill: Fill,
}

impl RandomRotation {
    /// By up to `degrees` either way, or within a range.
    pub fn new(degrees: impl Into<Span>) -> Self {
        Self {
            degrees: degrees.into(),
            interpolation: Interpolation::Nearest,
            expand: false,
            center: None,
            fill: Fill::default(),
        }
    }
}

impl Spec for RandomRotation {
    fn check(&self) -> Result<(), String> {
        self.degrees.check_not_negative("degrees")?;
        check_range("degrees", self.degrees.around_zero(), (f64::MIN, f64::MAX))?;
        self.interpolation.check_for_warping()?;
        self.fill.check("fill")
    }

    fn output_size(&self, size: Option<(usize, usize)>) -> Option<(usize, usize)> {
        if self.expand { None } else { size }
    }

    fn draw(&self, drawing: &mut Drawing<'_>) -> Result<(), DataError> {
        let angle = drawing.uniform(self.degrees.around_zero());
        let turn = Turn {
            interpolation: self.interpolation,
            expand: self.expand,
            center: self.center,
            fill: Some(self.fill),
        };
        turn.push(drawing, angle)
    }
}

/// How torchvision's `rotate` turns.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Turn {
    pub(crate) interpolation: Interpolation,
    pub(crate) expand: bool,
    pub(crate) center: Option<[f64; 2]>,
    pub(crate) fill: Option<Fill>,
}

impl Turn {
    /// Turns by `angle` degrees anticlockwise; whole and half turns, and quarters where the size allows, move pixels
    /// without looking between them.
    pub(crate) fn push(&self, drawing: &mut Drawing<'_>, angle: f64) -> Result<(), DataError> {
        let (height, width) = drawing.size();
        let angle = angle.rem_euclid(360.0);
        let quarters = self.expand || height == width;
        let quarter = Operation::Geometry(Geometry::QuarterTurn);
        match (self.center, angle) {
            (None, 0.0) => return Ok(()),
            (None, 90.0) if quarters => return drawing.push(quarter),
            (None, 180.0 | 270.0) if angle == 180.0 || quarters => {
                drawing.push(Operation::HorizontalFlip)?;
                drawing.push(Operation::VerticalFlip)?;
                return if angle == 180.0 { Ok(()) } else { drawing.push(quarter) };
            }
            _ => {}
        }
        let affine = Affine { angle: -angle, ..Affine::about(self.center, (height, width)) };
        let matrix = affine.inverse();
        let size = if self.expand { Affine::extent(&matrix, (height, width)) } else { (height, width) };
        drawing.push(Operation::Geometry(Geometry::Warp(Warp::affine(
            matrix,
            size,
            self.interpolation,
            self.fill,
        ))))
    }
}
