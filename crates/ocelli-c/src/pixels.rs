//! Pixels as other libraries lay them out become images as files are decoded to.

use ocelli_data::{Channels, Image};

use crate::error::Failure;

/// How the bytes of a pixel lie: `OCELLI_GREY8` and so on of the header.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Format {
    /// Bytes of a pixel.
    bytes: usize,
    /// Whether blue comes before red.
    is_bgr: bool,
}

impl Format {
    /// The format of a number of the header.
    pub(crate) fn of(number: i32) -> Result<Self, Failure> {
        let (bytes, is_bgr) = match number {
            1 => (1, false),
            2 => (3, false),
            3 => (4, false),
            4 => (3, true),
            5 => (4, true),
            other => {
                let reason =
                    format!("pixel format {other} is none: 1 to 5 are, OCELLI_GREY8 to OCELLI_BGRA8");
                return Err(Failure::Argument(reason));
            }
        };
        Ok(Self { bytes, is_bgr })
    }

    /// How many bytes an image of this format has, from its first pixel to its last.
    pub(crate) fn extent(self, height: u32, width: u32, stride: usize) -> Result<usize, Failure> {
        let refuse = |reason: String| Err(Failure::Argument(reason));
        if height == 0 || width == 0 {
            return refuse(format!("an image of {width}×{height} pixels has none"));
        }
        let too_many = || Failure::Argument(format!("{width}×{height} pixels are more than memory can hold"));
        let row = (width as usize).checked_mul(self.bytes).ok_or_else(too_many)?;
        if stride < row {
            return refuse(format!("stride is {stride}, but a row of {width} pixels has {row} bytes"));
        }
        let before_last = (height as usize - 1).checked_mul(stride).ok_or_else(too_many)?;
        let extent = before_last.checked_add(row).ok_or_else(too_many)?;
        // No object is larger, whatever C was told.
        if isize::try_from(extent).is_err() { Err(too_many()) } else { Ok(extent) }
    }

    /// An image of `channels` from bytes, as many as [`Self::extent`] says.
    pub(crate) fn image(
        self,
        bytes: &[u8],
        height: u32,
        width: u32,
        stride: usize,
        channels: Channels,
    ) -> Image {
        let (height, width) = (height as usize, width as usize);
        let row = width * self.bytes;
        let mut pixels = Vec::with_capacity(height * row);
        for line in bytes.chunks(stride) {
            pixels.extend_from_slice(&line[..row]);
        }
        if self.is_bgr {
            pixels.chunks_exact_mut(self.bytes).for_each(|pixel| pixel.swap(0, 2));
        }
        Image::new(height, width, self.bytes, pixels).into_channels(channels)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(format: i32, bytes: &[u8], (height, width): (u32, u32), stride: usize) -> Image {
        let format = Format::of(format).expect("a format");
        assert_eq!(format.extent(height, width, stride).expect("a size"), bytes.len());
        format.image(bytes, height, width, stride, Channels::Rgb)
    }

    #[test]
    fn every_format_is_the_same_picture() {
        let expected = Image::new(2, 1, 3, vec![1, 2, 3, 4, 5, 6]);
        assert_eq!(image(2, &[1, 2, 3, 4, 5, 6], (2, 1), 3), expected);
        assert_eq!(
            image(2, &[1, 2, 3, 0, 0, 4, 5, 6], (2, 1), 5),
            expected,
            "what lies between rows is not read"
        );
        assert_eq!(image(3, &[1, 2, 3, 9, 4, 5, 6, 9], (2, 1), 4), expected);
        assert_eq!(image(4, &[3, 2, 1, 6, 5, 4], (2, 1), 3), expected);
        assert_eq!(image(5, &[3, 2, 1, 9, 6, 5, 4, 9], (2, 1), 4), expected);
        assert_eq!(image(1, &[7, 8], (1, 2), 2), Image::new(1, 2, 3, vec![7, 7, 7, 8, 8, 8]));
    }

    #[test]
    fn sizes_that_cannot_be_are_refused() {
        let rgb = Format::of(2).expect("RGB");
        for (height, width, stride) in
            [(0, 1, 3), (1, 0, 3), (2, 2, 5), (2, 1, usize::MAX), (u32::MAX, 1, 1 << 40)]
        {
            assert!(rgb.extent(height, width, stride).is_err(), "{height} {width} {stride}");
        }
        assert!(Format::of(0).is_err() && Format::of(6).is_err() && Format::of(-1).is_err());
    }
}
