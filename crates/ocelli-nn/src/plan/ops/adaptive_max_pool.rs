//! Max pooling to a given size.

use std::ops::Range;

use ocelli_kernels::adaptive_max_pool::{AdaptiveMaxPool, backward_row, forward_row};
use ocelli_kernels::avg_pool::Windows;
use ocelli_kernels::{BLOCK, MapLayout, Strides};

use super::super::program::Compiler;
use super::{Operation, Site};

#[derive(Debug)]
pub(super) struct Pool {
    pool: AdaptiveMaxPool,
    /// Where the places of maxima are kept for the backward pass.
    places: Option<Range<usize>>,
}

impl Pool {
    pub(super) fn new(compiler: &mut Compiler<'_>, index: usize) -> Self {
        let (x, y) = (compiler.input_layout(index, 0), compiler.output_layout(index));
        let windows = (Windows::adaptive(x.height, y.height), Windows::adaptive(x.width, y.width));
        let pool = AdaptiveMaxPool::new(windows, x.pixel / BLOCK);
        let places = compiler.kept_places(index, y.height * y.width * y.pixel);
        Self { pool, places }
    }
}

/// Steps through image `n` of a map.
fn image(layout: &MapLayout, n: usize) -> Strides {
    Strides { start: layout.at(n, 0), ..layout.strides() }
}

/// The places of a row of outputs.
fn row_of_places(y: &MapLayout, n: usize, row: usize) -> Range<usize> {
    let len = y.width * y.pixel;
    let start = (n * y.height + row) * len;
    start..start + len
}

impl Operation for Pool {
    fn forward(&self, site: &mut Site<'_, '_>) {
        let (x, y, isa) = (site.x(0), site.y(), site.isa());
        let Some(places) = &self.places else {
            site.rows(y, [x], |n, row, values, [from]| {
                forward_row(isa, &self.pool, row, (from, image(&x.layout, n)), values, None);
            });
            return;
        };
        let images = site.images();
        let (out, [from], places) = site.memory_and_places(y, [x], places);
        for (n, row) in (0..images).flat_map(|n| (0..y.layout.height).map(move |row| (n, row))) {
            let places = &mut places[row_of_places(&y.layout, n, row)];
            let out = &mut out[y.layout.row_values(n, row)];
            forward_row(isa, &self.pool, row, (from, image(&x.layout, n)), out, Some(places));
        }
    }

    fn backward(&self, site: &mut Site<'_, '_>) {
        let Some(dx) = site.added_dx(0) else { return };
        let Some(places) = &self.places else { return };
        let (dy, isa, images) = (site.dy(), site.isa(), site.images());
        let (to, [from], places) = site.memory_and_places(dx, [dy], places);
        for (n, row) in (0..images).flat_map(|n| (0..dy.layout.height).map(move |row| (n, row))) {
            let places = &places[row_of_places(&dy.layout, n, row)];
            let from = &from[dy.layout.row_values(n, row)];
            backward_row(isa, &self.pool, row, from, places, (to, image(&dx.layout, n)));
        }
    }
}
