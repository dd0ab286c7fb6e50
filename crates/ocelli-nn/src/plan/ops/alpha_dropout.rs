//! Alpha Dropout, in training.

use ocelli_kernels::MapLayout;
use ocelli_kernels::dropout::{self, AlphaDropout};
use ocelli_kernels::random::Stream;

use super::super::program::{Compiler, Map};
use super::{Operation, Site};

#[derive(Debug)]
pub(super) struct Dropped {
    p: f32,
    purpose: u64,
    values: AlphaDropout,
    /// Zero for what is dropped; kept for the backward pass.
    mask: Map,
}

impl Dropped {
    pub(super) fn new(p: f32, purpose: u64, compiler: &mut Compiler<'_>, index: usize) -> Self {
        let layout = MapLayout { halo_y: 0, halo_x: 0, ..compiler.output_layout(index) };
        let range = compiler.kept(index, compiler.images() * layout.image());
        let range = range.expect("dropout is compiled for training alone");
        Self { p, purpose, values: AlphaDropout::new(p), mask: Map { layout, range } }
    }
}

impl Operation for Dropped {
    fn forward(&self, site: &mut Site<'_, '_>) {
        let (x, y) = (site.x(0), site.y());
        let keys = site.keys.expect("dropout runs in training, with keys");
        let layout = &self.mask.layout;
        for n in 0..site.images() {
            let sample = keys.samples[site.chunk.first + n];
            let mut stream = Stream::new(keys.seed, self.purpose, keys.epoch, sample);
            let mask =
                &mut site.chunk.floats[self.mask.range.clone()][n * layout.image()..][..layout.image()];
            for pixel in mask.chunks_exact_mut(layout.pixel) {
                dropout::fill_mask(&mut stream, self.p, &mut pixel[..layout.channels]);
            }
        }
        site.rows(y, [x, &self.mask], |n, row, values, [from, masks]| {
            let (from, masks) = (&from[x.layout.row_values(n, row)], &masks[layout.row_values(n, row)]);
            let pixels = from.chunks_exact(layout.pixel).zip(masks.chunks_exact(layout.pixel));
            for (y, (x, mask)) in values.chunks_exact_mut(layout.pixel).zip(pixels) {
                let (y, padding) = y.split_at_mut(layout.channels);
                self.values.forward(&mask[..y.len()], &x[..y.len()], y);
                padding.fill(0.0);
            }
        });
    }

    fn backward(&self, site: &mut Site<'_, '_>) {
        let Some((dx, add)) = site.written_dx(0) else { return };
        let dy = site.dy();
        let layout = &self.mask.layout;
        site.rows(dx, [dy, &self.mask], |n, row, values, [dy_values, masks]| {
            let (dy, masks) = (&dy_values[dy.layout.row_values(n, row)], &masks[layout.row_values(n, row)]);
            let pixels = dy.chunks_exact(layout.pixel).zip(masks.chunks_exact(layout.pixel));
            for (dx, (dy, mask)) in values.chunks_exact_mut(layout.pixel).zip(pixels) {
                let (dx, padding) = dx.split_at_mut(layout.channels);
                self.values.backward(&mask[..dx.len()], &dy[..dx.len()], dx, add);
                padding.fill(0.0);
            }
        });
    }
}
