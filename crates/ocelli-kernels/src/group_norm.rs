//! Normalisation of groups of an image's channels (Wu & He, 2018), and its gradients. A group of one channel is instance
//! normalisation (Ulyanov et al., 2016).
//!
//! [`crate::batch_norm::moments`] go over an image once; from them come the [`statistics`] of its groups, by which
//! [`forward`] maps each value. Backward, [`sums`] go over an image once; from them come the [`coefficients`] by which
//! [`backward`] maps each value.

use crate::batch_norm::{Combined, Maps};
use crate::isa::{Isa, Kernel};
use crate::layout::{BLOCK, Strides};
use crate::simd::Simd;

/// How an image's channels are grouped.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Groups {
    /// How many groups there are.
    pub count: usize,
    /// Channels that mean something.
    pub channels: usize,
    /// Floats from one pixel to the next: the channels, and zeros up to whole blocks.
    pub pixel: usize,
    /// Rows times columns.
    pub pixels: usize,
    /// Added to the variance.
    pub eps: f32,
}

impl Groups {
    /// The channels of each group.
    fn each(&self) -> impl Iterator<Item = std::ops::Range<usize>> {
        let channels = self.channels / self.count;
        (0..self.count).map(move |group| group * channels..(group + 1) * channels)
    }

    /// Values of a group.
    fn values(&self) -> f64 {
        (self.channels / self.count * self.pixels) as f64
    }
}

/// For each channel its group's mean and 1 / σ, from the moments of an image.
///
/// # Panics
/// If a slice is shorter than a pixel, or three of them for the moments.
pub fn statistics(g: &Groups, moments: &[f32], mean: &mut [f32], inverse: &mut [f32]) {
    let width = g.pixel;
    mean[g.channels..width].fill(0.0);
    inverse[g.channels..width].fill(0.0);
    for group in g.each() {
        let mut total = Combined::default();
        for c in group.clone() {
            total.push(g.pixels as f64, moments[c], moments[width + c], moments[2 * width + c]);
        }
        mean[group.clone()].fill(total.mean as f32);
        inverse[group].fill((1.0 / (total.deviation / total.count + f64::from(g.eps)).sqrt()) as f32);
    }
}

/// How [`forward`] maps the channels of a pixel, each a slice of as many floats as the pixel.
#[derive(Clone, Copy, Debug)]
pub struct Affine<'a> {
    /// What is taken off first.
    pub mean: &'a [f32],
    /// What that is multiplied with.
    pub scale: &'a [f32],
    /// What is added last.
    pub shift: Option<&'a [f32]>,
}

/// `y` is `(x − mean) · scale + shift` of each pixel.
///
/// # Panics
/// If the slices differ in length or are no whole pixels.
pub fn forward(isa: Isa, affine: Affine<'_>, x: &[f32], y: &mut [f32]) {
    let pixel = affine.mean.len();
    assert!(pixel == affine.scale.len() && affine.shift.is_none_or(|shift| shift.len() == pixel));
    assert!(x.len() == y.len() && x.len().is_multiple_of(pixel));
    isa.run(Forward { affine, x, y });
}

struct Forward<'a> {
    affine: Affine<'a>,
    x: &'a [f32],
    y: &'a mut [f32],
}

impl Kernel for Forward<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        let Affine { mean, scale, shift } = self.affine;
        for (y, x) in self.y.chunks_exact_mut(mean.len()).zip(self.x.chunks_exact(mean.len())) {
            let values = y.iter_mut().zip(x).zip(mean.iter().zip(scale));
            match shift {
                None => values.for_each(|((y, x), (mean, scale))| *y = (x - mean) * scale),
                Some(shift) => values
                    .zip(shift)
                    .for_each(|(((y, x), (mean, scale)), shift)| *y = (x - mean) * scale + shift),
            }
        }
    }
}

/// For each channel of an image `Σ dy` and then `Σ dy · (x − mean) / σ`, from the channels' statistics.
///
/// # Panics
/// If a slice is too short.
pub fn sums(
    isa: Isa,
    m: Maps,
    x: (&[f32], Strides),
    dy: (&[f32], Strides),
    (mean, inverse): (&[f32], &[f32]),
    sums: &mut [f32],
) {
    let size = (1, m.size.0, m.size.1);
    let width = m.blocks.checked_mul(BLOCK).expect("as many channels as fit memory");
    let reaches = |(values, strides): (&[f32], Strides)| strides.reach(size, width) <= values.len();
    assert!(reaches(x) && reaches(dy), "an image is too short");
    assert!(mean.len() >= width && inverse.len() >= width && sums.len() / 2 >= width, "too few channels");
    isa.run(Sums { size: m.size, width, x, dy, mean, inverse, sums });
}

