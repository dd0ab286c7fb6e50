//! What a layer makes of an image.

use ocelli_data::Image;
use ocelli_nn::Shape;

use super::{Explainer, Seen};
use crate::ReportError;
use crate::picture::stretched;

/// A layer's output for one image.
#[derive(Clone, Debug, PartialEq)]
pub struct FeatureMaps {
    /// The layer.
    pub layer: String,
    /// Rows of each map.
    pub height: usize,
    /// Columns of each map.
    pub width: usize,
    /// How many maps.
    pub channels: usize,
    /// Height × width × channels.
    pub values: Vec<f32>,
}

impl FeatureMaps {
    /// A map's values, row by row.
    pub fn map(&self, channel: usize) -> impl Iterator<Item = f32> + '_ {
        self.values.iter().skip(channel).step_by(self.channels).copied()
    }

    /// Each map as a grey picture of its own, from its smallest value, black, to its largest, white.
    #[must_use]
    pub fn pictures(&self) -> Vec<Image> {
        (0..self.channels)
            .map(|channel| {
                let values: Vec<f32> = self.map(channel).collect();
                Image::new(self.height, self.width, 1, stretched(&values))
            })
            .collect()
    }
}

impl Explainer<'_> {
    /// What a layer, by its name, makes of an image. What has no height and width is maps of one pixel.
    ///
    /// # Errors
    /// There is no such layer, or the network cannot be run here.
    pub fn feature_maps(&self, seen: &Seen, layer: &str) -> Result<FeatureMaps, ReportError> {
        let part = self.network.up_to(self.place(layer)?);
        let (channels, height, width) = match part.output() {
            Shape::Map { channels, height, width } => (channels, height, width),
            Shape::Features(count) => (count, 1, 1),
        };
        let values = self.output_of(&part, seen)?;
        Ok(FeatureMaps { layer: layer.to_string(), height, width, channels, values })
    }
}
