//! How pixels are made that lie between an image's.

use serde::{Deserialize, Serialize};

/// How pixels are made that lie between an image's.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Interpolation {
    /// The pixel at the place rounded down, as OpenCV and PyTorch's `nearest` take it.
    Nearest,
    /// The pixel whose centre is nearest, as Pillow takes it.
    NearestExact,
    /// Straight lines between neighbours.
    #[default]
    Bilinear,
    /// Cubic curves through four neighbours.
    Bicubic,
}

impl Interpolation {
    pub(crate) fn nearest() -> Self {
        Self::Nearest
    }

    /// # Errors
    /// If it cannot turn and shear images: torchvision has two that can.
    pub(crate) fn check_for_warping(self) -> Result<(), String> {
        match self {
            Self::Nearest | Self::Bilinear => Ok(()),
            Self::NearestExact | Self::Bicubic => {
                Err("interpolation must be nearest or bilinear here, as in torchvision".to_owned())
            }
        }
    }
}
