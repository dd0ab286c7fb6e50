//! Normalisation of groups of an image's channels.

use std::ops::Range;

use ocelli_kernels::BLOCK;
use ocelli_kernels::batch_norm::{Maps, moments};
use ocelli_kernels::group_norm::{self, Affine, Coefficients, Groups};

use super::super::program::{Compiler, Part, Vector};
use super::super::statistics::Instances;
use super::{Operation, Site};
use crate::layers::{GroupNorm, Role};

#[derive(Debug)]
pub(super) struct Normalisation {
    groups: Groups,
    /// One image's.
    maps: Maps,
    weight: Option<Vector>,
    bias: Option<Vector>,
    /// For each image its channels' means and then 1 / σ, kept for the backward pass.
    kept: Option<Range<usize>>,
    /// Which of the plan's norms has its running averages, and the share of the batch in the new ones.
    running: Option<(usize, f32)>,
}

impl Normalisation {
    pub(super) fn new(
        spec: &GroupNorm,
        share: Option<f32>,
        compiler: &mut Compiler<'_>,
        index: usize,
    ) -> Self {
        let x = compiler.input_layout(index, 0);
        let (pixel, pixels, channels) = (x.pixel, x.height * x.width, x.channels);
        let mut vector = |role| spec.affine.then(|| compiler.vector(index, role, channels));
        let (weight, bias) = (vector(Role::NormWeight), vector(Role::NormBias));
        let images = compiler.images();
        compiler.work_in((3 + 4 * images) * pixel);
        Self {
            groups: Groups { count: spec.num_groups, channels, pixel, pixels, eps: spec.eps },
            maps: Maps { images: 1, size: (x.height, x.width), blocks: pixel / BLOCK },
            weight,
            bias,
            kept: compiler.kept(index, 2 * images * pixel),
            running: share.map(|share| (compiler.running(index, spec.eps, channels), share)),
        }
    }
}

impl Operation for Normalisation {
    fn forward(&self, site: &mut Site<'_, '_>) {
        let (x, y, isa, images) = (site.x(0), site.y(), site.isa(), site.images());
        let shared = site.shared;
        let (pixel, image) = (self.groups.pixel, x.layout.image());
        let [weight, bias] =
            [&self.weight, &self.bias].map(|vector| Some(&shared.values[vector.as_ref()?.whole.clone()]));
        shared.scratch.with(|scratch| {
            let (sums, rest) = scratch.floats.split_at_mut(3 * pixel);
            let (statistics, rest) = rest.split_at_mut(2 * images * pixel);
            let scales = &mut rest[..images * pixel];
            for (n, (of_image, scale)) in
                statistics.chunks_exact_mut(2 * pixel).zip(scales.chunks_exact_mut(pixel)).enumerate()
            {
                let values = &site.chunk.floats[x.range.clone()][n * image..];
                moments(isa, self.maps, values, x.layout.strides(), sums);
                let (mean, inverse) = of_image.split_at_mut(pixel);
                group_norm::statistics(&self.groups, sums, mean, inverse);
                match weight {
                    None => scale.copy_from_slice(inverse),
                    Some(weight) => {
                        scale.iter_mut().zip(inverse).zip(weight).for_each(|((s, i), w)| *s = *i * w);
                    }
                }
            }
            if let Some(kept) = &self.kept {
                site.chunk.floats[kept.clone()][..statistics.len()].copy_from_slice(statistics);
            }
            let (statistics, scales) = (&*statistics, &*scales);
            site.rows(y, [x], |n, row, values, [from]| {
                let mean = &statistics[2 * n * pixel..][..pixel];
                let affine = Affine { mean, scale: &scales[n * pixel..][..pixel], shift: bias };
                group_norm::forward(isa, affine, &from[x.layout.row_values(n, row)], values);
            });
        });
    }

    fn backward(&self, site: &mut Site<'_, '_>) {
        let dx = site.written_dx(0);
        let (x, dy, isa, images) = (site.x(0), site.dy(), site.isa(), site.images());
        let shared = site.shared;
        let pixel = self.groups.pixel;
        let weight = self.weight.as_ref().map(|vector| &shared.values[vector.whole.clone()]);
        let kept = self.kept.clone().expect("what is compiled for training keeps its statistics");
        shared.scratch.with(|scratch| {
            let (totals, rest) = scratch.floats.split_at_mut(2 * pixel);
            let (sums, by) = rest.split_at_mut(2 * pixel);
            let [a, b, c] =
                by.get_disjoint_mut([0..pixel, pixel..2 * pixel, 2 * pixel..3 * pixel]).expect("apart");
            totals.fill(0.0);
            for n in 0..images {
                let floats = &*site.chunk.floats;
                let of =
                    |map: &super::super::program::Map| &floats[map.range.clone()][n * map.layout.image()..];
                let statistics = &floats[kept.clone()][2 * n * pixel..][..2 * pixel];
                let (mean, inverse) = statistics.split_at(pixel);
                let (from, gradient) = ((of(x), x.layout.strides()), (of(dy), dy.layout.strides()));
                group_norm::sums(isa, self.maps, from, gradient, (mean, inverse), sums);
                // The sum of the products is the weight's gradient, and comes first.
                let (of_bias, of_weight) = sums.split_at(pixel);
                let sums_of_parameters = of_weight.iter().chain(of_bias);
                totals.iter_mut().zip(sums_of_parameters).for_each(|(total, sum)| *total += sum);
                let Some((map, add)) = dx else { continue };
                let mut to = Coefficients { a: &mut *a, b: &mut *b, c: &mut *c };
                group_norm::coefficients(&self.groups, sums, inverse, weight, &mut to);
                let reads = [x.range.clone(), dy.range.clone(), kept.clone()];
                let (out, [x_values, dy_values, statistics]) =
                    super::super::memory::disjoint(site.chunk.floats, map.range.clone(), reads);
                let mean = &statistics[2 * n * pixel..][..pixel];
                for row in 0..x.layout.height {
                    let from = &x_values[x.layout.row_values(n, row)];
                    let gradient = &dy_values[dy.layout.row_values(n, row)];
                    let values = &mut out[map.layout.row_values(n, row)];
                    group_norm::backward(isa, [&*a, &*b, &*c, mean], (from, gradient), values, add);
                }
            }
            for (vector, total) in [&self.weight, &self.bias].into_iter().zip(totals.chunks_exact(pixel)) {
                if let Some(vector) = vector {
                    vector.take_share(site.chunk.floats, total);
                }
            }
        });
    }

    fn instances(&self) -> Option<Instances> {
        let ((norm, share), kept) = (self.running?, self.kept.as_ref()?);
        let (pixel, pixels, share) = (self.groups.pixel, self.groups.pixels, f64::from(share));
        Some(Instances { norm, start: kept.start, pixel, pixels, share })
    }

    fn parts(&self) -> Vec<Part> {
        [&self.weight, &self.bias].into_iter().flatten().filter_map(Vector::part).collect()
    }
}
