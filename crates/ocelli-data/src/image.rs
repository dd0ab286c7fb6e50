//! Images in memory: 8 bits a channel, channels last.

use serde::{Deserialize, Serialize};

use crate::{DataError, ErrorKind};

/// How many channels images are brought to.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Channels {
    /// One: Pillow's luma, L = 0.299 R + 0.587 G + 0.114 B in its fixed-point arithmetic.
    Grey,
    /// Three: red, green, blue.
    Rgb,
}

impl Channels {
    /// 1 or 3.
    pub fn count(self) -> usize {
        match self {
            Self::Grey => 1,
            Self::Rgb => 3,
        }
    }

    /// The channels of a network's input.
    ///
    /// # Errors
    /// If `count` is neither 1 nor 3.
    pub fn from_count(count: usize) -> Result<Self, DataError> {
        match count {
            1 => Ok(Self::Grey),
            3 => Ok(Self::Rgb),
            _ => Err(DataError::about(
                ErrorKind::Invalid,
                "channels",
                format!("images have 1 channel (grey) or 3 (RGB), not {count}"),
            )),
        }
    }
}

/// An image: `height × width × channels` bytes, row by row, the channels of a pixel together.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Image {
    height: usize,
    width: usize,
    channels: usize,
    pixels: Vec<u8>,
}

impl Image {
    /// An image over `pixels` (height × width × channels).
    ///
    /// # Panics
    /// If `pixels` has another length.
    pub fn new(height: usize, width: usize, channels: usize, pixels: Vec<u8>) -> Self {
        assert_eq!(pixels.len(), height * width * channels, "pixels of a {height}×{width}×{channels} image");
        Self { height, width, channels, pixels }
    }

    /// Rows.
    pub fn height(&self) -> usize {
        self.height
    }

    /// Columns.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Bytes of one pixel: 1 (grey) or 3 (RGB).
    pub fn channels(&self) -> usize {
        self.channels
    }

    /// The bytes, height × width × channels.
    pub fn pixels(&self) -> &[u8] {
        &self.pixels
    }

    /// The bytes, to be changed.
    pub fn pixels_mut(&mut self) -> &mut [u8] {
        &mut self.pixels
    }

    /// The bytes, kept.
    pub fn into_pixels(self) -> Vec<u8> {
        self.pixels
    }

    /// This image, borrowed.
    pub fn view(&self) -> ImageView<'_> {
        ImageView { height: self.height, width: self.width, channels: self.channels, pixels: &self.pixels }
    }

    /// Makes this image `height × width × channels`, keeping its allocation, and gives its bytes to be overwritten.
    pub(crate) fn reset(&mut self, height: usize, width: usize, channels: usize) -> &mut [u8] {
        self.height = height;
        self.width = width;
        self.channels = channels;
        self.pixels.resize(height * width * channels, 0);
        &mut self.pixels
    }
}

/// A borrowed [`Image`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ImageView<'a> {
    height: usize,
    width: usize,
    channels: usize,
    pixels: &'a [u8],
}

impl<'a> ImageView<'a> {
    /// A view of `pixels` (height × width × channels).
    ///
    /// # Panics
    /// If `pixels` has another length.
    pub fn new(height: usize, width: usize, channels: usize, pixels: &'a [u8]) -> Self {
        assert_eq!(pixels.len(), height * width * channels, "pixels of a {height}×{width}×{channels} image");
        Self { height, width, channels, pixels }
    }

    /// Rows.
    pub fn height(self) -> usize {
        self.height
    }

    /// Columns.
    pub fn width(self) -> usize {
        self.width
    }

    /// Bytes of one pixel: 1 (grey) or 3 (RGB).
    pub fn channels(self) -> usize {
        self.channels
    }

    /// The bytes, height × width × channels.
    pub fn pixels(self) -> &'a [u8] {
        self.pixels
    }

    /// A copy that owns its bytes.
    pub fn to_image(self) -> Image {
        Image::new(self.height, self.width, self.channels, self.pixels.to_vec())
    }
}

impl<'a> From<&'a Image> for ImageView<'a> {
    fn from(image: &'a Image) -> Self {
        image.view()
    }
}
