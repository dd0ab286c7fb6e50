//! Softmax over features.

use ocelli_kernels::softmax;

use super::{Operation, Site};

#[derive(Debug)]
pub(super) struct Softmax;

impl Operation for Softmax {
    fn forward(&self, site: &mut Site<'_, '_>) {
        let (x, y) = (site.x(0), site.y());
        let channels = y.layout.channels;
        site.rows(y, [x], |n, row, values, [from]| {
            let (values, padding) = values.split_at_mut(channels);
            softmax::softmax(&from[x.layout.row_values(n, row)][..channels], values);
            padding.fill(0.0);
        });
    }

    fn backward(&self, site: &mut Site<'_, '_>) {
        let Some(dx) = site.added_dx(0) else { return };
        let (y, dy) = (site.y(), site.dy());
        let channels = y.layout.channels;
        site.rows(dx, [y, dy], |n, row, values, [y_values, dy_values]| {
            let (y, dy) = (&y_values[y.layout.row_values(n, row)], &dy_values[dy.layout.row_values(n, row)]);
            softmax::softmax_backward(&y[..channels], &dy[..channels], &mut values[..channels]);
        });
    }
}
