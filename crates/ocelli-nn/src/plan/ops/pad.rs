//! Margins around a map that are not zeros; zeros are the halo of a convolution's input.

use super::super::graph::Value;
use super::super::program::Compiler;
use super::{Operation, Site};
use crate::layers::{Margins, PaddingMode};

/// What is put around a map.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in super::super) struct Pad {
    pub(in super::super) mode: PaddingMode,
    pub(in super::super) margins: Margins,
}

impl Pad {
    /// The map with its margins.
    pub(in super::super) fn padded(&self, x: Value) -> Value {
        let Margins { before, after } = self.margins;
        Value {
            channels: x.channels,
            height: x.height + before.height + after.height,
            width: x.width + before.width + after.width,
        }
    }
}

/// For each row and column of the output, that of the input which it repeats.
#[derive(Debug)]
pub(super) struct Padding {
    rows: Vec<usize>,
    columns: Vec<usize>,
}

impl Padding {
    pub(super) fn new(pad: Pad, compiler: &Compiler<'_>, index: usize) -> Self {
        let (x, y) = (compiler.input_layout(index, 0), compiler.output_layout(index));
        let sources = |outputs: usize, before: usize, size: usize| {
            let source = |place: usize| pad.mode.source(place as isize - before as isize, size);
            (0..outputs).map(|place| source(place).expect("margins of zeros are halos")).collect()
        };
        let before = pad.margins.before;
        Self {
            rows: sources(y.height, before.height, x.height),
            columns: sources(y.width, before.width, x.width),
        }
    }
}

impl Operation for Padding {
    fn forward(&self, site: &mut Site<'_, '_>) {
        let (x, y) = (site.x(0).layout, site.y());
        site.rows(y, [site.x(0)], |n, row, values, [from]| {
            let from = &from[x.row_values(n, self.rows[row])];
            for (pixel, &column) in values.chunks_exact_mut(x.pixel).zip(&self.columns) {
                pixel.copy_from_slice(&from[column * x.pixel..][..x.pixel]);
            }
        });
    }

    fn backward(&self, site: &mut Site<'_, '_>) {
        let Some(dx) = site.added_dx(0) else { return };
        let (dy, images, pixel) = (site.dy(), site.images(), dx.layout.pixel);
        let (to, [from]) = site.memory(dx, [dy]);
        for (n, (y, &row)) in (0..images).flat_map(|n| self.rows.iter().enumerate().map(move |row| (n, row)))
        {
            let to = &mut to[dx.layout.row_values(n, row)];
            let from = from[dy.layout.row_values(n, y)].chunks_exact(pixel);
            for (gradient, &column) in from.zip(&self.columns) {
                let to = &mut to[column * pixel..][..pixel];
                to.iter_mut().zip(gradient).for_each(|(to, gradient)| *to += gradient);
            }
        }
    }
}
