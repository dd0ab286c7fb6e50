//! Images seen through affine and perspective maps.

use ocelli_kernels::Loop;

use super::Tools;
use super::perspective::coefficients;
use super::tools::{fast, round};
use crate::transforms::{Fill, Interpolation};
use crate::{Image, ImageView};

/// How an image is seen through a map.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Warp {
    /// Where pixels come from.
    pub map: Map,
    /// Rows of the result.
    pub height: usize,
    /// Columns of the result.
    pub width: usize,
    /// Nearest or bilinear.
    pub interpolation: Interpolation,
    /// What is seen where the image is not: red, green and blue, of which grey images take the first. `None` is black
    /// which a bilinear edge fades to; with a fill, torchvision fades the edge once more, even if it is black too.
    pub fill: Option<[f32; 3]>,
}

/// Where the pixels of a result come from.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Map {
    /// (a x + b y + c, d x + e y + f), from the middles of both images.
    Affine([f64; 6]),
    /// (a x + b y + c, d x + e y + f) / (g x + h y + 1), from the top left corners of pixels.
    Perspective([f64; 8]),
}

impl Warp {
    /// Through an affine map, to an image of (height, width).
    pub fn affine(
        matrix: [f64; 6],
        (height, width): (usize, usize),
        interpolation: Interpolation,
        fill: Option<Fill>,
    ) -> Self {
        Self { map: Map::Affine(matrix), height, width, interpolation, fill: fill.map(Fill::values) }
    }

    /// Through the perspective map that moves the corners of an image of (height, width), from the top left one on
    /// clockwise, to these (x, y). `None` if there is no such map.
    pub fn perspective(
        corners: [[f64; 2]; 4],
        (height, width): (usize, usize),
        interpolation: Interpolation,
        fill: Option<Fill>,
    ) -> Option<Self> {
        let map = Map::Perspective(coefficients(corners, (height, width))?);
        Some(Self { map, height, width, interpolation, fill: fill.map(Fill::values) })
    }
}

/// Shows `image` through a map in `target`, which takes its size: torchvision's `affine`, `rotate` and `perspective`.
/// Places are rounded as PyTorch rounds them, so that the nearest pixel is the same one.
///
/// # Panics
/// If the image is empty.
pub fn warp(image: ImageView<'_>, warp: &Warp, tools: &mut Tools, target: &mut Image) {
    let (height, width) = (warp.height, warp.width);
    let pixels = target.reset(height, width, image.channels());
    let [xs, ys, _] = &mut tools.numbers;
    xs.resize(width, 0.0);
    ys.resize(width, 0.0);
    let places = Places::new(warp, (image.height(), image.width()));
    let sampler = Sampler::new(image, warp.interpolation, warp.fill);
    for (y, row) in pixels.chunks_exact_mut((width * image.channels()).max(1)).enumerate() {
        fast(Row { places: &places, y, xs, ys });
        sampler.row(xs, ys, row);
    }
}

/// The arithmetic of places, in f32 and in PyTorch's order.
struct Places {
    /// Of x and y: factors of x and y, and what is added.
    by: [[f32; 3]; 2],
    /// Of the divisor; `None` for affine maps.
    divisor: Option<[f32; 3]>,
    /// The first column and row.
    first: [f32; 2],
    /// Half of the sides of the image.
    half: [f32; 2],
}

impl Places {
    fn new(warp: &Warp, (height, width): (usize, usize)) -> Self {
        let half = |side: usize| 0.5 * side as f32;
        let middle = |side: usize| (1.0 - side as f32) * 0.5;
        let rows = |m: [f64; 6], halves: [f32; 2]| -> [[f32; 3]; 2] {
            let m = m.map(|value| value as f32);
            [
                [m[0], m[1], m[2]].map(|value| value / halves[0]),
                [m[3], m[4], m[5]].map(|value| value / halves[1]),
            ]
        };
        let seen = [half(width), half(height)];
        match warp.map {
            Map::Affine(matrix) => Self {
                by: rows(matrix, seen),
                divisor: None,
                first: [middle(warp.width), middle(warp.height)],
                half: seen,
            },
            Map::Perspective([a, b, c, d, e, f, g, h]) => Self {
                by: rows([a, b, c, d, e, f], [half(warp.width), half(warp.height)]),
                divisor: Some([g as f32, h as f32, 1.0]),
                first: [0.5, 0.5],
                half: seen,
            },
        }
    }
}

/// The places in the image that a row of the result comes from.
struct Row<'a> {
    places: &'a Places,
    y: usize,
    xs: &'a mut [f32],
    ys: &'a mut [f32],
}

impl Loop for Row<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Self { places: Places { by: [by_x, by_y], divisor, first, half }, y, xs, ys } = self;
        let y = first[1] + y as f32;
        let at = |by: &[f32; 3], x: f32| x * by[0] + y * by[1] + by[2];
        let pixel = |place: f32, half: f32| (place + 1.0) * half - 0.5;
        match divisor {
            None => {
                for (i, (px, py)) in xs.iter_mut().zip(ys).enumerate() {
                    let x = first[0] + i as i32 as f32;
                    *px = pixel(at(by_x, x), half[0]);
                    *py = pixel(at(by_y, x), half[1]);
                }
            }
            Some(divisor) => {
                for (i, (px, py)) in xs.iter_mut().zip(ys).enumerate() {
                    let x = first[0] + i as i32 as f32;
                    let divisor = at(divisor, x);
                    *px = pixel(at(by_x, x) / divisor - 1.0, half[0]);
                    *py = pixel(at(by_y, x) / divisor - 1.0, half[1]);
                }
            }
        }
    }
}

