//! Batch normalisation.

use serde::{Deserialize, Serialize};

use super::limits::check_eps;
use super::window::{need_count, need_features, need_map};
use super::{Parameter, Role, Spec};
use crate::error::ShapeError;
use crate::shape::Shape;

/// Options of `BatchNorm1d` (features) and `BatchNorm2d` (channels of a map), as PyTorch's (Ioffe and Szegedy, 2015,
/// arXiv:1502.03167).
///
/// y = (x − mean) / √(var + eps) · weight + bias. In training, mean and (biased) variance are the batch's, and the running
/// averages move by `momentum` towards the batch's mean and unbiased variance; in evaluation they are the running averages.
///
/// Parameters: `weight`, `bias`; buffers: `running_mean`, `running_var`, `num_batches_tracked`.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BatchNorm {
    /// Channels or features of the input.
    pub num_features: usize,
    /// Added to the variance; default 1e-5.
    #[serde(default = "default_eps")]
    pub eps: f32,
    /// The share of the batch in the new running average, 0 to 1; default 0.1.
    #[serde(default = "default_momentum")]
    pub momentum: f32,
}

fn default_eps() -> f32 {
    1e-5
}

fn default_momentum() -> f32 {
    0.1
}

impl BatchNorm {
    /// With eps 1e-5 and momentum 0.1.
    pub fn new(num_features: usize) -> Self {
        Self { num_features, eps: default_eps(), momentum: default_momentum() }
    }

    /// Added to the variance.
    #[must_use]
    pub fn eps(mut self, eps: f32) -> Self {
        self.eps = eps;
        self
    }

    /// The share of the batch in the new running average, 0 to 1.
    #[must_use]
    pub fn momentum(mut self, momentum: f32) -> Self {
        self.momentum = momentum;
        self
    }

    fn check(&self, channels: usize) -> Result<(), ShapeError> {
        check_eps(self.eps)?;
        if !(0.0..=1.0).contains(&self.momentum) {
            return Err(ShapeError::option("momentum", self.momentum, "a number from 0 to 1"));
        }
        need_count("channels", "num_features", channels, self.num_features)
    }

    fn parameters(&self) -> Vec<Parameter> {
        let roles = [Role::NormWeight, Role::NormBias, Role::RunningMean, Role::RunningVar];
        let mut parameters: Vec<Parameter> = roles.map(|role| (vec![self.num_features], role)).into();
        parameters.push((Vec::new(), Role::NumBatchesTracked));
        parameters
    }
}

impl From<usize> for BatchNorm {
    fn from(num_features: usize) -> Self {
        Self::new(num_features)
    }
}

/// `nn.BatchNorm1d`.
pub(super) struct OfFeatures(pub(super) BatchNorm);

impl Spec for OfFeatures {
    fn type_name(&self) -> &'static str {
        "BatchNorm1d"
    }

    fn output_shape(&self, inputs: &[Shape]) -> Result<Shape, ShapeError> {
        self.0.check(need_features(inputs[0], "use BatchNorm2d, or insert Flatten before it")?)?;
        Ok(inputs[0])
    }

    fn parameters(&self) -> Vec<Parameter> {
        self.0.parameters()
    }
}

/// `nn.BatchNorm2d`.
pub(super) struct OfMaps(pub(super) BatchNorm);

impl Spec for OfMaps {
    fn type_name(&self) -> &'static str {
        "BatchNorm2d"
    }

    fn output_shape(&self, inputs: &[Shape]) -> Result<Shape, ShapeError> {
        self.0.check(need_map(inputs[0])?.0)?;
        Ok(inputs[0])
    }

    fn parameters(&self) -> Vec<Parameter> {
        self.0.parameters()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Layer;

    #[test]
    fn keeps_the_shape() {
        let (map, row) = (Shape::map(3, 4, 5), Shape::features(7));
        assert_eq!(Layer::BatchNorm2d(3.into()).output_shape(&[map]), Ok(map));
        assert_eq!(Layer::BatchNorm1d(7.into()).output_shape(&[row]), Ok(row));
        assert!(Layer::BatchNorm2d(7.into()).output_shape(&[row]).is_err());
    }

    #[test]
    fn errors_say_what_would_do() {
        let error = |layer: Layer, shape| layer.output_shape(&[shape]).unwrap_err().to_string();
        assert_eq!(
            error(Layer::BatchNorm2d(16.into()), Shape::map(3, 4, 5)),
            "got 3 channels, needs 16: set num_features to 3, or change the layer before"
        );
        assert!(error(Layer::BatchNorm1d(3.into()), Shape::map(3, 4, 5)).contains("use BatchNorm2d"));
        for bad in
            [BatchNorm::new(3).eps(0.0), BatchNorm::new(3).eps(f32::NAN), BatchNorm::new(3).momentum(2.0)]
        {
            assert!(Layer::BatchNorm2d(bad).output_shape(&[Shape::map(3, 4, 5)]).is_err());
        }
    }
}
