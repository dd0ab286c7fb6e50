//! Batch normalisation.

use serde::{Deserialize, Serialize};

use super::limits::{check_eps, check_momentum};
use super::window::{need_count, need_features, need_map};
use super::{Parameter, Role, Spec};
use crate::error::ShapeError;
use crate::shape::Shape;

/// Options of `BatchNorm1d` (features) and `BatchNorm2d` (channels of a map), as PyTorch's (Ioffe and Szegedy, 2015,
/// arXiv:1502.03167).
///
/// y = (x − mean) / √(var + eps) · weight + bias. In training, mean and (biased) variance are the batch's, and the running
/// averages move by `momentum` towards the batch's mean and unbiased variance; in evaluation they are the running averages,
/// or the batch's again if none are tracked.
///
/// Parameters, if `affine`: `weight`, `bias`; buffers, if `track_running_stats`: `running_mean`, `running_var`,
/// `num_batches_tracked`.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BatchNorm {
    /// Channels or features of the input.
    pub num_features: usize,
    /// Added to the variance; default 1e-5.
    #[serde(default = "default_eps")]
    pub eps: f32,
    /// The share of the batch in the new running average, 0 to 1; default 0.1. Without one the running average is that of
    /// all batches so far; files say `"none"` for that.
    #[serde(default = "default_momentum", with = "super::momentum")]
    pub momentum: Option<f32>,
    /// Whether there are a weight and a bias; default true.
    #[serde(default = "yes")]
    pub affine: bool,
    /// Whether there are running averages; default true. Without them evaluation normalises by the batch.
    #[serde(default = "yes")]
    pub track_running_stats: bool,
}

fn default_eps() -> f32 {
    1e-5
}

fn default_momentum() -> Option<f32> {
    Some(0.1)
}

fn yes() -> bool {
    true
}

impl BatchNorm {
    /// With eps 1e-5 and momentum 0.1.
    pub fn new(num_features: usize) -> Self {
        Self {
            num_features,
            eps: default_eps(),
            momentum: default_momentum(),
            affine: true,
            track_running_stats: true,
        }
    }

    /// Added to the variance.
    #[must_use]
    pub fn eps(mut self, eps: f32) -> Self {
        self.eps = eps;
        self
    }

    /// The share of the batch in the new running average, 0 to 1; `None` for the average of all batches so far.
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

    fn check(&self, channels: usize) -> Result<(), ShapeError> {
        check_eps(self.eps)?;
        check_momentum(self.momentum)?;
        need_count("channels", "num_features", channels, self.num_features)
    }

    fn parameters(&self) -> Vec<Parameter> {
        affine_and_running(self.num_features, self.affine, self.track_running_stats)
    }
}

/// Weight and bias, and running averages, of a normalisation that may have both.
pub(super) fn affine_and_running(channels: usize, affine: bool, running: bool) -> Vec<Parameter> {
    let vectors = [
        (Role::NormWeight, affine),
        (Role::NormBias, affine),
        (Role::RunningMean, running),
        (Role::RunningVar, running),
    ];
    let there = vectors.into_iter().filter(|(_, there)| *there);
    let mut parameters: Vec<_> = there.map(|(role, _)| (vec![channels], role)).collect();
    parameters.extend(running.then(|| (Vec::new(), Role::NumBatchesTracked)));
    parameters
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
    fn has_what_it_is_asked_for() {
        let count = |spec: BatchNorm| Layer::BatchNorm2d(spec).parameters().len();
        let spec = BatchNorm::new(3);
        assert_eq!(count(spec), 5);
        assert_eq!(count(spec.affine(false)), 3);
        assert_eq!(count(spec.track_running_stats(false)), 2);
        assert_eq!(count(spec.affine(false).track_running_stats(false)), 0);
    }

    #[test]
    fn momentum_is_a_number_or_none_in_files() {
        let read = |momentum: &str| {
            let text = format!(r#"{{"type": "BatchNorm2d", "num_features": 3, "momentum": {momentum}}}"#);
            serde_json::from_str::<Layer>(&text)
        };
        assert_eq!(read("0.3").unwrap(), Layer::BatchNorm2d(BatchNorm::new(3).momentum(0.3)));
        assert_eq!(read("1").unwrap(), Layer::BatchNorm2d(BatchNorm::new(3).momentum(1.0)));
        let cumulative = Layer::BatchNorm2d(BatchNorm::new(3).momentum(None));
        assert_eq!(read(r#""none""#).unwrap(), cumulative);
        assert_eq!(serde_json::to_value(cumulative).unwrap()["momentum"], "none");
        let error = read(r#""some""#).unwrap_err().to_string();
        assert!(error.contains("a number from 0 to 1, or \"none\""), "{error}");
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
