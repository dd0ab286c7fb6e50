//! `GaussianBlur`.

use serde::{Deserialize, Serialize};

use super::super::operation::Colour;
use super::super::span::check_range;
use super::super::transform::Spec;
use super::super::{Drawing, Operation, Size, Span};
use crate::{DataError, ErrorKind};

/// Blurs with a Gaussian kernel of random width.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GaussianBlur {
    /// The kernel's sides, odd: one number, or `[width, height]`.
    pub kernel_size: Size,
    /// The standard deviation in pixels: one number, or `[least, largest]`. Default: [0.1, 2].
    #[serde(default = "usual")]
    pub sigma: Span,
}

fn usual() -> Span {
    Span::Two([0.1, 2.0])
}

impl GaussianBlur {
    /// With this kernel (`usize` or (width, height)) and the usual deviations.
    pub fn new(kernel_size: impl Into<Size>) -> Self {
        Self { kernel_size: kernel_size.into(), sigma: usual() }
    }
}

impl Spec for GaussianBlur {
    fn check(&self) -> Result<(), String> {
        let (width, height) = self.kernel_size.both();
        if width.is_multiple_of(2) || height.is_multiple_of(2) {
            return Err(format!("kernel_size {width}×{height}: odd sides are needed"));
        }
        self.kernel_size.check()?;
        check_range("sigma", self.sigma.alone(), (f64::MIN_POSITIVE, f64::MAX))
    }

    fn is_deterministic(&self) -> bool {
        let (low, high) = self.sigma.alone();
        low == high
    }

    fn draw(&self, drawing: &mut Drawing<'_>) -> Result<(), DataError> {
        let (width, height) = self.kernel_size.both();
        let seen = drawing.size();
        if width / 2 >= seen.1 || height / 2 >= seen.0 {
            return Err(DataError::about(
                ErrorKind::Invalid,
                "GaussianBlur",
                format!(
                    "a kernel of {width}×{height} reaches past the reflection of an image of {}×{}: \
                     a kernel of at most {}×{} is needed",
                    seen.1,
                    seen.0,
                    2 * seen.1 - 1,
                    2 * seen.0 - 1
                ),
            ));
        }
        let sigma = drawing.uniform(self.sigma.alone());
        drawing.push(Operation::Colour(Colour::Blur { kernel: [width, height], sigma: [sigma; 2] }))
    }
}