struct Sums<'a> {
    size: (usize, usize),
    width: usize,
    x: (&'a [f32], Strides),
    dy: (&'a [f32], Strides),
    mean: &'a [f32],
    inverse: &'a [f32],
    sums: &'a mut [f32],
}

impl Kernel for Sums<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let ((x, x_strides), (dy, dy_strides)) = (self.x, self.dy);
        for c in (0..self.width).step_by(S::LANES) {
            // SAFETY: `sums` bounded every pixel's channels, the statistics and the sums.
            unsafe {
                let mean = simd.load(self.mean.as_ptr().add(c));
                // Pairs of sums hide the latency of the additions.
                let (mut sum, mut product) = ([simd.splat(0.0); 2], [simd.splat(0.0); 2]);
                for row in 0..self.size.0 {
                    for first in (0..self.size.1).step_by(2) {
                        for i in 0..2 {
                            if first + i < self.size.1 {
                                let g = simd.load(dy.as_ptr().add(dy_strides.at(0, row, first + i) + c));
                                let v = simd.load(x.as_ptr().add(x_strides.at(0, row, first + i) + c));
                                sum[i] = simd.add(sum[i], g);
                                product[i] = simd.fma(g, simd.sub(v, mean), product[i]);
                            }
                        }
                    }
                }
                let inverse = simd.load(self.inverse.as_ptr().add(c));
                let out = self.sums.as_mut_ptr().add(c);
                simd.store(out, simd.add(sum[0], sum[1]));
                simd.store(out.add(self.width), simd.mul(simd.add(product[0], product[1]), inverse));
            }
        }
    }
}

/// How [`backward`] maps the channels of a pixel: `a · dy + b · (x − mean) + c`.
#[derive(Debug)]
pub struct Coefficients<'a> {
    /// A pixel's floats each.
    pub a: &'a mut [f32],
    /// The same.
    pub b: &'a mut [f32],
    /// The same.
    pub c: &'a mut [f32],
}

/// The coefficients of an image's channels from its [`sums`], the channels' 1 / σ, and what each normalised channel is
/// multiplied with, if anything. The gradient is `1/σ · (g − mean(g) − x̂ · mean(g · x̂))` over the group, where `g` is
/// `dy` times that weight.
///
/// # Panics
/// If a slice is shorter than a pixel, or two of them for the sums.
pub fn coefficients(
    g: &Groups,
    sums: &[f32],
    inverse: &[f32],
    weight: Option<&[f32]>,
    to: &mut Coefficients<'_>,
) {
    for vector in [&mut *to.a, &mut *to.b, &mut *to.c] {
        vector[g.channels..g.pixel].fill(0.0);
    }
    let weight = |c: usize| weight.map_or(1.0, |weight| f64::from(weight[c]));
    for group in g.each() {
        let mean = |from: usize| {
            let total: f64 = group.clone().map(|c| weight(c) * f64::from(sums[from + c])).sum();
            total / g.values()
        };
        let (gradient, product) = (mean(0), mean(g.pixel));
        for c in group.clone() {
            let inverse = f64::from(inverse[c]);
            to.a[c] = (weight(c) * inverse) as f32;
            to.b[c] = (-inverse * inverse * product) as f32;
            to.c[c] = (-inverse * gradient) as f32;
        }
    }
}

/// `dx` is the gradient of pixels by the coefficients, or is added to it if `add`.
///
/// # Panics
/// If the slices differ in length or are no whole pixels.
pub fn backward(
    isa: Isa,
    [a, b, c, mean]: [&[f32]; 4],
    (x, dy): (&[f32], &[f32]),
    dx: &mut [f32],
    add: bool,
) {
    assert!(a.len() == b.len() && a.len() == c.len() && a.len() == mean.len());
    assert!(x.len() == dy.len() && x.len() == dx.len() && x.len().is_multiple_of(a.len()));
    isa.run(Backward { by: [a, b, c, mean], x, dy, dx, add });
}

struct Backward<'a> {
    by: [&'a [f32]; 4],
    x: &'a [f32],
    dy: &'a [f32],
    dx: &'a mut [f32],
    add: bool,
}

