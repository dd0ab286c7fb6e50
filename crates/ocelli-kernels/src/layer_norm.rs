//! Normalisation over the channels of each pixel (Ba et al., 2016), and its gradients.
//!
//! The backward pass computes a pixel's statistics anew rather than have the forward pass keep them: the pixel is in
//! the first-level cache then.

use crate::isa::{Isa, Kernel};
use crate::layout::BLOCK;
use crate::simd::Simd;

/// A normalisation of pixels that lie one after another.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct LayerNorm<'a> {
    /// Channels that mean something.
    pub channels: usize,
    /// Floats from one pixel to the next: the channels, and zeros up to whole blocks.
    pub pixel: usize,
    /// Added to the variance.
    pub eps: f32,
    /// What each normalised channel is multiplied with, and then zeros: a pixel's floats.
    pub weight: Option<&'a [f32]>,
    /// What is added to each channel after that, and then zeros.
    pub bias: Option<&'a [f32]>,
}

impl LayerNorm<'_> {
    fn check(&self, values: usize) {
        let whole = self.pixel.is_multiple_of(BLOCK) && self.channels <= self.pixel && self.channels > 0;
        assert!(whole && values.is_multiple_of(self.pixel), "{values} values in pixels of {}", self.pixel);
        let enough = |vector: Option<&[f32]>| vector.is_none_or(|values| values.len() >= self.pixel);
        assert!(enough(self.weight) && enough(self.bias), "too few weights");
    }

    /// Floats of the sums that [`backward`] adds to.
    #[must_use]
    pub fn sums_len(&self) -> usize {
        2 * self.pixel
    }
}

/// `y` is the pixels of `x`, normalised.
///
/// # Panics
/// If the slices differ in length, are no whole pixels, or there are too few weights.
pub fn forward(isa: Isa, n: &LayerNorm<'_>, x: &[f32], y: &mut [f32]) {
    n.check(x.len());
    assert_eq!(x.len(), y.len());
    isa.run(Forward { n, x, y });
}

struct Forward<'a> {
    n: &'a LayerNorm<'a>,
    x: &'a [f32],
    y: &'a mut [f32],
}

impl Kernel for Forward<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let n = self.n;
        for (x, y) in self.x.chunks_exact(n.pixel).zip(self.y.chunks_exact_mut(n.pixel)) {
            // SAFETY: `forward` checked that pixels are whole blocks and vectors as long; `c` is within them.
            unsafe {
                let statistics = Statistics::of(simd, n.channels, x.as_ptr());
                let scale = statistics.scale(n);
                for c in (0..n.pixel).step_by(S::LANES) {
                    let mut v = statistics.normalised(simd, x.as_ptr().add(c), scale);
                    if let Some(weight) = n.weight {
                        v = simd.mul(v, simd.load(weight.as_ptr().add(c)));
                    }
                    if let Some(bias) = n.bias {
                        v = simd.add(v, simd.load(bias.as_ptr().add(c)));
                    }
                    simd.store(y.as_mut_ptr().add(c), live(simd, n.channels, c, v));
                }
            }
        }
    }
}

/// `dx`, if wanted, is the gradient of the pixels of `x` from `dy`, that of the output, or is added to it if `add`.
/// To `sums` are added those of the parameters: the weight's, a pixel's floats, and then the bias's.
///
/// # Panics
/// As [`forward`], or if there are too few sums.
pub fn backward(
    isa: Isa,
    n: &LayerNorm<'_>,
    (x, dy): (&[f32], &[f32]),
    dx: Option<(&mut [f32], bool)>,
    sums: &mut [f32],
) {
    n.check(x.len());
    assert!(x.len() == dy.len() && dx.as_ref().is_none_or(|(dx, _)| dx.len() == x.len()));
    assert!(sums.len() >= n.sums_len(), "too few sums");
    isa.run(Backward { n, x, dy, dx, sums });
}

struct Backward<'a> {
    n: &'a LayerNorm<'a>,
    x: &'a [f32],
    dy: &'a [f32],
    dx: Option<(&'a mut [f32], bool)>,
    sums: &'a mut [f32],
}

