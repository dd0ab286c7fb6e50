//! Padding with what the image has at its edges.

use serde::{Deserialize, Serialize};

use crate::{Image, ImageView};

/// What pixels around an image show.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PaddingMode {
    /// One colour.
    #[default]
    Constant,
    /// The pixel at the edge.
    Edge,
    /// The image mirrored at the edge, without repeating the pixel there: `3 2 | 1 2 3`.
    Reflect,
    /// The image mirrored at the edge, with that pixel: `2 1 | 1 2 3`.
    Symmetric,
}

impl PaddingMode {
    /// How many pixels can be added at the sides, and above and below, of an image of (height, width).
    pub(crate) fn most(self, (height, width): (usize, usize)) -> (usize, usize) {
        match self {
            Self::Constant | Self::Edge => (usize::MAX, usize::MAX),
            Self::Reflect => (width.saturating_sub(1), height.saturating_sub(1)),
            Self::Symmetric => (width, height),
        }
    }

    /// Which of `side` pixels is seen at `at`, counted from the first and negative before it.
    pub(super) fn source(self, at: isize, side: usize) -> usize {
        let last = side as isize - 1;
        let seen = match self {
            Self::Constant | Self::Edge => at,
            Self::Reflect if at < 0 => -at,
            Self::Reflect if at > last => 2 * last - at,
            Self::Symmetric if at < 0 => -at - 1,
            Self::Symmetric if at > last => 2 * last + 1 - at,
            Self::Reflect | Self::Symmetric => at,
        };
        seen.clamp(0, last.max(0)) as usize
    }
}

/// `image` with pixels added left, above, right and below, into `target`, which takes its size. A constant is not this
/// function's to add: it shows the edge.
///
/// # Panics
/// If the image is empty.
pub fn pad(
    image: ImageView<'_>,
    [left, top, right, bottom]: [usize; 4],
    mode: PaddingMode,
    target: &mut Image,
) {
    let (height, width, channels) = (image.height(), image.width(), image.channels());
    assert!(height > 0 && width > 0, "an empty image has nothing to show");
    let stride = width * channels;
    let pixels = target.reset(height + top + bottom, width + left + right, channels);
    let column = |x: usize| mode.source(x as isize - left as isize, width) * channels;
    for (y, row) in pixels.chunks_exact_mut((width + left + right) * channels).enumerate() {
        let from = &image.pixels()[mode.source(y as isize - top as isize, height) * stride..][..stride];
        row[left * channels..][..stride].copy_from_slice(from);
        for x in (0..left).chain(left + width..left + width + right) {
            row[x * channels..][..channels].copy_from_slice(&from[column(x)..][..channels]);
        }
    }
}
