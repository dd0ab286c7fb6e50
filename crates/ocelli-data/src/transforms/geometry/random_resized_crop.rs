//! `RandomResizedCrop`.

use serde::{Deserialize, Serialize};

use super::super::functional::Resizing;
use super::super::span::check_range;
use super::super::transform::Spec;
use super::super::{Drawing, Interpolation, Operation, Size};
use super::resize::yes;
use crate::DataError;

/// Crops a part of random area and proportions at a random place and resizes it.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RandomResizedCrop {
    /// Both sides of the result, or `[height, width]`.
    pub size: Size,
    /// The least and the largest part of the image's area. Default: [0.08, 1].
    #[serde(default = "usual_scale")]
    pub scale: [f64; 2],
    /// The least and the largest width divided by height. Default: [3/4, 4/3].
    #[serde(default = "usual_ratio")]
    pub ratio: [f64; 2],
    /// How pixels are made that lie between the image's. Default: bilinear.
    #[serde(default)]
    pub interpolation: Interpolation,
    /// Whether bilinear and bicubic see all pixels of a part that is made smaller. Default: true.
    #[serde(default = "yes")]
    pub antialias: bool,
}

fn usual_scale() -> [f64; 2] {
    [0.08, 1.0]
}

fn usual_ratio() -> [f64; 2] {
    [3.0 / 4.0, 4.0 / 3.0]
}

/// How often a part is drawn that does not fit before the middle is taken.
const ATTEMPTS: usize = 10;

impl RandomResizedCrop {
    /// To a square (`usize`) or (height, width).
    pub fn new(size: impl Into<Size>) -> Self {
        Self {
            size: size.into(),
            scale: usual_scale(),
            ratio: usual_ratio(),
            interpolation: Interpolation::Bilinear,
            antialias: true,
        }
    }

    /// Top, left, height and width of the part.
    fn part(&self, drawing: &mut Drawing<'_>) -> (usize, usize, usize, usize) {
        let (height, width) = drawing.size();
        let area = (height * width) as f64;
        let logarithms = (self.ratio[0].ln(), self.ratio[1].ln());
        for _ in 0..ATTEMPTS {
            let target = area * drawing.uniform(self.scale.into());
            let ratio = drawing.uniform(logarithms).exp();
            let w = (target * ratio).sqrt().round_ties_even() as usize;
            let h = (target / ratio).sqrt().round_ties_even() as usize;
            if (1..=width).contains(&w) && (1..=height).contains(&h) {
                return (drawing.below(height - h + 1), drawing.below(width - w + 1), h, w);
            }
        }
        self.middle((height, width))
    }

    /// The middle in the nearest allowed proportions.
    fn middle(&self, (height, width): (usize, usize)) -> (usize, usize, usize, usize) {
        let seen = width as f64 / height as f64;
        let (h, w) = if seen < self.ratio[0] {
            ((width as f64 / self.ratio[0]).round_ties_even() as usize, width)
        } else if seen > self.ratio[1] {
            (height, (height as f64 * self.ratio[1]).round_ties_even() as usize)
        } else {
            (height, width)
        };
        let (h, w) = (h.clamp(1, height), w.clamp(1, width));
        ((height - h) / 2, (width - w) / 2, h, w)
    }
}

impl Spec for RandomResizedCrop {
    fn check(&self) -> Result<(), String> {
        self.size.check()?;
        check_range("scale", self.scale.into(), (0.0, f64::MAX))?;
        check_range("ratio", self.ratio.into(), (f64::MIN_POSITIVE, f64::MAX))
    }

    fn output_size(&self, _: Option<(usize, usize)>) -> Option<(usize, usize)> {
        Some(self.size.both())
    }

    fn draw(&self, drawing: &mut Drawing<'_>) -> Result<(), DataError> {
        let (top, left, height, width) = self.part(drawing);
        let (top, left) = (top as isize, left as isize);
        drawing.push(Operation::Crop { top, left, height, width, fill: [0; 3] })?;
        let (height, width) = self.size.both();
        let (interpolation, antialias) = (self.interpolation, self.antialias);
        drawing.push(Operation::Resize(Resizing { height, width, interpolation, antialias }))
    }
}