/// Takes pixels from places of an image.
pub(super) struct Sampler<'a> {
    image: ImageView<'a>,
    interpolation: Interpolation,
    fill: Option<[f32; 3]>,
}

impl<'a> Sampler<'a> {
    pub(super) fn new(image: ImageView<'a>, interpolation: Interpolation, fill: Option<[f32; 3]>) -> Self {
        assert!(!image.pixels().is_empty(), "an empty image has nothing to show");
        Self { image, interpolation, fill }
    }

    /// The pixels at (`xs`, `ys`), in pixels of the image, into `row`.
    pub(super) fn row(&self, xs: &[f32], ys: &[f32], row: &mut [u8]) {
        let grey = self.image.channels() == 1;
        match (self.interpolation, grey) {
            (Interpolation::Bilinear | Interpolation::Bicubic, true) => self.bilinear::<1>(xs, ys, row),
            (Interpolation::Bilinear | Interpolation::Bicubic, false) => self.bilinear::<3>(xs, ys, row),
            (_, true) => self.nearest::<1>(xs, ys, row),
            (_, false) => self.nearest::<3>(xs, ys, row),
        }
    }

    fn nearest<const C: usize>(&self, xs: &[f32], ys: &[f32], row: &mut [u8]) {
        let (pixels, _) = self.image.pixels().as_chunks::<C>();
        let (height, width) = (self.image.height(), self.image.width());
        let fill: [u8; C] = first(self.fill.unwrap_or_default().map(round));
        let out = row.as_chunks_mut::<C>().0;
        for ((&x, &y), out) in xs.iter().zip(ys).zip(out) {
            let (x, y) = (nearest_whole(x), nearest_whole(y));
            let inside = (x as u32 as usize) < width && (y as u32 as usize) < height;
            *out = if inside { pixels[y as usize * width + x as usize] } else { fill };
        }
    }

    fn bilinear<const C: usize>(&self, xs: &[f32], ys: &[f32], row: &mut [u8]) {
        let (pixels, _) = self.image.pixels().as_chunks::<C>();
        let (height, width) = (self.image.height() as i32, self.image.width() as i32);
        let fill = self.fill.map(first);
        let out = row.as_chunks_mut::<C>().0;
        for ((&x, &y), out) in xs.iter().zip(ys).zip(out) {
            let (left, top) = (floor(x), floor(y));
            let (right_share, bottom_share) = (x - left as f32, y - top as f32);
            let (left_share, top_share) = (1.0 - right_share, 1.0 - bottom_share);
            let shares = [
                top_share * left_share,
                top_share * right_share,
                bottom_share * left_share,
                bottom_share * right_share,
            ];
            if left >= 0 && top >= 0 && left < width - 1 && top < height - 1 {
                let at = top as usize * width as usize + left as usize;
                let (above, below) = (&pixels[at..at + 2], &pixels[at + width as usize..][..2]);
                let four = [&above[0], &above[1], &below[0], &below[1]];
                *out = std::array::from_fn(|c| {
                    let sum: f32 = (0..4).map(|i| shares[i] * f32::from(four[i][c])).sum();
                    round_positive(sum)
                });
            } else {
                *out = at_edge(pixels, (height, width), (top, left), shares, fill);
            }
        }
    }
}

/// A pixel of which not all four neighbours are the image's.
#[cold]
fn at_edge<const C: usize>(
    pixels: &[[u8; C]],
    (height, width): (i32, i32),
    (top, left): (i32, i32),
    shares: [f32; 4],
    fill: Option<[f32; C]>,
) -> [u8; C] {
    let (mut sums, mut seen) = ([0.0; C], 0.0);
    let places = [(0, 0), (0, 1), (1, 0), (1, 1)];
    for (share, (down, right)) in shares.into_iter().zip(places) {
        let (y, x) = (top.saturating_add(down), left.saturating_add(right));
        if (0..height).contains(&y) && (0..width).contains(&x) {
            let pixel = pixels[y as usize * width as usize + x as usize];
            for c in 0..C {
                sums[c] += share * f32::from(pixel[c]);
            }
            seen += share;
        }
    }
    match fill {
        None => sums.map(round),
        Some(fill) => std::array::from_fn(|c| round((sums[c] - fill[c]) * seen + fill[c])),
    }
}

/// The first `C` of three.
fn first<T: Copy, const C: usize>(three: [T; 3]) -> [T; C] {
    std::array::from_fn(|c| three[c])
}

/// The whole number nearest to `x`, the even one of two; far outside or of no number, the ends of `i32` or 0.
#[inline(always)]
fn nearest_whole(x: f32) -> i32 {
    // Adding this leaves no bits after the point and rounds as is wanted, within ±2²².
    const SHIFT: f32 = 12_582_912.0;
    if x.abs() < 4_194_304.0 { ((x + SHIFT) - SHIFT) as i32 } else { -1 }
}

/// The whole number below `x`, or one that is in no image.
#[inline(always)]
fn floor(x: f32) -> i32 {
    let cut = x as i32;
    cut.saturating_sub(i32::from(x < cut as f32))
}

/// [`round`] of a number in 0..=255.
#[inline(always)]
fn round_positive(x: f32) -> u8 {
    const SHIFT: f32 = 8_388_608.0;
    ((x + SHIFT) - SHIFT) as i32 as u8
}
