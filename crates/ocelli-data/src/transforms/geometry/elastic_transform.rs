//! `ElasticTransform`.

use serde::{Deserialize, Serialize};

use super::super::functional::Elastic;
use super::super::operation::Geometry;
use super::super::span::check_range;
use super::super::transform::Spec;
use super::super::{Drawing, Fill, Interpolation, Operation, Span};
use crate::DataError;

/// Displaces pixels by smoothed noise, as if seen through water.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ElasticTransform {
    /// How far, along x and y. Default: 50.
    #[serde(default = "usual_alpha")]
    pub alpha: Span,
    /// How smooth: the standard deviation of the blur of the noise, in pixels. Default: 5.
    #[serde(default = "usual_sigma")]
    pub sigma: Span,
    /// nearest or bilinear. Default: bilinear.
    #[serde(default)]
    pub interpolation: Interpolation,
    /// What fills pixels that the image does not reach. Default: 0.
    #[serde(default)]
    pub fill: Fill,
}

fn usual_alpha() -> Span {
    Span::One(50.0)
}

fn usual_sigma() -> Span {
    Span::One(5.0)
}

impl Default for ElasticTransform {
    fn default() -> Self {
        Self {
            alpha: usual_alpha(),
            sigma: usual_sigma(),
            interpolation: Interpolation::Bilinear,
            fill: Fill::default(),
        }
    }
}

/// The widest blur of the noise: kernels are eight times as wide.
const MAX_SIGMA: f64 = 1000.0;

impl Spec for ElasticTransform {
    fn check(&self) -> Result<(), String> {
        let (sigma, alpha) = (self.sigma.alone(), self.alpha.alone());
        for value in [sigma.0, sigma.1] {
            check_range("sigma", (value, value), (0.0, MAX_SIGMA))?;
        }
        for value in [alpha.0, alpha.1] {
            check_range("alpha", (value, value), (f64::MIN, f64::MAX))?;
        }
        self.interpolation.check_for_warping()?;
        self.fill.check("fill")
    }

    fn draw(&self, drawing: &mut Drawing<'_>) -> Result<(), DataError> {
        let seed = drawing.seed();
        drawing.push(Operation::Geometry(Geometry::Elastic(Elastic {
            seed,
            alpha: self.alpha.alone().into(),
            sigma: self.sigma.alone().into(),
            interpolation: self.interpolation,
            fill: Some(self.fill.values()),
        })))
    }
}
