//! Flatten, where no linear layer takes up the change of order.

use super::{Operation, Site};

#[derive(Debug)]
pub(super) struct Flatten;

impl Operation for Flatten {
    fn forward(&self, site: &mut Site<'_, '_>) {
        let (x, y) = (site.x(0), site.y());
        let from = x.layout;
        let pixels = from.height * from.width;
        site.rows(y, [x], |n, _, values, [x]| {
            for row in 0..from.height {
                for (column, pixel) in x[from.row_values(n, row)].chunks_exact(from.pixel).enumerate() {
                    for (c, value) in pixel[..from.channels].iter().enumerate() {
                        values[c * pixels + row * from.width + column] = *value;
                    }
                }
            }
            values[y.layout.channels..].fill(0.0);
        });
    }

    fn backward(&self, site: &mut Site<'_, '_>) {
        let Some(dx) = site.added_dx(0) else { return };
        let (dy, layout) = (site.dy(), dx.layout);
        let pixels = layout.height * layout.width;
        site.rows(dx, [dy], |n, row, values, [from]| {
            for (column, pixel) in values.chunks_exact_mut(layout.pixel).enumerate() {
                for (c, value) in pixel[..layout.channels].iter_mut().enumerate() {
                    *value += from[n * dy.layout.image() + c * pixels + row * layout.width + column];
                }
            }
        });
    }
}