impl Kernel for Backward<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(mut self, simd: S) {
        let n = self.n;
        let pixels = self.x.chunks_exact(n.pixel).zip(self.dy.chunks_exact(n.pixel));
        for (index, (x, dy)) in pixels.enumerate() {
            // SAFETY: `backward` checked that pixels are whole blocks and vectors as long.
            unsafe {
                let statistics = Statistics::of(simd, n.channels, x.as_ptr());
                let scale = statistics.scale(n);
                let sums = self.sums.as_mut_ptr();
                let means = add_sums(simd, n, (x.as_ptr(), dy.as_ptr()), &statistics, scale, sums);
                if let Some((dx, add)) = &mut self.dx {
                    let dx = dx.as_mut_ptr().add(index * n.pixel);
                    gradient(simd, n, (x.as_ptr(), dy.as_ptr()), (&statistics, scale, means), (dx, *add));
                }
            }
        }
    }
}

/// Adds a pixel's gradients of the parameters to the sums, and gives the means over its channels of the gradient of
/// what is normalised, and of that times what is normalised.
///
/// # Safety
/// `x` and `dy` are a pixel's floats, `sums` two pixels', as are the weights.
#[inline(always)]
unsafe fn add_sums<S: Simd>(
    simd: S,
    n: &LayerNorm<'_>,
    (x, dy): (*const f32, *const f32),
    statistics: &Statistics,
    scale: f32,
    sums: *mut f32,
) -> [f32; 2] {
    let (mut sum, mut product) = (simd.splat(0.0), simd.splat(0.0));
    for c in (0..n.pixel).step_by(S::LANES) {
        // SAFETY: the caller's promise.
        unsafe {
            let (g, hat) = (simd.load(dy.add(c)), statistics.normalised(simd, x.add(c), scale));
            let (of_weight, of_bias) = (sums.add(c), sums.add(n.pixel + c));
            simd.store(of_weight, simd.fma(g, hat, simd.load(of_weight)));
            simd.store(of_bias, simd.add(g, simd.load(of_bias)));
            let g = weighted(simd, n, g, c);
            sum = simd.add(sum, g);
            product = simd.fma(g, hat, product);
        }
    }
    [sum, product].map(|v| total(simd, v) / n.channels as f32)
}

/// The gradient of a pixel: `1/σ · (g − mean(g) − x̂ · mean(g · x̂))`, where `g` is that of what is normalised.
///
/// # Safety
/// As [`add_sums`]; `dx` is a pixel's floats.
#[inline(always)]
unsafe fn gradient<S: Simd>(
    simd: S,
    n: &LayerNorm<'_>,
    (x, dy): (*const f32, *const f32),
    (statistics, scale, [mean, product]): (&Statistics, f32, [f32; 2]),
    (dx, add): (*mut f32, bool),
) {
    for c in (0..n.pixel).step_by(S::LANES) {
        // SAFETY: the caller's promise.
        unsafe {
            let hat = statistics.normalised(simd, x.add(c), scale);
            let g = weighted(simd, n, simd.load(dy.add(c)), c);
            let shared = simd.fma(hat, simd.splat(product), simd.splat(mean));
            let d = simd.mul(simd.sub(g, shared), simd.splat(scale));
            let d = live(simd, n.channels, c, d);
            simd.store(dx.add(c), if add { simd.add(d, simd.load(dx.add(c))) } else { d });
        }
    }
}

/// # Safety
/// The weights have a vector at `c`.
#[inline(always)]
unsafe fn weighted<S: Simd>(simd: S, n: &LayerNorm<'_>, g: S::V, c: usize) -> S::V {
    // SAFETY: the caller's promise.
    n.weight.map_or(g, |weight| simd.mul(g, unsafe { simd.load(weight.as_ptr().add(c)) }))
}

/// A pixel's statistics: its mean in two parts, so that what is far from zero loses nothing, and its variance.
struct Statistics {
    shift: f32,
    rest: f32,
    variance: f32,
}

