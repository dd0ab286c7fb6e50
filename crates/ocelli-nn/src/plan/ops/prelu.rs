//! A learned slope for what is negative.

use ocelli_kernels::prelu;

use super::super::program::{Compiler, Part, Vector};
use super::{Operation, Site};
use crate::layers::Role;

#[derive(Debug)]
pub(super) struct Prelu {
    pixel: usize,
    slopes: Vector,
}

impl Prelu {
    pub(super) fn new(num_parameters: usize, compiler: &mut Compiler<'_>, index: usize) -> Self {
        let pixel = compiler.input_layout(index, 0).pixel;
        compiler.work_in(pixel);
        Self { pixel, slopes: compiler.vector(index, Role::Slope, num_parameters) }
    }

    fn kernel<'a>(&self, values: &'a [f32]) -> prelu::Prelu<'a> {
        let slopes = &values[self.slopes.whole.clone()];
        let slopes = if self.slopes.values == 1 { &slopes[..1] } else { slopes };
        prelu::Prelu { pixel: self.pixel, slopes }
    }
}

impl Operation for Prelu {
    fn forward(&self, site: &mut Site<'_, '_>) {
        let (x, y, isa) = (site.x(0), site.y(), site.isa());
        let kernel = self.kernel(site.shared.values);
        site.rows(y, [x], |n, row, values, [from]| {
            prelu::forward(isa, kernel, &from[x.layout.row_values(n, row)], values);
        });
    }

    fn backward(&self, site: &mut Site<'_, '_>) {
        let dx = site.written_dx(0);
        let (x, dy, isa) = (site.x(0), site.dy(), site.isa());
        let kernel = self.kernel(site.shared.values);
        site.rows_and_sums(dx, [x, dy], [Some(&self.slopes)], |(n, row), dx, [x_values, dy_values], sums| {
            let (x, dy) = (&x_values[x.layout.row_values(n, row)], &dy_values[dy.layout.row_values(n, row)]);
            prelu::backward(isa, kernel, (x, dy), dx, sums);
        });
    }

    fn parts(&self) -> Vec<Part> {
        self.slopes.part().into_iter().collect()
    }
}
