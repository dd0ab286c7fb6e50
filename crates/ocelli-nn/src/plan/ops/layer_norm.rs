//! Normalisation over the channels of each pixel.

use ocelli_kernels::layer_norm;

use super::super::program::{Compiler, Part, Vector};
use super::{Operation, Site};
use crate::layers::{LayerNorm2d, Role};

#[derive(Debug)]
pub(super) struct LayerNorm {
    channels: usize,
    pixel: usize,
    eps: f32,
    weight: Option<Vector>,
    bias: Option<Vector>,
}

impl LayerNorm {
    pub(super) fn new(spec: &LayerNorm2d, compiler: &mut Compiler<'_>, index: usize) -> Self {
        let x = compiler.input_layout(index, 0);
        let weight = spec.elementwise_affine;
        let norm = Self {
            channels: x.channels,
            pixel: x.pixel,
            eps: spec.eps,
            weight: weight.then(|| compiler.vector(index, Role::NormWeight, x.channels)),
            bias: (weight && spec.bias).then(|| compiler.vector(index, Role::NormBias, x.channels)),
        };
        compiler.work_in(norm.kernel(None).sums_len());
        norm
    }

    /// The kernel's options, with these packed parameters.
    fn kernel<'a>(&self, values: Option<&'a [f32]>) -> layer_norm::LayerNorm<'a> {
        let of = |vector: &Option<Vector>| Some(&values?[vector.as_ref()?.whole.clone()]);
        let (weight, bias) = (of(&self.weight), of(&self.bias));
        layer_norm::LayerNorm { channels: self.channels, pixel: self.pixel, eps: self.eps, weight, bias }
    }
}

impl Operation for LayerNorm {
    fn forward(&self, site: &mut Site<'_, '_>) {
        let (x, y, isa) = (site.x(0), site.y(), site.isa());
        let kernel = self.kernel(Some(site.shared.values));
        site.rows(y, [x], |n, row, values, [from]| {
            layer_norm::forward(isa, &kernel, &from[x.layout.row_values(n, row)], values);
        });
    }

    fn backward(&self, site: &mut Site<'_, '_>) {
        let dx = site.written_dx(0);
        let (x, dy, isa) = (site.x(0), site.dy(), site.isa());
        let kernel = self.kernel(Some(site.shared.values));
        let vectors = [&self.weight, &self.bias].map(Option::as_ref);
        site.rows_and_sums(dx, [x, dy], vectors, |(n, row), dx, [x_values, dy_values], sums| {
            let (x, dy) = (&x_values[x.layout.row_values(n, row)], &dy_values[dy.layout.row_values(n, row)]);
            layer_norm::backward(isa, &kernel, (x, dy), dx, sums);
        });
    }

    fn parts(&self) -> Vec<Part> {
        [&self.weight, &self.bias].into_iter().flatten().filter_map(Vector::part).collect()
    }
}
