//! Layers that join, take and reorder channels.

use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};

use super::Spec;
use crate::error::{ShapeError, ShapeErrorKind};
use crate::shape::Shape;

/// The channels of all inputs, one input after another, as PyTorch's `torch.cat(inputs, dim=1)`: maps of equal
/// height and width, or features.
pub(super) struct Concat;

impl Spec for Concat {
    fn type_name(&self) -> &'static str {
        "Concat"
    }

    fn inputs(&self) -> RangeInclusive<usize> {
        1..=usize::MAX
    }

    fn output_shape(&self, inputs: &[Shape]) -> Result<Shape, ShapeError> {
        let first = inputs[0];
        if let Some(&other) = inputs.iter().find(|input| input.size() != first.size()) {
            let got = format!("{} and {}", first.in_words(), other.in_words());
            let mend = "bring all inputs to one size before, by strides, pooling or Upsample";
            let needs = "maps of one height and width, or features";
            return Err(ShapeError::new(ShapeErrorKind::Size, got, needs, mend));
        }
        let channels = inputs.iter().fold(0, |sum: usize, input| sum.saturating_add(input.channels()));
        Ok(with_channels(first, channels))
    }
}

/// Channels regrouped so that a grouped convolution sees some of every group before, as PyTorch's
/// `nn.ChannelShuffle` (Zhang et al., 2017, arXiv:1707.01083): channel j of group i of g becomes channel j·g + i.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChannelShuffle {
    /// Groups of neighbouring channels in the input, which they divide.
    pub groups: usize,
}

impl ChannelShuffle {
    /// Of so many groups.
    pub fn new(groups: usize) -> Self {
        Self { groups }
    }
}

impl Spec for ChannelShuffle {
    fn type_name(&self) -> &'static str {
        "ChannelShuffle"
    }

    fn output_shape(&self, inputs: &[Shape]) -> Result<Shape, ShapeError> {
        let channels = inputs[0].channels();
        if self.groups > 0 && channels.is_multiple_of(self.groups) {
            return Ok(inputs[0]);
        }
        Err(ShapeError::option("groups", self.groups, &format!("a divisor of the {channels} channels")))
    }
}

/// Some neighbouring channels of the input, as PyTorch's `torch.narrow(input, 1, start, length)`; two of them are
/// `torch.chunk(input, 2, 1)`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Narrow {
    /// The first channel, counted from 0.
    pub start: usize,
    /// How many channels.
    pub length: usize,
}

impl Narrow {
    /// Channels `start` to `start + length`, the last not included.
    pub fn new(start: usize, length: usize) -> Self {
        Self { start, length }
    }
}

impl Spec for Narrow {
    fn type_name(&self) -> &'static str {
        "Narrow"
    }

    fn output_shape(&self, inputs: &[Shape]) -> Result<Shape, ShapeError> {
        let channels = inputs[0].channels();
        let fits = self.start.checked_add(self.length).is_some_and(|end| end <= channels);
        if fits && self.length > 0 {
            return Ok(with_channels(inputs[0], self.length));
        }
        Err(ShapeError::new(
            ShapeErrorKind::Channels,
            format!("start = {}, length = {}", self.start, self.length),
            format!("at least 1 and at most all of the {channels} channels"),
            "change start or length, or the layer before",
        ))
    }
}

fn with_channels(shape: Shape, channels: usize) -> Shape {
    match shape {
        Shape::Map { height, width, .. } => Shape::map(channels, height, width),
        Shape::Features(_) => Shape::features(channels),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Layer;

    #[test]
    fn joins_maps_of_one_size_or_features() {
        let output = |inputs: &[Shape]| Layer::Concat.output_shape(inputs);
        assert_eq!(output(&[Shape::map(3, 4, 5), Shape::map(17, 4, 5)]), Ok(Shape::map(20, 4, 5)));
        assert_eq!(output(&[Shape::features(3); 4]), Ok(Shape::features(12)));
        assert_eq!(output(&[Shape::map(3, 4, 5)]), Ok(Shape::map(3, 4, 5)));
        let error = output(&[Shape::map(3, 4, 5), Shape::map(3, 4, 5), Shape::map(3, 2, 5)]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "got a 3×4×5 map and a 3×2×5 map, needs maps of one height and width, or features: bring all \
             inputs to one size before, by strides, pooling or Upsample"
        );
        assert!(output(&[Shape::map(3, 1, 1), Shape::features(3)]).is_err());
        assert!(output(&[Shape::map(1 << 31, 1, 1); 3]).is_err());
        let error = output(&[]).unwrap_err().to_string();
        assert_eq!(error, "got 0, needs at least 1 inputs: change the layer's inputs");
    }

    #[test]
    fn takes_and_shuffles_what_is_there() {
        let shuffled =
            |groups| Layer::ChannelShuffle(ChannelShuffle::new(groups)).output_shape(&[Shape::map(6, 2, 3)]);
        assert_eq!(shuffled(3), Ok(Shape::map(6, 2, 3)));
        let error = shuffled(4).unwrap_err().to_string();
        assert_eq!(error, "got groups = 4, needs a divisor of the 6 channels: change groups");
        assert!(shuffled(0).is_err());
        let taken =
            |start, length| Layer::Narrow(Narrow::new(start, length)).output_shape(&[Shape::map(6, 2, 3)]);
        assert_eq!(taken(2, 4), Ok(Shape::map(4, 2, 3)));
        assert!(taken(2, 5).unwrap_err().to_string().contains("all of the 6 channels"));
        assert!(taken(0, 0).is_err() && taken(usize::MAX, 2).is_err());
        let features = Layer::Narrow(Narrow::new(1, 2)).output_shape(&[Shape::features(3)]);
        assert_eq!(features, Ok(Shape::features(2)));
    }
}
