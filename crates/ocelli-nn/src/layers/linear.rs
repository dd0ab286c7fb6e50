//! Fully connected layers.

use serde::{Deserialize, Serialize};

use super::window::{need_count, need_features, need_map};
use super::{Conv2d, Parameter, Role, Spec};
use crate::error::{ShapeError, ShapeErrorKind};
use crate::shape::{Pair, Shape};

/// y = x·Wᵀ + b on features, as PyTorch's `nn.Linear`.
///
/// Parameters: `weight` (out×in) and, with `bias`, `bias` (out).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Linear {
    /// Features of the input.
    pub in_features: usize,
    /// Features of the output.
    pub out_features: usize,
    /// Whether a bias is added; default true.
    #[serde(default = "yes")]
    pub bias: bool,
}

fn yes() -> bool {
    true
}

impl Linear {
    /// With bias.
    pub fn new(in_features: usize, out_features: usize) -> Self {
        Self { in_features, out_features, bias: true }
    }

    /// Whether a bias is added.
    #[must_use]
    pub fn bias(mut self, bias: bool) -> Self {
        self.bias = bias;
        self
    }
}

impl Spec for Linear {
    fn type_name(&self) -> &'static str {
        "Linear"
    }

    fn output_shape(&self, inputs: &[Shape]) -> Result<Shape, ShapeError> {
        check_features(self.in_features, self.out_features)?;
        let mend = match inputs[0].elements() {
            count if count == self.in_features => "insert Flatten before it".to_owned(),
            count => format!("insert Flatten before it and set in_features to {count}"),
        };
        let features = need_features(inputs[0], &mend)?;
        need_count("features", "in_features", features, self.in_features)?;
        Ok(Shape::Features(self.out_features))
    }

    fn parameters(&self) -> Vec<Parameter> {
        let mut parameters = vec![(vec![self.out_features, self.in_features], Role::Weight)];
        if self.bias {
            parameters.push((vec![self.out_features], Role::Bias));
        }
        parameters
    }

    fn multiply_adds(&self, output: Shape) -> u64 {
        (output.elements() as u64).saturating_mul(self.in_features as u64)
    }
}

/// y = x·Wᵀ + b on the channels of each pixel of a map: what PyTorch's networks write as `Permute(0, 2, 3, 1)`, `nn.Linear`,
/// `Permute(0, 3, 1, 2)`, as ConvNeXt does (Liu et al., 2022, arXiv:2201.03545). It is a 1×1 convolution whose weight has
/// the shape of a linear layer's.
///
/// Parameters: `weight` (out×in) and, with `bias`, `bias` (out).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChannelLinear {
    /// Channels of the input.
    pub in_features: usize,
    /// Channels of the output.
    pub out_features: usize,
    /// Whether a bias is added; default true.
    #[serde(default = "yes")]
    pub bias: bool,
}

impl ChannelLinear {
    /// With bias.
    pub fn new(in_features: usize, out_features: usize) -> Self {
        Self { in_features, out_features, bias: true }
    }

    /// Whether a bias is added.
    #[must_use]
    pub fn bias(mut self, bias: bool) -> Self {
        self.bias = bias;
        self
    }

    /// The same arithmetic as a convolution.
    pub(crate) fn convolution(&self) -> Conv2d {
        Conv2d::new(self.in_features, self.out_features, 1).bias(self.bias)
    }

    fn linear(&self) -> Linear {
        Linear::new(self.in_features, self.out_features).bias(self.bias)
    }
}

impl Spec for ChannelLinear {
    fn type_name(&self) -> &'static str {
        "ChannelLinear"
    }

    fn output_shape(&self, inputs: &[Shape]) -> Result<Shape, ShapeError> {
        check_features(self.in_features, self.out_features)?;
        let (channels, Pair { height, width }) = need_map(inputs[0])?;
        need_count("channels", "in_features", channels, self.in_features)?;
        Ok(Shape::map(self.out_features, height, width))
    }

    fn parameters(&self) -> Vec<Parameter> {
        self.linear().parameters()
    }

    fn multiply_adds(&self, output: Shape) -> u64 {
        self.linear().multiply_adds(output)
    }
}

fn check_features(in_features: usize, out_features: usize) -> Result<(), ShapeError> {
    if in_features > 0 && out_features > 0 {
        return Ok(());
    }
    let got = format!("in_features = {in_features}, out_features = {out_features}");
    Err(ShapeError::new(ShapeErrorKind::Option, got, "at least 1 of each", "change them"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Layer;

    #[test]
    fn maps_features_to_features() {
        let layer = Layer::from(Linear::new(1024, 128));
        assert_eq!(layer.output_shape(&[Shape::features(1024)]), Ok(Shape::features(128)));
        assert_eq!(layer.multiply_adds(&[Shape::features(1024)]), 131_072);
    }

    #[test]
    fn errors_say_what_would_do() {
        let layer = Layer::from(Linear::new(1024, 128));
        let error = |shape| layer.output_shape(&[shape]).unwrap_err().to_string();
        assert_eq!(error(Shape::map(64, 4, 4)), "got a 64×4×4 map, needs features: insert Flatten before it");
        assert_eq!(
            error(Shape::map(64, 2, 2)),
            "got a 64×2×2 map, needs features: insert Flatten before it and set in_features to 256"
        );
        assert_eq!(
            error(Shape::features(576)),
            "got 576 features, needs 1024: set in_features to 576, or change the layer before"
        );
        for hostile in [Linear::new(0, 1), Linear::new(1, 0), Linear::new(1024, usize::MAX)] {
            assert!(Layer::from(hostile).output_shape(&[Shape::features(1024)]).is_err());
        }
    }

    #[test]
    fn channels_of_pixels_are_mapped_too() {
        let layer = Layer::ChannelLinear(ChannelLinear::new(3, 7).bias(false));
        assert_eq!(layer.output_shape(&[Shape::map(3, 4, 5)]), Ok(Shape::map(7, 4, 5)));
        assert_eq!(layer.multiply_adds(&[Shape::map(3, 4, 5)]), 420);
        let shapes: Vec<_> = layer.parameters().into_iter().map(|(_, shape, _)| shape).collect();
        assert_eq!(shapes, [[7, 3]]);
        let error = |shape| layer.output_shape(&[shape]).unwrap_err().to_string();
        assert_eq!(
            error(Shape::map(4, 4, 5)),
            "got 4 channels, needs 3: set in_features to 4, or change the layer before"
        );
        assert!(error(Shape::features(3)).contains("put this layer before Flatten"));
        let hostile = Layer::ChannelLinear(ChannelLinear::new(3, 0));
        assert!(hostile.output_shape(&[Shape::map(3, 4, 5)]).is_err());
    }
}
