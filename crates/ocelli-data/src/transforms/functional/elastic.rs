//! Pixels displaced by smoothed noise.

use ocelli_kernels::random::{Stream, hash};

use super::Tools;
use super::blur::{blur_plane, kernel};
use super::warp::Sampler;
use crate::transforms::Interpolation;
use crate::{Image, ImageView};

/// How pixels are displaced.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Elastic {
    /// What the noise is drawn from.
    pub seed: u64,
    /// How far, along x and y.
    pub alpha: [f64; 2],
    /// The standard deviations of the blurs, in pixels, along x and y.
    pub sigma: [f64; 2],
    /// Nearest or bilinear.
    pub interpolation: Interpolation,
    /// As [`Warp::fill`](super::Warp::fill).
    pub fill: Option<[f32; 3]>,
}

/// Displaces the pixels of `image` by smoothed noise into `target`, which takes its size: what torchvision's
/// `ElasticTransform` does with noise of its own.
///
/// # Panics
/// If the image is empty.
pub fn elastic(image: ImageView<'_>, elastic: &Elastic, tools: &mut Tools, target: &mut Image) {
    let (height, width) = (image.height(), image.width());
    let [mut dx, mut dy, mut spare] = std::mem::take(&mut tools.numbers);
    for (axis, field) in [&mut dx, &mut dy].into_iter().enumerate() {
        let mut stream = Stream::new(elastic.seed, hash("ocelli.elastic"), axis as u64, 0);
        field.clear();
        field.extend((0..height * width).map(|_| stream.uniform() * 2.0 - 1.0));
        if elastic.sigma[axis] > 0.0 {
            let size = (8.0 * elastic.sigma[axis] + 1.0) as usize | 1;
            let kernels = elastic.sigma.map(|sigma| kernel(size, sigma));
            blur_plane(field, (height, width), &kernels, &mut spare);
        }
        let side = [width, height][axis] as f32;
        field.iter_mut().for_each(|value| *value = *value * elastic.alpha[axis] as f32 / side);
    }
    tools.numbers = [dx, dy, spare];
    displaced(image, elastic.interpolation, elastic.fill, tools, target);
}

/// Displaces the pixels of `image` by `dx` and `dy`, height × width each, in halves of its sides: torchvision's `elastic`.
///
/// # Panics
/// If the image is empty, or the fields are of another size.
pub fn elastic_by(
    image: ImageView<'_>,
    [dx, dy]: [&[f32]; 2],
    interpolation: Interpolation,
    fill: Option<[f32; 3]>,
    target: &mut Image,
) {
    let len = image.height() * image.width();
    assert!(dx.len() == len && dy.len() == len, "displacements of an image of {len} pixels");
    let mut tools = Tools { numbers: [dx.to_vec(), dy.to_vec(), Vec::new()], ..Tools::default() };
    displaced(image, interpolation, fill, &mut tools, target);
}

/// By the fields that lie in `tools`, which become places.
fn displaced(
    image: ImageView<'_>,
    interpolation: Interpolation,
    fill: Option<[f32; 3]>,
    tools: &mut Tools,
    target: &mut Image,
) {
    let (height, width, channels) = (image.height(), image.width(), image.channels());
    let pixels = target.reset(height, width, channels);
    let sampler = Sampler::new(image, interpolation, fill);
    let [xs, ys, _] = &mut tools.numbers;
    let rows = pixels.chunks_exact_mut(width * channels);
    for (y, ((xs, ys), row)) in
        xs.chunks_exact_mut(width).zip(ys.chunks_exact_mut(width)).zip(rows).enumerate()
    {
        let identity = centre(y, height);
        for (x, (px, py)) in xs.iter_mut().zip(ys.iter_mut()).enumerate() {
            *px = (centre(x, width) + *px + 1.0) * (0.5 * width as f32) - 0.5;
            *py = (identity + *py + 1.0) * (0.5 * height as f32) - 0.5;
        }
        sampler.row(xs, ys, row);
    }
}

/// Where the middle of pixel `at` of `side` lies in −1..1.
fn centre(at: usize, side: usize) -> f32 {
    ((2 * at + 1) as f32 - side as f32) / side as f32
}