impl Statistics {
    /// # Safety
    /// `x` is `channels` floats rounded up to whole blocks.
    #[inline(always)]
    unsafe fn of<S: Simd>(simd: S, channels: usize, x: *const f32) -> Self {
        let count = channels as f32;
        // Pairs of sums hide the latency of the additions.
        let mut sum = [simd.splat(0.0); 2];
        for c in (0..channels).step_by(2 * S::LANES) {
            for i in 0..2 {
                if c + i * S::LANES < channels {
                    // SAFETY: the caller's promise.
                    sum[i] = simd.add(sum[i], unsafe { simd.load(x.add(c + i * S::LANES)) });
                }
            }
        }
        let shift = total(simd, simd.add(sum[0], sum[1])) / count;
        let (mut sum, mut square) = ([simd.splat(0.0); 2], [simd.splat(0.0); 2]);
        for c in (0..channels).step_by(2 * S::LANES) {
            for i in 0..2 {
                let c = c + i * S::LANES;
                if c < channels {
                    // SAFETY: the caller's promise.
                    let d = simd.sub(unsafe { simd.load(x.add(c)) }, simd.splat(shift));
                    let d = live(simd, channels, c, d);
                    sum[i] = simd.add(sum[i], d);
                    square[i] = simd.fma(d, d, square[i]);
                }
            }
        }
        let sum = total(simd, simd.add(sum[0], sum[1]));
        let square = total(simd, simd.add(square[0], square[1]));
        let rest = sum / count;
        let variance = (square - sum * rest) / count;
        // As the smaller of the two would be, but NaN stays.
        Self { shift, rest, variance: if variance < 0.0 { 0.0 } else { variance } }
    }

    /// 1 / σ.
    #[inline(always)]
    fn scale(&self, n: &LayerNorm<'_>) -> f32 {
        1.0 / (self.variance + n.eps).sqrt()
    }

    /// # Safety
    /// `x` is readable for a vector.
    #[inline(always)]
    unsafe fn normalised<S: Simd>(&self, simd: S, x: *const f32, scale: f32) -> S::V {
        // SAFETY: the caller's promise.
        let d = simd.sub(unsafe { simd.load(x) }, simd.splat(self.shift));
        simd.mul(simd.sub(d, simd.splat(self.rest)), simd.splat(scale))
    }
}

/// The vector with zeros in the lanes past the last channel.
#[inline(always)]
fn live<S: Simd>(simd: S, channels: usize, c: usize, v: S::V) -> S::V {
    const LIVE: [f32; 2 * BLOCK] = {
        let mut live = [0.0; 2 * BLOCK];
        let mut lane = 0;
        while lane < BLOCK {
            live[lane] = 1.0;
            lane += 1;
        }
        live
    };
    if c + S::LANES <= channels {
        return v;
    }
    let there = channels.saturating_sub(c).min(BLOCK);
    // SAFETY: it begins at most BLOCK lanes into two blocks, and a vector is at most a block.
    let live = unsafe { simd.load(LIVE.as_ptr().add(BLOCK - there)) };
    simd.select_gt(live, simd.splat(0.0), v, simd.splat(0.0))
}

