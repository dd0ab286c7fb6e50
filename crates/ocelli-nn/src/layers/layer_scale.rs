//! A learned factor for each channel.

use serde::{Deserialize, Serialize};

use super::window::{need_count, need_map};
use super::{Parameter, Role, Spec};
use crate::error::ShapeError;
use crate::shape::Shape;

/// Options of `LayerScale`: each channel times a factor that is learned, as in torchvision's ConvNeXt (Touvron et al.,
/// 2021, arXiv:2103.17239). It stands at the end of a residual branch, which its small first factor all but closes.
///
/// Parameter: `layer_scale`, channels×1×1. As in torchvision it belongs to the block: a layer named "features.1.0" has
/// "features.1.0.layer_scale".
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LayerScale {
    /// Channels of the input.
    pub num_channels: usize,
    /// What the factors start at; default 1e-6.
    #[serde(default = "default_init")]
    pub init: f32,
}

fn default_init() -> f32 {
    1e-6
}

impl LayerScale {
    /// Starting at 1e-6.
    pub fn new(num_channels: usize) -> Self {
        Self { num_channels, init: default_init() }
    }

    /// What the factors start at.
    #[must_use]
    pub fn init(mut self, init: f32) -> Self {
        self.init = init;
        self
    }
}

impl From<usize> for LayerScale {
    fn from(num_channels: usize) -> Self {
        Self::new(num_channels)
    }
}

impl Spec for LayerScale {
    fn type_name(&self) -> &'static str {
        "LayerScale"
    }

    fn output_shape(&self, inputs: &[Shape]) -> Result<Shape, ShapeError> {
        if !self.init.is_finite() {
            return Err(ShapeError::option("init", self.init, "a number"));
        }
        need_count("channels", "num_channels", need_map(inputs[0])?.0, self.num_channels)?;
        Ok(inputs[0])
    }

    fn parameters(&self) -> Vec<Parameter> {
        vec![(vec![self.num_channels, 1, 1], Role::LayerScale)]
    }

    fn initial_value(&self) -> f32 {
        self.init
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Layer, Sequential, Tensor};

    #[test]
    fn takes_a_map_of_its_channels() {
        let map = Shape::map(3, 4, 5);
        assert_eq!(Layer::LayerScale(3.into()).output_shape(&[map]), Ok(map));
        assert!(Layer::LayerScale(4.into()).output_shape(&[map]).is_err());
        assert!(Layer::LayerScale(7.into()).output_shape(&[Shape::features(7)]).is_err());
        assert!(Layer::LayerScale(LayerScale::new(3).init(f32::NAN)).output_shape(&[map]).is_err());
    }

    #[test]
    fn starts_where_it_is_told_under_torchvisions_name() {
        let network = Sequential::new(Shape::map(2, 3, 3))
            .layer(Layer::LayerScale(LayerScale::new(2).init(0.5)))
            .named("features.1.0")
            .build("scaled")
            .unwrap();
        let expected = Tensor::f32([2, 1, 1], vec![0.5; 2]);
        assert_eq!(network.init(1).get("features.1.0.layer_scale"), Some(&expected));
    }
}
