//! `RandomAffine`.

use serde::{Deserialize, Serialize};

use super::super::functional::{Affine, Warp};
use super::super::operation::Geometry;
use super::super::span::check_range;
use super::super::transform::Spec;
use super::super::{Drawing, Fill, Interpolation, Operation, Span};
use crate::DataError;

/// Turns, moves, scales and shears an image at random, about its centre.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RandomAffine {
    /// From −degrees to degrees clockwise, or `[least, largest]`.
    pub degrees: Span,
    /// The largest shifts along x and y, as parts of the width and height. Default: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub translate: Option<[f64; 2]>,
    /// The least and the largest factor of size. Default: 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scale: Option<[f64; 2]>,
    /// Degrees of shear. Default: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shear: Option<Shear>,
    /// nearest or bilinear. Default: nearest.
    #[serde(default = "Interpolation::nearest")]
    pub interpolation: Interpolation,
    /// What fills pixels that the image does not reach. Default: 0.
    #[serde(default)]
    pub fill: Fill,
    /// What it is turned about, (x, y) in pixels from the top left corner. Default: the middle.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub center: Option<[f64; 2]>,
}

/// Degrees of shear.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Shear {
    /// Along x: from −shear to shear, or `[least, largest]`.
    X(Span),
    /// Along x from the first to the second, along y from the third to the fourth.
    Both([f64; 4]),
}

impl Shear {
    /// The ranges along x and y.
    fn ranges(self) -> [(f64, f64); 2] {
        match self {
            Self::X(span) => [span.around_zero(), (0.0, 0.0)],
            Self::Both([x0, x1, y0, y1]) => [(x0, x1), (y0, y1)],
        }
    }
}

impl RandomAffine {
    /// Turned by up to `degrees` either way, or within a range, and nothing else.
    pub fn new(degrees: impl Into<Span>) -> Self {
        Self {
            degrees: degrees.into(),
            translate: None,
            scale: None,
            shear: None,
            interpolation: Interpolation::Nearest,
            fill: Fill::default(),
            center: None,
        }
    }

    /// The parameters for one image.
    fn parameters(&self, drawing: &mut Drawing<'_>) -> Affine {
        let (height, width) = drawing.size();
        let mut affine = Affine::about(self.center, (height, width));
        affine.angle = drawing.uniform(self.degrees.around_zero());
        if let Some([x, y]) = self.translate {
            let mut shift = |most: f64| drawing.uniform((-most, most)).round_ties_even();
            affine.translate = [shift(x * width as f64), shift(y * height as f64)];
        }
        if let Some(scale) = self.scale {
            affine.scale = drawing.uniform(scale.into());
        }
        if let Some(shear) = self.shear {
            affine.shear = shear.ranges().map(|range| drawing.uniform(range));
        }
        affine
    }
}

impl Spec for RandomAffine {
    fn check(&self) -> Result<(), String> {
        self.degrees.check_not_negative("degrees")?;
        check_range("degrees", self.degrees.around_zero(), (f64::MIN, f64::MAX))?;
        if let Some(wrong) = self.translate.iter().flatten().find(|part| !(0.0..=1.0).contains(*part)) {
            return Err(format!("translate = {wrong} is no part of a side: 0 to 1 is needed"));
        }
        if let Some(scale) = self.scale {
            check_range("scale", scale.into(), (f64::MIN_POSITIVE, f64::MAX))?;
        }
        if let Some(Shear::X(span)) = self.shear {
            span.check_not_negative("shear")?;
        }
        for range in self.shear.iter().flat_map(|shear| shear.ranges()) {
            check_range("shear", range, (f64::MIN, f64::MAX))?;
        }
        self.interpolation.check_for_warping()?;
        self.fill.check("fill")
    }

    fn draw(&self, drawing: &mut Drawing<'_>) -> Result<(), DataError> {
        let size = drawing.size();
        let matrix = self.parameters(drawing).inverse();
        let warp = Warp::affine(matrix, size, self.interpolation, Some(self.fill));
        drawing.push(Operation::Geometry(Geometry::Warp(warp)))
    }
}
