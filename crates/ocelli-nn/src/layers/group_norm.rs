//! Normalisation of groups of an image's channels.

use serde::{Deserialize, Serialize};

use super::limits::check_eps;
use super::window::need_count;
use super::{Parameter, Role, Spec};
use crate::error::ShapeError;
use crate::shape::Shape;

/// Options of `GroupNorm`, as PyTorch's (Wu and He, 2018, arXiv:1803.08494), over a map or features.
///
/// y = (x − mean) / √(var + eps) · weight + bias, with the mean and the (biased) variance of an image's group of channels,
/// in training and in evaluation alike.
///
/// Parameters: `weight` and `bias`, one value for each channel.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GroupNorm {
    /// Groups of as many channels each.
    pub num_groups: usize,
    /// Channels or features of the input.
    pub num_channels: usize,
    /// Added to the variance; default 1e-5.
    #[serde(default = "default_eps")]
    pub eps: f32,
    /// Whether there are a weight and a bias; default true.
    #[serde(default = "yes")]
    pub affine: bool,
}

fn default_eps() -> f32 {
    1e-5
}

fn yes() -> bool {
    true
}

impl GroupNorm {
    /// With eps 1e-5, weight and bias.
    pub fn new(num_groups: usize, num_channels: usize) -> Self {
        Self { num_groups, num_channels, eps: default_eps(), affine: true }
    }

    /// Added to the variance.
    #[must_use]
    pub fn eps(mut self, eps: f32) -> Self {
        self.eps = eps;
        self
    }

    /// Whether there are a weight and a bias.
    #[must_use]
    pub fn affine(mut self, affine: bool) -> Self {
        self.affine = affine;
        self
    }
}

impl Spec for GroupNorm {
    fn type_name(&self) -> &'static str {
        "GroupNorm"
    }

    fn output_shape(&self, inputs: &[Shape]) -> Result<Shape, ShapeError> {
        check_eps(self.eps)?;
        if self.num_groups == 0 || !self.num_channels.is_multiple_of(self.num_groups) {
            let needs = format!("a divisor of num_channels = {}", self.num_channels);
            return Err(ShapeError::option("num_groups", self.num_groups, &needs));
        }
        need_count("channels", "num_channels", inputs[0].channels(), self.num_channels)?;
        Ok(inputs[0])
    }

    fn parameters(&self) -> Vec<Parameter> {
        let roles = [Role::NormWeight, Role::NormBias].into_iter().filter(|_| self.affine);
        roles.map(|role| (vec![self.num_channels], role)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Layer;

    #[test]
    fn takes_what_has_its_channels() {
        let norm = |groups, channels| Layer::GroupNorm(GroupNorm::new(groups, channels));
        for shape in [Shape::map(6, 4, 5), Shape::features(6)] {
            assert_eq!(norm(3, 6).output_shape(&[shape]), Ok(shape));
            assert!(norm(2, 4).output_shape(&[shape]).is_err());
        }
        let error = norm(4, 6).output_shape(&[Shape::map(6, 4, 5)]).unwrap_err().to_string();
        assert_eq!(error, "got num_groups = 4, needs a divisor of num_channels = 6: change num_groups");
        assert!(norm(0, 6).output_shape(&[Shape::map(6, 4, 5)]).is_err());
        assert_eq!(Layer::GroupNorm(GroupNorm::new(3, 6).affine(false)).parameters(), []);
    }
}
