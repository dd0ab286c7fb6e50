//! A learned factor for each channel.

use ocelli_kernels::scale;

use super::super::program::{Compiler, Part, Vector};
use super::{Operation, Site};
use crate::layers::Role;

#[derive(Debug)]
pub(super) struct LayerScale(Vector);

impl LayerScale {
    pub(super) fn new(compiler: &mut Compiler<'_>, index: usize) -> Self {
        let x = compiler.input_layout(index, 0);
        compiler.work_in(x.pixel);
        Self(compiler.vector(index, Role::LayerScale, x.channels))
    }
}

impl Operation for LayerScale {
    fn forward(&self, site: &mut Site<'_, '_>) {
        let (x, y, isa) = (site.x(0), site.y(), site.isa());
        let factors = &site.shared.values[self.0.whole.clone()];
        site.rows(y, [x], |n, row, values, [from]| {
            scale::forward(isa, factors, &from[x.layout.row_values(n, row)], values);
        });
    }

    fn backward(&self, site: &mut Site<'_, '_>) {
        let dx = site.written_dx(0);
        let (x, dy, isa) = (site.x(0), site.dy(), site.isa());
        let factors = &site.shared.values[self.0.whole.clone()];
        site.rows_and_sums(dx, [x, dy], [Some(&self.0)], |(n, row), dx, [x_values, dy_values], sums| {
            let (x, dy) = (&x_values[x.layout.row_values(n, row)], &dy_values[dy.layout.row_values(n, row)]);
            scale::backward(isa, factors, (x, dy), dx, sums);
        });
    }

    fn parts(&self) -> Vec<Part> {
        self.0.part().into_iter().collect()
    }
}