/// The sum of a vector's lanes.
#[inline(always)]
fn total<S: Simd>(simd: S, v: S::V) -> f32 {
    let mut lanes = [0.0; BLOCK];
    // SAFETY: a vector is at most a block.
    unsafe { simd.store(lanes.as_mut_ptr(), v) };
    let mut count = S::LANES;
    while count > 1 {
        count /= 2;
        for lane in 0..count {
            lanes[lane] += lanes[lane + count];
        }
    }
    lanes[0]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layout::padded;
    use crate::random::Stream;

    /// Pixels around `centre`, zeros in their padding.
    fn pixels(count: usize, channels: usize, centre: f32, stream: &mut Stream) -> Vec<f32> {
        let mut values = vec![0.0; count * padded(channels)];
        for pixel in values.chunks_exact_mut(padded(channels)) {
            pixel[..channels].iter_mut().for_each(|v| *v = centre + stream.normal());
        }
        values
    }

    /// The normalised values of a pixel and 1 / σ, in f64.
    fn exact(x: &[f32], eps: f64) -> (Vec<f64>, f64) {
        let count = x.len() as f64;
        let mean = x.iter().map(|&v| f64::from(v)).sum::<f64>() / count;
        let variance = x.iter().map(|&v| (f64::from(v) - mean).powi(2)).sum::<f64>() / count;
        let scale = 1.0 / (variance + eps).sqrt();
        (x.iter().map(|&v| (f64::from(v) - mean) * scale).collect(), scale)
    }

    #[test]
    fn is_the_definition_far_from_zero_too() {
        for (channels, centre) in [(1, 0.0), (3, 0.0), (16, 100.0), (17, 1000.0), (33, 0.0), (96, -5000.0)] {
            let mut stream = Stream::new(channels as u64, 0, 0, 0);
            let pixel = padded(channels);
            let (x, dy) = (pixels(3, channels, centre, &mut stream), pixels(3, channels, 0.0, &mut stream));
            let weight = pixels(1, channels, 1.0, &mut stream);
            let bias = pixels(1, channels, 0.0, &mut stream);
            let n = LayerNorm { channels, pixel, eps: 1e-5, weight: Some(&weight), bias: Some(&bias) };
            for isa in Isa::available() {
                let (mut y, mut dx) = (vec![7.0; x.len()], vec![1.0; x.len()]);
                let mut sums = vec![0.0; n.sums_len()];
                forward(isa, &n, &x, &mut y);
                backward(isa, &n, (&x, &dy), Some((&mut dx, true)), &mut sums);
                let mut of_weight = vec![0.0; channels];
                for p in 0..3 {
                    let at = p * pixel..p * pixel + channels;
                    let (hat, scale) = exact(&x[at.clone()], 1e-5);
                    let g: Vec<f64> = dy[at].iter().zip(&weight).map(|(d, w)| f64::from(d * w)).collect();
                    let mean = g.iter().sum::<f64>() / channels as f64;
                    let product = g.iter().zip(&hat).map(|(g, h)| g * h).sum::<f64>() / channels as f64;
                    for c in 0..channels {
                        let close = |got: f32, exact: f64| {
                            let error = (f64::from(got) - exact).abs();
                            assert!(
                                error < 1e-5 * (1.0 + exact.abs() + scale),
                                "{got} is not {exact}: {channels}"
                            );
                        };
                        let place = p * pixel + c;
                        close(y[place], hat[c] * f64::from(weight[c]) + f64::from(bias[c]));
                        close(dx[place], 1.0 + scale * (g[c] - mean - hat[c] * product));
                        of_weight[c] += hat[c] * f64::from(dy[place]);
                    }
                    assert!(y[p * pixel + channels..(p + 1) * pixel].iter().all(|&v| v == 0.0));
                    assert!(dx[p * pixel + channels..(p + 1) * pixel].iter().all(|&v| v == 1.0));
                }
                for c in 0..channels {
                    let bias: f32 = (0..3).map(|p| dy[p * pixel + c]).sum();
                    assert!((sums[pixel + c] - bias).abs() < 1e-5);
                    assert!((f64::from(sums[c]) - of_weight[c]).abs() < 1e-5 * (1.0 + of_weight[c].abs()));
                }
            }
        }
    }

    #[test]
    fn padding_stays_zero_beside_what_is_no_number() {
        let mut x = vec![0.0; 16];
        x[0] = f32::INFINITY;
        let n = LayerNorm { channels: 3, pixel: 16, eps: 1e-5, weight: None, bias: None };
        for isa in Isa::available() {
            let mut y = vec![1.0; 16];
            forward(isa, &n, &x, &mut y);
            assert!(y[..3].iter().all(|v| v.is_nan()) && y[3..].iter().all(|&v| v == 0.0), "{y:?}");
        }
    }
}
