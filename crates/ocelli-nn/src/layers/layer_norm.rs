//! Normalisation over the channels of each pixel.

use serde::{Deserialize, Serialize};

use super::limits::check_eps;
use super::window::{need_count, need_map};
use super::{Parameter, Role, Spec};
use crate::error::ShapeError;
use crate::shape::Shape;

/// Options of `LayerNorm2d`, as torchvision's `LayerNorm2d`: PyTorch's `nn.LayerNorm` (Ba et al., 2016, arXiv:1607.06450)
/// over the channels of each pixel of a map, as ConvNeXt has it (Liu et al., 2022, arXiv:2201.03545).
///
/// y = (x − mean) / √(var + eps) · weight + bias, with the mean and the (biased) variance of the pixel, in training and in
/// evaluation alike.
///
/// Parameters: `weight` and `bias`, one value for each channel.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LayerNorm2d {
    /// Channels of the input.
    pub normalized_shape: usize,
    /// Added to the variance; default 1e-6, as in ConvNeXt.
    #[serde(default = "default_eps")]
    pub eps: f32,
    /// Whether there are a weight and a bias; default true.
    #[serde(default = "yes")]
    pub elementwise_affine: bool,
    /// Whether there is a bias beside the weight; default true.
    #[serde(default = "yes")]
    pub bias: bool,
}

fn default_eps() -> f32 {
    1e-6
}

fn yes() -> bool {
    true
}

impl LayerNorm2d {
    /// With eps 1e-6, weight and bias.
    pub fn new(channels: usize) -> Self {
        Self { normalized_shape: channels, eps: default_eps(), elementwise_affine: true, bias: true }
    }

    /// Added to the variance.
    #[must_use]
    pub fn eps(mut self, eps: f32) -> Self {
        self.eps = eps;
        self
    }

    /// Whether there are a weight and a bias.
    #[must_use]
    pub fn elementwise_affine(mut self, affine: bool) -> Self {
        self.elementwise_affine = affine;
        self
    }

    /// Whether there is a bias beside the weight.
    #[must_use]
    pub fn bias(mut self, bias: bool) -> Self {
        self.bias = bias;
        self
    }
}

impl From<usize> for LayerNorm2d {
    fn from(channels: usize) -> Self {
        Self::new(channels)
    }
}

impl Spec for LayerNorm2d {
    fn type_name(&self) -> &'static str {
        "LayerNorm2d"
    }

    fn output_shape(&self, inputs: &[Shape]) -> Result<Shape, ShapeError> {
        check_eps(self.eps)?;
        need_count("channels", "normalized_shape", need_map(inputs[0])?.0, self.normalized_shape)?;
        Ok(inputs[0])
    }

    fn parameters(&self) -> Vec<Parameter> {
        let present = [(Role::NormWeight, true), (Role::NormBias, self.bias)];
        let present = present.into_iter().filter(|(_, there)| self.elementwise_affine && *there);
        present.map(|(role, _)| (vec![self.normalized_shape], role)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Layer;

    #[test]
    fn takes_a_map_of_its_channels() {
        let map = Shape::map(3, 4, 5);
        assert_eq!(Layer::LayerNorm2d(3.into()).output_shape(&[map]), Ok(map));
        let error = Layer::LayerNorm2d(4.into()).output_shape(&[map]).unwrap_err().to_string();
        assert_eq!(error, "got 3 channels, needs 4: set normalized_shape to 3, or change the layer before");
        assert!(Layer::LayerNorm2d(7.into()).output_shape(&[Shape::features(7)]).is_err());
        assert!(Layer::LayerNorm2d(LayerNorm2d::new(3).eps(0.0)).output_shape(&[map]).is_err());
    }

    #[test]
    fn has_the_parameters_that_it_is_asked_for() {
        let count = |spec: LayerNorm2d| Layer::LayerNorm2d(spec).parameters().len();
        let spec = LayerNorm2d::new(3);
        assert_eq!((count(spec), count(spec.bias(false)), count(spec.elementwise_affine(false))), (2, 1, 0));
    }
}
