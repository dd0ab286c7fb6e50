//! Softmax over features, and its logarithm.

use ocelli_kernels::softmax;

use super::{Operation, Site};

#[derive(Debug)]
pub(super) struct Softmax;

impl Operation for Softmax {
    fn forward(&self, site: &mut Site<'_, '_>) {
        forward(site, softmax::softmax);
    }

    fn backward(&self, site: &mut Site<'_, '_>) {
        backward(site, softmax::softmax_backward);
    }
}

#[derive(Debug)]
pub(super) struct LogSoftmax;

impl Operation for LogSoftmax {
    fn forward(&self, site: &mut Site<'_, '_>) {
        forward(site, softmax::log_softmax);
    }

    fn backward(&self, site: &mut Site<'_, '_>) {
        backward(site, softmax::log_softmax_backward);
    }
}

fn forward(site: &mut Site<'_, '_>, of_row: impl Fn(&[f32], &mut [f32]) + Sync) {
    let (x, y) = (site.x(0), site.y());
    let channels = y.layout.channels;
    site.rows(y, [x], |n, row, values, [from]| {
        let (values, padding) = values.split_at_mut(channels);
        of_row(&from[x.layout.row_values(n, row)][..channels], values);
        padding.fill(0.0);
    });
}

fn backward(site: &mut Site<'_, '_>, of_row: impl Fn(&[f32], &[f32], &mut [f32]) + Sync) {
    let Some(dx) = site.added_dx(0) else { return };
    let (y, dy) = (site.y(), site.dy());
    let channels = y.layout.channels;
    site.rows(dx, [y, dy], |n, row, values, [y_values, dy_values]| {
        let (y, dy) = (&y_values[y.layout.row_values(n, row)], &dy_values[dy.layout.row_values(n, row)]);
        of_row(&y[..channels], &dy[..channels], &mut values[..channels]);
    });
}
