//! Local response normalisation.

use ocelli_kernels::local_response_norm::{self, LocalResponseNorm};

use super::super::program::Compiler;
use super::{Operation, Site};
use crate::layers;

#[derive(Debug)]
pub(super) struct ResponseNorm(LocalResponseNorm);

impl ResponseNorm {
    pub(super) fn new(spec: &layers::LocalResponseNorm, compiler: &mut Compiler<'_>, index: usize) -> Self {
        let layers::LocalResponseNorm { size, alpha, beta, k } = *spec;
        let x = compiler.input_layout(index, 0);
        let kernel = LocalResponseNorm { size, alpha, beta, k, channels: x.channels, pixel: x.pixel };
        compiler.work_in(kernel.scratch_len());
        Self(kernel)
    }
}

impl Operation for ResponseNorm {
    fn forward(&self, site: &mut Site<'_, '_>) {
        let (x, y, isa, shared) = (site.x(0), site.y(), site.isa(), site.shared);
        site.rows(y, [x], |n, row, values, [from]| {
            let from = &from[x.layout.row_values(n, row)];
            shared.scratch.with(|scratch| {
                local_response_norm::forward(isa, &self.0, from, values, &mut scratch.floats);
            });
        });
    }

    fn backward(&self, site: &mut Site<'_, '_>) {
        let Some(dx) = site.added_dx(0) else { return };
        let (x, dy, isa, shared) = (site.x(0), site.dy(), site.isa(), site.shared);
        site.rows(dx, [x, dy], |n, row, values, [x_values, dy_values]| {
            let (x, dy) = (&x_values[x.layout.row_values(n, row)], &dy_values[dy.layout.row_values(n, row)]);
            shared.scratch.with(|scratch| {
                local_response_norm::backward(isa, &self.0, (x, dy), values, &mut scratch.floats);
            });
        });
    }
}