impl Kernel for Backward<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        let [a, b, c, mean] = self.by;
        let pixel = a.len();
        let pixels = self.x.chunks_exact(pixel).zip(self.dy.chunks_exact(pixel));
        for (dx, (x, dy)) in self.dx.chunks_exact_mut(pixel).zip(pixels) {
            let by = a.iter().zip(b).zip(c.iter().zip(mean));
            let values = dx.iter_mut().zip(x.iter().zip(dy)).zip(by);
            let gradient = |x: f32, dy: f32, ((a, b), (c, mean)): ((&f32, &f32), (&f32, &f32))| {
                a * dy + (b * (x - mean) + c)
            };
            if self.add {
                values.for_each(|((dx, (x, dy)), by)| *dx += gradient(*x, *dy, by));
            } else {
                values.for_each(|((dx, (x, dy)), by)| *dx = gradient(*x, *dy, by));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch_norm::moments;
    use crate::layout::{MapLayout, padded};
    use crate::random::Stream;

    fn map(layout: &MapLayout, centre: f32, stream: &mut Stream) -> Vec<f32> {
        let mut values = vec![0.0; layout.image()];
        for y in 0..layout.height {
            for pixel in values[layout.row_values(0, y)].chunks_exact_mut(layout.pixel) {
                pixel[..layout.channels].iter_mut().for_each(|v| *v = centre + stream.normal());
            }
        }
        values
    }

    /// The values of a group, from whole maps.
    fn of_group(layout: &MapLayout, values: &[f32], group: std::ops::Range<usize>) -> Vec<f64> {
        let pixels = values.chunks_exact(layout.pixel);
        pixels.flat_map(|pixel| pixel[group.clone()].iter().map(|&v| f64::from(v))).collect()
    }

    fn check(isa: Isa, count: usize, channels: usize, centre: f32) {
        let layout = MapLayout::new(channels, 3, 5);
        let mut stream = Stream::new(channels as u64, count as u64, 0, 0);
        let (x, dy) = (map(&layout, centre, &mut stream), map(&layout, 0.0, &mut stream));
        let pixel = padded(channels);
        let weight: Vec<f32> =
            (0..pixel).map(|c| if c < channels { 1.0 + c as f32 / 9.0 } else { 0.0 }).collect();
        let g = Groups { count, channels, pixel, pixels: 15, eps: 1e-5 };
        let maps = Maps { images: 1, size: (3, 5), blocks: pixel / BLOCK };
        let (mut of_x, mut mean, mut inverse) = (vec![0.0; 3 * pixel], vec![9.0; pixel], vec![9.0; pixel]);
        moments(isa, maps, &x, layout.strides(), &mut of_x);
        statistics(&g, &of_x, &mut mean, &mut inverse);
        let scale: Vec<f32> = weight.iter().zip(&inverse).map(|(w, i)| w * i).collect();
        let (mut y, mut dx) = (vec![9.0; x.len()], vec![1.0; x.len()]);
        forward(isa, Affine { mean: &mean, scale: &scale, shift: Some(&weight) }, &x, &mut y);

        let strides = layout.strides();
        let mut of_dy = vec![0.0; 2 * pixel];
        sums(isa, maps, (&x, strides), (&dy, strides), (&mean, &inverse), &mut of_dy);
        let [mut a, mut b, mut c] = [(); 3].map(|()| vec![9.0; pixel]);
        let mut to = Coefficients { a: &mut a, b: &mut b, c: &mut c };
        coefficients(&g, &of_dy, &inverse, Some(&weight), &mut to);
        backward(isa, [&a, &b, &c, &mean], (&x, &dy), &mut dx, true);

        for group in g.each() {
            let of = |values: &[f32]| of_group(&layout, values, group.clone());
            let (x, y, dy, dx) = (of(&x), of(&y), of(&dy), of(&dx));
            let each = |i: usize| f64::from(weight[group.start + i % group.len()]);
            let values = x.len() as f64;
            let mean = x.iter().sum::<f64>() / values;
            let deviation = (x.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / values + 1e-5).sqrt();
            let hat: Vec<f64> = x.iter().map(|v| (v - mean) / deviation).collect();
            let g: Vec<f64> = dy.iter().enumerate().map(|(i, d)| d * each(i)).collect();
            let of_g = g.iter().sum::<f64>() / values;
            let product = g.iter().zip(&hat).map(|(g, h)| g * h).sum::<f64>() / values;
            for i in 0..x.len() {
                let tolerance = 1e-5 * (1.0 + f64::from(centre.abs()) / 30.0) * each(i).max(1.0);
                assert!((y[i] - hat[i] * each(i) - each(i)).abs() < 2.0 * tolerance, "{channels}/{count}");
                let expected = 1.0 + (g[i] - of_g - hat[i] * product) / deviation;
                assert!((dx[i] - expected).abs() < 4.0 * tolerance, "{} is not {expected}", dx[i]);
            }
        }
        let padding = |values: &[f32], fill: f32| {
            values.chunks_exact(pixel).all(|pixel| pixel[channels..].iter().all(|&v| v == fill))
        };
        assert!(padding(&y, 0.0) && padding(&dx, 1.0));
    }

    #[test]
    fn is_the_definition() {
        for isa in Isa::available() {
            for (count, channels) in [(1, 1), (1, 3), (3, 3), (4, 16), (1, 17), (17, 17), (3, 33)] {
                check(isa, count, channels, 0.0);
                check(isa, count, channels, 100.0);
            }
        }
    }
}
