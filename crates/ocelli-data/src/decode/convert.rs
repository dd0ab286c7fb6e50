//! Pixels as decoders give them become 8-bit grey or RGB.

use crate::{Channels, Image};

/// How a decoder laid its pixels out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Layout {
    /// Samples of a pixel: 1 grey, 2 grey and alpha, 3 RGB, 4 RGB and alpha.
    pub(super) samples: usize,
    /// Bytes of a sample: 1, or 2 in the machine's order.
    pub(super) depth: usize,
}

/// Pillow's `convert("L")` of one RGB pixel.
#[inline]
pub(crate) fn luma([r, g, b]: [u8; 3]) -> u8 {
    ((19595 * u32::from(r) + 38470 * u32::from(g) + 7471 * u32::from(b) + 0x8000) >> 16) as u8
}

/// Brings `bytes` to `channels`, dropping alpha and low bytes.
pub(super) fn convert(bytes: Vec<u8>, layout: Layout, channels: Channels) -> Vec<u8> {
    let Layout { samples, depth } = layout;
    if depth == 1 && samples == channels.count() {
        return bytes;
    }
    let high = if cfg!(target_endian = "little") { depth - 1 } else { 0 };
    let pixels = bytes.chunks_exact(samples * depth);
    let is_grey = samples < 3;
    match channels {
        Channels::Grey if is_grey => pixels.map(|p| p[high]).collect(),
        Channels::Grey => pixels.map(|p| luma([p[high], p[depth + high], p[2 * depth + high]])).collect(),
        Channels::Rgb if is_grey => pixels.flat_map(|p| [p[high]; 3]).collect(),
        Channels::Rgb => pixels.flat_map(|p| [p[high], p[depth + high], p[2 * depth + high]]).collect(),
    }
}

impl Image {
    /// This image as grey or RGB, as image files are brought to them: alpha, a second or fourth channel, is dropped, grey repeated, and
    /// colour becomes grey by Pillow's luma.
    ///
    /// # Panics
    /// If it has not 1 to 4 channels.
    #[must_use]
    pub fn into_channels(self, channels: Channels) -> Image {
        let (height, width, samples) = (self.height(), self.width(), self.channels());
        assert!((1..=4).contains(&samples), "1 to 4 channels, not {samples}");
        let pixels = convert(self.into_pixels(), Layout { samples, depth: 1 }, channels);
        Image::new(height, width, channels.count(), pixels)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout(samples: usize, depth: usize) -> Layout {
        Layout { samples, depth }
    }

    #[test]
    fn alpha_is_dropped_and_grey_repeated() {
        assert_eq!(convert(vec![1, 2, 3, 0, 4, 5, 6, 9], layout(4, 1), Channels::Rgb), [1, 2, 3, 4, 5, 6]);
        assert_eq!(convert(vec![7, 0, 8, 255], layout(2, 1), Channels::Rgb), [7, 7, 7, 8, 8, 8]);
        assert_eq!(convert(vec![7, 0, 8, 255], layout(2, 1), Channels::Grey), [7, 8]);
    }

    #[test]
    fn sixteen_bits_keep_their_high_byte() {
        let bytes: Vec<u8> = [0x1234u16, 0xff00, 0x00ff].iter().flat_map(|v| v.to_ne_bytes()).collect();
        assert_eq!(convert(bytes.clone(), layout(3, 2), Channels::Rgb), [0x12, 0xff, 0]);
        assert_eq!(convert(bytes, layout(1, 2), Channels::Grey), [0x12, 0xff, 0]);
    }

    #[test]
    fn an_image_is_brought_to_other_channels() {
        let image = Image::new(1, 2, 4, vec![255, 0, 0, 9, 12, 200, 99, 0]);
        assert_eq!(image.clone().into_channels(Channels::Grey), Image::new(1, 2, 1, vec![76, 132]));
        assert_eq!(image.into_channels(Channels::Rgb), Image::new(1, 2, 3, vec![255, 0, 0, 12, 200, 99]));
        assert_eq!(
            Image::new(1, 1, 2, vec![7, 0]).into_channels(Channels::Rgb),
            Image::new(1, 1, 3, vec![7; 3])
        );
    }

    #[test]
    fn luma_is_pillows() {
        // Image.new("RGB", (1, 1), colour).convert("L")
        assert_eq!(luma([255, 255, 255]), 255);
        assert_eq!(luma([255, 0, 0]), 76);
        assert_eq!(luma([0, 255, 0]), 150);
        assert_eq!(luma([0, 0, 255]), 29);
        assert_eq!(luma([12, 200, 99]), 132);
    }
}
