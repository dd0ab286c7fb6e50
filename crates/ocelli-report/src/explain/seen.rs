//! Images as the network sees them.

use ocelli_data::transforms::Transform;
use ocelli_data::{Compiled, Image, ImageView, Key, Workspace};
use ocelli_nn::Shape;

use super::Explainer;
use crate::ReportError;

/// An image after the classifier's transforms: what the network sees of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Seen {
    /// Height × width × channels numbers.
    pub(super) input: Vec<f32>,
    pub(super) picture: Image,
}

impl Seen {
    /// The numbers that go into the network, height × width × channels.
    #[must_use]
    pub fn input(&self) -> &[f32] {
        &self.input
    }

    /// The same before it was normalised: resized and cropped, as people look at it.
    #[must_use]
    pub fn picture(&self) -> &Image {
        &self.picture
    }
}

/// Of several views the one that stands for all: where there are five or more, that in the middle of the first five.
pub(super) fn middle(views: usize) -> usize {
    4.min(views - 1)
}

impl Explainer<'_> {
    /// Brings an image to what the network sees.
    ///
    /// # Errors
    /// The image has other channels than the transforms take, or is too small for them.
    pub fn see(&self, image: ImageView<'_>) -> Result<Seen, ReportError> {
        let transforms = self.classifier.transforms();
        let plain: Vec<Transform> =
            transforms.iter().filter(|t| !matches!(t, Transform::Normalize(_))).cloned().collect();
        let levels = self.transformed(&plain, image)?;
        let bytes = levels.iter().map(|level| (level * 255.0).round() as u8).collect();
        let (height, width, channels) = self.shape();
        Ok(Seen {
            input: self.transformed(transforms, image)?,
            picture: Image::new(height, width, channels, bytes),
        })
    }

    /// Height, width and channels of what the network sees.
    fn shape(&self) -> (usize, usize, usize) {
        match self.network.input() {
            Shape::Map { channels, height, width } => (height, width, channels),
            Shape::Features(count) => (1, 1, count),
        }
    }

    fn transformed(&self, transforms: &[Transform], image: ImageView<'_>) -> Result<Vec<f32>, ReportError> {
        let (height, width, channels) = self.shape();
        let compiled = Compiled::new(transforms, (height, width, channels))?;
        let one = height * width * channels;
        let mut numbers = vec![0.0; compiled.views() * one];
        compiled.run(image, Key::default(), &mut Workspace::default(), &mut numbers)?;
        Ok(numbers[middle(compiled.views()) * one..][..one].to_vec())
    }
}
