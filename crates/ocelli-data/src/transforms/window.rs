//! Crops, paddings and flips of one image, composed without touching a pixel.

use ocelli_kernels::stream;

use super::functional::{Table, crop::Overlap, crop::overlap, isa, resize::Part};
use crate::{Image, ImageView};

/// What is left of an image after crops and flips: a rectangle of its pixels, mirrored or not, within a larger one of
/// fill.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Window {
    /// Size of the whole.
    pub(crate) height: usize,
    pub(crate) width: usize,
    rows: Overlap,
    columns: Overlap,
    /// Whether left and right are exchanged.
    mirrored: bool,
    /// Whether top and bottom are exchanged.
    upturned: bool,
    fill: [u8; 3],
}

impl Window {
    /// The whole of an image.
    pub(crate) fn whole(height: usize, width: usize) -> Self {
        let all = |len| Overlap { source: 0, target: 0, len };
        Self {
            height,
            width,
            rows: all(height),
            columns: all(width),
            mirrored: false,
            upturned: false,
            fill: [0; 3],
        }
    }

    /// Whether pixels of fill are seen.
    fn shows_fill(&self) -> bool {
        self.rows.len < self.height || self.columns.len < self.width
    }

    /// The rectangle of the image that is seen, if nothing else is and nothing is exchanged.
    pub(crate) fn part(&self) -> Option<Part> {
        let plain = !self.shows_fill() && !self.mirrored && !self.upturned;
        plain.then_some(Part {
            top: self.rows.source,
            left: self.columns.source,
            height: self.height,
            width: self.width,
        })
    }

    /// The same window of an image that lacks its first rows and columns, of which none is seen.
    pub(crate) fn moved(mut self, rows: usize, columns: usize) -> Self {
        self.rows.source = self.rows.source.saturating_sub(rows);
        self.columns.source = self.columns.source.saturating_sub(columns);
        self
    }

    /// Whether the whole of an image is seen, mirrored or upturned perhaps.
    pub(crate) fn only_flips(&self, image: ImageView<'_>) -> bool {
        let (height, width) = (image.height(), image.width());
        Self { mirrored: false, upturned: false, ..*self } == Self::whole(height, width)
    }

    /// Left and right exchanged.
    pub(crate) fn flip_horizontally(mut self) -> Self {
        self.mirrored = !self.mirrored;
        self.columns.target = self.width - self.columns.target - self.columns.len;
        self
    }

    /// Top and bottom exchanged.
    pub(crate) fn flip_vertically(mut self) -> Self {
        self.upturned = !self.upturned;
        self.rows.target = self.height - self.rows.target - self.rows.len;
        self
    }

    /// The `height × width` part at (`top`, `left`); `None` if two fills would be seen, which one window cannot tell.
    pub(crate) fn crop(
        self,
        (top, left): (isize, isize),
        (height, width): (usize, usize),
        fill: [u8; 3],
    ) -> Option<Self> {
        if self.shows_fill() && self.fill != fill {
            return None;
        }
        Some(Self {
            height,
            width,
            rows: clip(self.rows, top, height, self.upturned),
            columns: clip(self.columns, left, width, self.mirrored),
            mirrored: self.mirrored,
            upturned: self.upturned,
            fill,
        })
    }

    /// Where a row of what is seen, counted from the first that shows the image, is in the image.
    fn source_row(&self, row: usize) -> usize {
        self.rows.source + if self.upturned { self.rows.len - 1 - row } else { row }
    }

    /// What is seen of `image`, through the table, into `out` (height × width × channels).
    pub(crate) fn render(&self, image: ImageView<'_>, table: &Table, out: &mut [f32]) {
        let channels = image.channels();
        let stride = image.width() * channels;
        let all_columns = self.columns.len == image.width() && self.columns.len == self.width;
        let (above, rest) = out.split_at_mut(self.rows.target * self.width * channels);
        let (seen, below) = rest.split_at_mut(self.rows.len * self.width * channels);
        table.fill(self.fill, above);
        table.fill(self.fill, below);
        if all_columns && !self.mirrored && !self.upturned {
            table.row(&image.pixels()[self.rows.source * stride..][..seen.len()], false, seen);
            return;
        }
        let first = self.columns.target * channels;
        let last = first + self.columns.len * channels;
        for (row, to) in seen.chunks_exact_mut(self.width * channels).enumerate() {
            table.fill(self.fill, &mut to[..first]);
            table.fill(self.fill, &mut to[last..]);
            let from = self.source_row(row) * stride + self.columns.source * channels;
            table.row(&image.pixels()[from..][..last - first], self.mirrored, &mut to[first..last]);
        }
    }

