//! Gaussian blur.

use ocelli_kernels::Loop;

use super::Tools;
use super::pad::PaddingMode;
use super::tools::{fast, round};
use crate::Image;

/// Blurs with a Gaussian kernel of (width, height), odd both, and standard deviations along x and y; the image is
/// reflected at its edges. torchvision's `gaussian_blur`, within one level where its sums round otherwise.
///
/// # Panics
/// If a side of the kernel is even.
pub fn gaussian_blur(image: &mut Image, [columns, rows]: [usize; 2], sigma: [f64; 2], tools: &mut Tools) {
    assert!(columns % 2 == 1 && rows % 2 == 1, "a kernel of {columns}×{rows} has no middle");
    let (height, width, channels) = (image.height(), image.width(), image.channels());
    if image.pixels().is_empty() {
        return;
    }
    let (across, down) = (kernel(columns, sigma[0]), kernel(rows, sigma[1]));
    let [padded, blurred, sum] = &mut tools.numbers;
    let row = width * channels;
    blurred.resize(height * row, 0.0);
    for (from, to) in image.pixels().chunks_exact(row).zip(blurred.chunks_exact_mut(row)) {
        reflect(from, channels, columns / 2, padded, |byte| f32::from(*byte));
        fast(Across { padded, kernel: &across, step: channels, out: to });
    }
    sum.resize(row, 0.0);
    for (y, to) in image.pixels_mut().chunks_exact_mut(row).enumerate() {
        add_rows(blurred, (height, row), y, &down, sum);
        fast(Rounded { from: sum, to });
    }
}

/// Blurs a plane of (height, width) numbers by kernels along x and y.
pub(super) fn blur_plane(
    plane: &mut [f32],
    (height, width): (usize, usize),
    [across, down]: &[Vec<f32>; 2],
    spare: &mut Vec<f32>,
) {
    let mut padded = Vec::new();
    spare.resize(height * width, 0.0);
    for (from, to) in plane.chunks_exact(width).zip(spare.chunks_exact_mut(width)) {
        reflect(from, 1, across.len() / 2, &mut padded, |value| *value);
        fast(Across { padded: &padded, kernel: across, step: 1, out: to });
    }
    for (y, to) in plane.chunks_exact_mut(width).enumerate() {
        add_rows(spare, (height, width), y, down, to);
    }
}

/// The Gaussian's values at `size` places about its middle, which sum to 1.
///
/// torchvision's places lie 1/√2 of a pixel apart in units where the exponent is −x², which is the Gaussian.
pub(super) fn kernel(size: usize, sigma: f64) -> Vec<f32> {
    let middle = (size / 2) as f64;
    let value = |i: usize| (-((i as f64 - middle) / sigma).powi(2) / 2.0).exp();
    let sum: f64 = (0..size).map(value).sum();
    (0..size).map(|i| (value(i) / sum) as f32).collect()
}

/// A row with `margin` pixels of its reflection at both ends; where it is shorter, its ends.
fn reflect<T>(row: &[T], step: usize, margin: usize, padded: &mut Vec<f32>, number: impl Fn(&T) -> f32) {
    let width = row.len() / step;
    padded.clear();
    for x in -(margin as isize)..(width + margin) as isize {
        let at = PaddingMode::Reflect.source(x, width) * step;
        padded.extend(row[at..at + step].iter().map(&number));
    }
}

/// Sums along a row.
struct Across<'a> {
    padded: &'a [f32],
    kernel: &'a [f32],
    /// Numbers of a pixel.
    step: usize,
    out: &'a mut [f32],
}

impl Loop for Across<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        self.out.fill(0.0);
        let len = self.out.len();
        for (i, weight) in self.kernel.iter().enumerate() {
            let from = &self.padded[i * self.step..][..len];
            for (sum, value) in self.out.iter_mut().zip(from) {
                *sum = value.mul_add(*weight, *sum);
            }
        }
    }
}

/// Sums of the rows about row `y`, into `out`.
fn add_rows(rows: &[f32], (height, row): (usize, usize), y: usize, kernel: &[f32], out: &mut [f32]) {
    out.fill(0.0);
    let margin = (kernel.len() / 2) as isize;
    for (i, &weight) in kernel.iter().enumerate() {
        let at = PaddingMode::Reflect.source(y as isize + i as isize - margin, height) * row;
        fast(AddRow { from: &rows[at..at + row], weight, out });
    }
}

struct AddRow<'a> {
    from: &'a [f32],
    weight: f32,
    out: &'a mut [f32],
}

impl Loop for AddRow<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        for (sum, value) in self.out.iter_mut().zip(self.from) {
            *sum = value.mul_add(self.weight, *sum);
        }
    }
}

struct Rounded<'a> {
    from: &'a [f32],
    to: &'a mut [u8],
}

impl Loop for Rounded<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        for (byte, value) in self.to.iter_mut().zip(self.from) {
            *byte = round(*value);
        }
    }
}
