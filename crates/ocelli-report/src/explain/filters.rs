//! What the first layer looks for.

use ocelli_data::Image;
use ocelli_nn::{Layer, Source};

use super::Explainer;
use crate::ReportError;
use crate::picture::stretched;

impl Explainer<'_> {
    /// The filters of the first convolution as pictures, RGB where it sees three channels, else a grey one for each filter and
    /// channel; each from its smallest weight, black, to its largest, white.
    ///
    /// # Errors
    /// The network does not begin with a convolution.
    pub fn filters(&self) -> Result<Vec<Image>, ReportError> {
        let reads_image = |inputs: &[Source]| inputs == [Source::Input];
        let first = self.network.nodes().iter().find_map(|node| match &node.layer {
            Layer::Conv2d(conv) if reads_image(&node.inputs) => Some((node, conv)),
            _ => None,
        });
        let Some((node, conv)) = first else {
            return Err(ReportError::Network(
                "no convolution reads the image itself: there are no filters to show".into(),
            ));
        };
        let weight = self.classifier.weights().get(&format!("{}.weight", node.name));
        let weight =
            weight.and_then(|tensor| tensor.as_f32()).expect("a classifier's weights are its network's");
        let (height, width) = (conv.kernel_size.height, conv.kernel_size.width);
        let (pixels, channels) = (height * width, conv.in_channels / conv.groups);
        if channels != 3 {
            let tiles = weight.chunks_exact(pixels);
            return Ok(tiles.map(|tile| Image::new(height, width, 1, stretched(tile))).collect());
        }
        let rgb = |filter: &[f32]| {
            // From channels first, as PyTorch has them, to channels last.
            let last: Vec<f32> = (0..pixels * 3).map(|i| filter[i % 3 * pixels + i / 3]).collect();
            Image::new(height, width, 3, stretched(&last))
        };
        Ok(weight.chunks_exact(3 * pixels).map(rgb).collect())
    }
}
