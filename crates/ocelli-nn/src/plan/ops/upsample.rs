//! Maps made larger.

use ocelli_kernels::upsample::{self, Axis, backward_row, forward_row};
use ocelli_kernels::{BLOCK, MapLayout, Strides};

use super::super::program::Compiler;
use super::{Operation, Site};
use crate::layers::{Upsample, UpsampleMode};

#[derive(Debug)]
pub(super) struct Resize(upsample::Upsample);

impl Resize {
    pub(super) fn new(spec: &Upsample, compiler: &Compiler<'_>, index: usize) -> Self {
        let (x, y) = (compiler.input_layout(index, 0), compiler.output_layout(index));
        let axis = |size: usize, outputs: usize, factor: Option<f64>| match spec.mode {
            UpsampleMode::Nearest => Axis::nearest(size, outputs, factor),
            UpsampleMode::Bilinear => Axis::linear(size, outputs, factor, spec.align_corners),
        };
        let rows = axis(x.height, y.height, spec.scale_factor.map(|factor| factor.height));
        let columns = axis(x.width, y.width, spec.scale_factor.map(|factor| factor.width));
        Self(upsample::Upsample::new(rows, columns, x.pixel / BLOCK))
    }
}

/// Steps through image `n` of a map.
fn image(layout: &MapLayout, n: usize) -> Strides {
    Strides { start: layout.at(n, 0), ..layout.strides() }
}

impl Operation for Resize {
    fn forward(&self, site: &mut Site<'_, '_>) {
        let (x, y, isa) = (site.x(0), site.y(), site.isa());
        site.rows(y, [x], |n, row, values, [from]| {
            forward_row(isa, &self.0, row, (from, image(&x.layout, n)), values);
        });
    }

    fn backward(&self, site: &mut Site<'_, '_>) {
        let Some(dx) = site.added_dx(0) else { return };
        let (dy, isa, images) = (site.dy(), site.isa(), site.images());
        let (to, [from]) = site.memory(dx, [dy]);
        for (n, row) in (0..images).flat_map(|n| (0..dy.layout.height).map(move |row| (n, row))) {
            backward_row(isa, &self.0, row, &from[dy.layout.row_values(n, row)], (to, image(&dx.layout, n)));
        }
    }
}
