//! `AutoAugment`.

use serde::{Deserialize, Serialize};

use super::super::transform::Spec;
use super::super::{Drawing, Fill, Interpolation};
use super::policies::{CIFAR10, IMAGENET, Policy, SVHN};
use super::rand_augment::REACH;
use super::space::Look;
use crate::DataError;

/// Does one of the 25 pairs of operations that were found for a data set (Cubuk et al., arXiv:1805.09501).
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AutoAugment {
    /// For which data set. Default: imagenet.
    pub policy: AutoAugmentPolicy,
    /// nearest or bilinear. Default: nearest.
    pub interpolation: Interpolation,
    /// What fills pixels that the image does not reach. Default: black.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fill: Option<Fill>,
}

impl Default for AutoAugment {
    fn default() -> Self {
        Self { policy: AutoAugmentPolicy::Imagenet, interpolation: Interpolation::Nearest, fill: None }
    }
}

/// The data sets that pairs of operations were found for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AutoAugmentPolicy {
    /// ImageNet.
    #[default]
    Imagenet,
    /// CIFAR-10.
    Cifar10,
    /// Street View House Numbers.
    Svhn,
}

impl AutoAugmentPolicy {
    fn pairs(self) -> &'static Policy {
        match self {
            Self::Imagenet => &IMAGENET,
            Self::Cifar10 => &CIFAR10,
            Self::Svhn => &SVHN,
        }
    }
}

/// How many magnitudes there are.
const BINS: usize = 10;

impl Spec for AutoAugment {
    fn check(&self) -> Result<(), String> {
        self.interpolation.check_for_warping()?;
        self.fill.map_or(Ok(()), |fill| fill.check("fill"))
    }

    fn draw(&self, drawing: &mut Drawing<'_>) -> Result<(), DataError> {
        let look = Look { interpolation: self.interpolation, fill: self.fill };
        let pairs = self.policy.pairs();
        for (augmentation, p, bin) in pairs[drawing.below(pairs.len())] {
            if drawing.chance(p) {
                let magnitude = augmentation.draw_magnitude(&REACH, (BINS, bin), drawing);
                augmentation.push(magnitude, look, drawing)?;
            }
        }
        Ok(())
    }
}
