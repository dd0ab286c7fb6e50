//! Images that lie in memory as they are: IDX and CIFAR-10 files, arrays made by a program.

use std::borrow::Cow;

use super::{Dataset, Extent};
use crate::{Channels, DataError, Image, ImageView};

/// Images of one size, one after the other in one block of bytes.
#[derive(Debug)]
pub struct MemoryDataset {
    name: String,
    classes: Vec<String>,
    labels: Vec<u32>,
    extent: Extent,
    pixels: Vec<u8>,
}

impl MemoryDataset {
    /// A dataset over `pixels`, N × height × width × channels bytes, with N `labels`.
    ///
    /// `name` is what its samples are called, with their number behind it.
    ///
    /// # Errors
    /// If there are not as many pixels as the shape needs, a label has no class, a side is 0, or
    /// channels are neither 1 nor 3.
    pub fn new(
        name: impl Into<String>,
        classes: Vec<String>,
        labels: Vec<u32>,
        (height, width, channels): (usize, usize, usize),
        pixels: Vec<u8>,
    ) -> Result<Self, DataError> {
        let name = name.into();
        Channels::from_count(channels)?;
        let needed = [height, width, channels]
            .iter()
            .try_fold(labels.len(), |product, &side| product.checked_mul(side));
        if height == 0 || width == 0 || needed != Some(pixels.len()) {
            return Err(DataError::invalid(
                name,
                format!(
                    "{} labels and {height}×{width} images of {channels} channels do not make {} bytes",
                    labels.len(),
                    pixels.len()
                ),
            ));
        }
        if let Some(at) = labels.iter().position(|&l| l as usize >= classes.len()) {
            return Err(DataError::invalid(
                format!("{name}#{at}"),
                format!("label {} of {} classes", labels[at], classes.len()),
            ));
        }
        Ok(Self { name, classes, labels, extent: Extent { channels, height, width, uniform: true }, pixels })
    }

    /// The same images with other channels: grey repeated three times, or colours as Pillow's luma.
    pub(crate) fn with_channels(mut self, channels: Channels) -> Self {
        let from = self.extent.channels;
        if from != channels.count() {
            self.pixels = match channels {
                Channels::Rgb => self.pixels.iter().flat_map(|&v| [v; 3]).collect(),
                Channels::Grey => {
                    let (pixels, _) = self.pixels.as_chunks::<3>();
                    pixels.iter().map(|&p| crate::decode::luma(p)).collect()
                }
            };
            self.extent.channels = channels.count();
        }
        self
    }

    fn stride(&self) -> usize {
        self.extent.height * self.extent.width * self.extent.channels
    }

    fn image(&self, index: usize) -> ImageView<'_> {
        let stride = self.stride();
        ImageView::new(
            self.extent.height,
            self.extent.width,
            self.extent.channels,
            &self.pixels[index * stride..][..stride],
        )
    }
}

impl Dataset for MemoryDataset {
    fn len(&self) -> usize {
        self.labels.len()
    }

    fn classes(&self) -> &[String] {
        &self.classes
    }

    fn label(&self, index: usize) -> u32 {
        self.labels[index]
    }

    fn labels(&self, index: usize) -> Cow<'_, [u32]> {
        Cow::Borrowed(std::slice::from_ref(&self.labels[index]))
    }

    fn name(&self, index: usize) -> Cow<'_, str> {
        Cow::Owned(format!("{}#{index}", self.name))
    }

    fn load(&self, index: usize) -> Result<Image, DataError> {
        Ok(self.image(index).to_image())
    }

    fn view(&self, index: usize) -> Option<ImageView<'_>> {
        Some(self.image(index))
    }

    fn extent(&self) -> Extent {
        self.extent
    }
}
