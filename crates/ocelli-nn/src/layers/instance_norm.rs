//! Normalisation of each channel of an image.

use serde::{Deserialize, Serialize};

use super::batch_norm::affine_and_running;
use super::limits::{check_eps, check_momentum};
use super::window::{need_count, need_map};
use super::{Parameter, Spec};
use crate::error::{ShapeError, ShapeErrorKind};
use crate::shape::Shape;

/// Options of `InstanceNorm2d`, as PyTorch's (Ulyanov et al., 2016, arXiv:1607.08022).
///
/// y = (x − mean) / √(var + eps) · weight + bias, with the mean and the (biased) variance of an image's channel. If running
/// averages are tracked, they move in training by `momentum` towards the means, over the batch, of the images' means and
/// unbiased variances, and evaluation normalises by them; if not, evaluation does what training does.
///
/// Parameters, if `affine`: `weight`, `bias`; buffers, if `track_running_stats`: `running_mean`, `running_var`, and
/// `num_batches_tracked`, which stays as it is, as in PyTorch.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InstanceNorm2d {
    /// Channels of the input.
    pub num_features: usize,
    /// Added to the variance; default 1e-5.
    #[serde(default = "default_eps")]
    pub eps: f32,
    /// The share of the batch in the new running average, 0 to 1; default 0.1. Without one, `"none"` in files, the running
    /// averages stay as they are, as in PyTorch.
    #[serde(default = "default_momentum", with = "super::momentum")]
    pub momentum: Option<f32>,
    /// Whether there are a weight and a bias; default false.
    #[serde(default)]
    pub affine: bool,
    /// Whether there are running averages; default false.
    #[serde(default)]
    pub track_running_stats: bool,
}

fn default_eps() -> f32 {
    1e-5
}

fn default_momentum() -> Option<f32> {
    Some(0.1)
}

impl InstanceNorm2d {
    /// With eps 1e-5, without weight, bias and running averages.
    pub fn new(num_features: usize) -> Self {
        let (eps, momentum) = (default_eps(), default_momentum());
        Self { num_features, eps, momentum, affine: false, track_running_stats: false }
    }

    /// Added to the variance.
    #[must_use]
    pub fn eps(mut self, eps: f32) -> Self {
        self.eps = eps;
        self
    }

    /// The share of the batch in the new running average, 0 to 1.
    #[must_use]
    pub fn momentum(mut self, momentum: impl Into<Option<f32>>) -> Self {
        self.momentum = momentum.into();
        self
    }

    /// Whether there are a weight and a bias.
    #[must_use]
    pub fn affine(mut self, affine: bool) -> Self {
        self.affine = affine;
        self
    }

    /// Whether there are running averages.
    #[must_use]
    pub fn track_running_stats(mut self, track: bool) -> Self {
        self.track_running_stats = track;
        self
    }
}

impl From<usize> for InstanceNorm2d {
    fn from(num_features: usize) -> Self {
        Self::new(num_features)
    }
}

impl Spec for InstanceNorm2d {
    fn type_name(&self) -> &'static str {
        "InstanceNorm2d"
    }

    fn output_shape(&self, inputs: &[Shape]) -> Result<Shape, ShapeError> {
        check_eps(self.eps)?;
        check_momentum(self.momentum)?;
        let (channels, size) = need_map(inputs[0])?;
        need_count("channels", "num_features", channels, self.num_features)?;
        if size.area() == 1 && !self.track_running_stats {
            let mend = "give larger images, or normalise in another way";
            let needs = "more than one value of each channel to normalise";
            return Err(ShapeError::new(ShapeErrorKind::Size, inputs[0].in_words(), needs, mend));
        }
        Ok(inputs[0])
    }

    fn parameters(&self) -> Vec<Parameter> {
        affine_and_running(self.num_features, self.affine, self.track_running_stats)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Layer;

    #[test]
    fn takes_a_map_of_more_than_a_pixel() {
        let (map, pixel) = (Shape::map(3, 4, 5), Shape::map(3, 1, 1));
        let norm = InstanceNorm2d::new(3);
        assert_eq!(Layer::InstanceNorm2d(norm).output_shape(&[map]), Ok(map));
        let error = Layer::InstanceNorm2d(norm).output_shape(&[pixel]).unwrap_err().to_string();
        assert!(error.contains("more than one value of each channel"), "{error}");
        let tracked = Layer::InstanceNorm2d(norm.track_running_stats(true));
        assert_eq!(tracked.output_shape(&[pixel]), Ok(pixel));
        assert!(Layer::InstanceNorm2d(norm.momentum(2.0)).output_shape(&[map]).is_err());
        assert!(Layer::InstanceNorm2d(4.into()).output_shape(&[map]).is_err());
    }
}