    /// The same past the caches, for numbers that are read only when much else was made: bands of rows are made in `band` first.
    pub(crate) fn stream(&self, image: ImageView<'_>, table: &Table, band: &mut Vec<f32>, out: &mut [f32]) {
        let row = (self.width * image.channels()).max(1);
        let rows = (BAND / row).max(1);
        for (number, out) in out.chunks_mut(rows * row).enumerate() {
            let top = (number * rows) as isize;
            let window = self.crop((top, 0), (out.len() / row, self.width), self.fill);
            band.resize(rows * row, 0.0);
            let band = &mut band[..out.len()];
            window.expect("the same fill").render(image, table, band);
            stream::copy(isa(), band, out);
        }
    }

    /// What is seen of `image`, as an image.
    pub(crate) fn materialise(&self, image: ImageView<'_>, target: &mut Image) {
        let channels = image.channels();
        let pixels = target.reset(self.height, self.width, channels);
        if self.shows_fill() {
            pixels.chunks_exact_mut(channels).for_each(|pixel| pixel.copy_from_slice(&self.fill[..channels]));
        }
        let count = self.columns.len * channels;
        for row in 0..self.rows.len {
            let from = (self.source_row(row) * image.width() + self.columns.source) * channels;
            let to = ((self.rows.target + row) * self.width + self.columns.target) * channels;
            let source = &image.pixels()[from..from + count];
            let target = &mut pixels[to..to + count];
            if self.mirrored {
                mirror(source, target, channels);
            } else {
                target.copy_from_slice(source);
            }
        }
    }
}

/// Numbers of a band of rows: they stay in the first cache.
const BAND: usize = 4096;

/// Copies a row's pixels in opposite order.
fn mirror(source: &[u8], target: &mut [u8], channels: usize) {
    if channels == 3 {
        let pairs = target.as_chunks_mut::<3>().0.iter_mut().zip(source.as_chunks::<3>().0.iter().rev());
        pairs.for_each(|(to, from)| *to = *from);
    } else {
        target.iter_mut().zip(source.iter().rev()).for_each(|(to, from)| *to = *from);
    }
}

/// The part of `seen` that a crop of `size` from `start` keeps.
fn clip(seen: Overlap, start: isize, size: usize, mirrored: bool) -> Overlap {
    // Where the crop starts, counted from the first seen pixel.
    let kept = overlap(start - seen.target as isize, size, seen.len);
    let skipped = if mirrored { seen.len - kept.source - kept.len } else { kept.source };
    Overlap { source: seen.source + skipped, target: kept.target, len: kept.len }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::functional;
    use super::*;

    #[derive(Clone, Debug)]
    enum Step {
        Flip,
        Upturn,
        Crop(isize, isize, usize, usize),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            Just(Step::Flip),
            Just(Step::Upturn),
            (-4isize..6, -4isize..6, 1usize..8, 1usize..8)
                .prop_map(|(top, left, height, width)| Step::Crop(top, left, height, width)),
        ]
    }

    proptest! {
        #[test]
        fn composed_windows_show_what_the_functions_make(
            height in 1usize..7, width in 1usize..7, rgb: bool,
            steps in prop::collection::vec(step(), 0..6), fill: [u8; 3],
        ) {
            let channels = if rgb { 3 } else { 1 };
            let pixels = (0..height * width * channels).map(|i| i as u8).collect();
            let image = Image::new(height, width, channels, pixels);
            let mut expected = image.clone();
            let mut window = Window::whole(height, width);
            for step in steps {
                match step {
                    Step::Flip => {
                        expected = functional::horizontal_flip(expected.view());
                        window = window.flip_horizontally();
                    }
                    Step::Upturn => {
                        expected = functional::vertical_flip(expected.view());
                        window = window.flip_vertically();
                    }
                    Step::Crop(top, left, height, width) => {
                        expected = functional::crop(expected.view(), (top, left), (height, width), fill);
                        window = window.crop((top, left), (height, width), fill).unwrap();
                    }
                }
            }
            let mut seen = Image::default();
            window.materialise(image.view(), &mut seen);
            prop_assert_eq!(&seen, &expected);

            let table = Table::new(&vec![0.4; channels], &vec![0.3; channels]).unwrap();
            let mut out = vec![f32::NAN; expected.pixels().len()];
            window.render(image.view(), &table, &mut out);
            prop_assert_eq!(&out, &functional::normalize(expected.view(), &table));
            let mut streamed = vec![f32::NAN; out.len()];
            window.stream(image.view(), &table, &mut Vec::new(), &mut streamed);
            prop_assert_eq!(streamed, out);
        }
    }

    #[test]
    fn two_fills_cannot_be_one_window() {
        let window = Window::whole(2, 2).crop((-1, 0), (3, 2), [7; 3]).unwrap();
        assert!(window.crop((-1, 0), (4, 2), [7, 7, 8]).is_none());
        assert!(window.crop((-1, 0), (4, 2), [7; 3]).is_some());
    }
}
