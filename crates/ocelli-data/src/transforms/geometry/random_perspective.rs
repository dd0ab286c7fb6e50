//! `RandomPerspective`.

use serde::{Deserialize, Serialize};

use super::super::functional::Warp;
use super::super::operation::Geometry;
use super::super::span::{check_probability, half};
use super::super::transform::Spec;
use super::super::{Drawing, Fill, Interpolation, Operation};
use crate::DataError;

/// Shows an image from another side with probability `p`: its corners move inwards at random.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RandomPerspective {
    /// How far corners move at most, as a part of half a side: 0 to 1. Default: 0.5.
    #[serde(default = "usual_distortion")]
    pub distortion_scale: f64,
    /// The probability. Default: 0.5.
    #[serde(default = "half")]
    pub p: f32,
    /// nearest or bilinear. Default: bilinear.
    #[serde(default)]
    pub interpolation: Interpolation,
    /// What fills pixels that the image does not reach. Default: 0.
    #[serde(default)]
    pub fill: Fill,
}

fn usual_distortion() -> f64 {
    0.5
}

impl Default for RandomPerspective {
    fn default() -> Self {
        Self {
            distortion_scale: usual_distortion(),
            p: half(),
            interpolation: Interpolation::Bilinear,
            fill: Fill::default(),
        }
    }
}

impl RandomPerspective {
    /// Where the corners go: top left, top right, bottom right, bottom left, as (x, y).
    fn corners(&self, drawing: &mut Drawing<'_>) -> [[f64; 2]; 4] {
        let (height, width) = drawing.size();
        let most = |side: usize| (self.distortion_scale * (side / 2) as f64) as usize + 1;
        let (rows, columns) = (most(height), most(width));
        let near = |drawing: &mut Drawing<'_>, most: usize| drawing.below(most) as f64;
        let far =
            |drawing: &mut Drawing<'_>, side: usize, most: usize| (side - most + drawing.below(most)) as f64;
        [
            [near(drawing, columns), near(drawing, rows)],
            [far(drawing, width, columns), near(drawing, rows)],
            [far(drawing, width, columns), far(drawing, height, rows)],
            [near(drawing, columns), far(drawing, height, rows)],
        ]
    }
}

impl Spec for RandomPerspective {
    fn check(&self) -> Result<(), String> {
        if !(0.0..=1.0).contains(&self.distortion_scale) {
            return Err(format!("distortion_scale = {}: 0 to 1 is needed", self.distortion_scale));
        }
        check_probability(self.p)?;
        self.interpolation.check_for_warping()?;
        self.fill.check("fill")
    }

    fn draw(&self, drawing: &mut Drawing<'_>) -> Result<(), DataError> {
        if !drawing.chance(self.p) {
            return Ok(());
        }
        let size = drawing.size();
        let corners = self.corners(drawing);
        match Warp::perspective(corners, size, self.interpolation, Some(self.fill)) {
            Some(warp) => drawing.push(Operation::Geometry(Geometry::Warp(warp))),
            // Corners of an image of one pixel's width or height lie on a line: no perspective leads there.
            None => Ok(()),
        }
    }
}
