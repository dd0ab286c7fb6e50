//! Where the chunks of a batch meet: statistics that are joined over all of it, in the images' order.

use ocelli_kernels::BLOCK;
use ocelli_kernels::batch_norm::Combined;

use super::parameters::Norm;
use super::program::{NormStep, Program};

/// The batch as its chunks have it in memory.
#[derive(Clone, Copy)]
pub(super) struct Batch<'a> {
    pub(super) program: &'a Program,
    pub(super) memory: &'a [f32],
    /// Images.
    pub(super) count: usize,
}

impl Batch<'_> {
    /// Each image's part of something that a chunk has from `start` on, `len` floats for each image.
    pub(super) fn parts(&self, start: usize, len: usize) -> impl Iterator<Item = &[f32]> {
        let (memory, chunk) = (self.program.memory, self.program.chunk);
        (0..self.count).map(move |n| &self.memory[n / chunk * memory + start + n % chunk * len..][..len])
    }

    /// Joins a BatchNorm's statistics. Its running averages move, if it has any and `averages_move`.
    pub(super) fn normalise(&self, step: &NormStep, norm: &mut Norm, values: &[f32], averages_move: bool) {
        let width = step.maps.blocks * BLOCK;
        let pixels = (step.maps.size.0 * step.maps.size.1) as f64;
        if averages_move {
            norm.begin_batch();
        }
        for c in 0..norm.channels {
            let mut total = Combined::default();
            for part in self.parts(step.moments.start, step.maps.moments_len()) {
                total.push(pixels, part[c], part[width + c], part[2 * width + c]);
            }
            norm.take_statistics(c, total, norm.affine(values, c));
            if averages_move {
                norm.move_averages(c, total);
            }
        }
    }

    /// Joins a BatchNorm's gradient sums: its parameters' gradients, and what its input's needs.
    pub(super) fn sums(&self, step: &NormStep, norm: &mut Norm, values: &[f32], gradients: &mut [f32]) {
        let width = step.maps.blocks * BLOCK;
        let count = (self.count * step.maps.size.0 * step.maps.size.1) as f64;
        for c in 0..norm.channels {
            let (mut sum, mut product) = (0.0, 0.0);
            for part in self.parts(step.sums.start, step.maps.sums_len()) {
                sum += f64::from(part[c]);
                product += f64::from(part[width + c]);
            }
            for (range, gradient) in [(&norm.bias, sum), (&norm.weight, product)] {
                if let Some(range) = range {
                    gradients[range.start + c] = gradient as f32;
                }
            }
            // Running averages do not depend on the input: the gradient goes through the scale alone.
            let (sum, product) = if step.by_batch { (sum / count, product / count) } else { (0.0, 0.0) };
            norm.take_sums(c, sum, product, norm.affine(values, c).0);
        }
    }

    /// Moves the running averages of an instance normalisation towards the means, over the batch, of its images'
    /// means and unbiased variances.
    pub(super) fn average_images(&self, instances: &Instances, norm: &mut Norm) {
        let Some(running) = &mut norm.running else { return };
        let (images, pixels) = (self.count as f64, instances.pixels as f64);
        for c in 0..norm.channels {
            let (mut mean, mut var) = (0.0, 0.0);
            for part in self.parts(instances.start, 2 * instances.pixel) {
                let inverse = f64::from(part[instances.pixel + c]);
                mean += f64::from(part[c]) / images;
                var += (1.0 / (inverse * inverse) - f64::from(norm.op.eps)).max(0.0) / images;
            }
            running.move_towards(c, instances.share, mean, var * pixels / (pixels - 1.0));
        }
    }
}

/// What an instance normalisation keeps of each image, for its running averages: the channels' means, then 1 / σ.
#[derive(Clone, Copy, Debug)]
pub(super) struct Instances {
    /// Which of the plan's norms has the averages.
    pub(super) norm: usize,
    /// Where a chunk has them.
    pub(super) start: usize,
    /// Floats of an image's means.
    pub(super) pixel: usize,
    /// Values of a channel.
    pub(super) pixels: usize,
    /// The share of the batch in the new average.
    pub(super) share: f64,
}
