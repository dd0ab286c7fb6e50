//! Activations that no epilogue carries.

use ocelli_kernels::activation::{self, Activation};

use super::site::clear_padding;
use super::{Operation, Site};

#[derive(Debug)]
pub(super) struct ByValue(pub(super) Activation);

impl Operation for ByValue {
    fn forward(&self, site: &mut Site<'_, '_>) {
        let (x, y, isa) = (site.x(0), site.y(), site.isa());
        site.rows(y, [x], |n, row, values, [from]| {
            activation::forward(isa, self.0, &from[x.layout.row_values(n, row)], values);
            if !self.0.keeps_zero() {
                clear_padding(&y.layout, values);
            }
        });
    }

    fn backward(&self, site: &mut Site<'_, '_>) {
        let Some((dx, add)) = site.written_dx(0) else { return };
        let (x, dy, isa) = (site.x(0), site.dy(), site.isa());
        site.rows(dx, [x, dy], |n, row, values, [x_values, dy_values]| {
            let (x, dy) = (&x_values[x.layout.row_values(n, row)], &dy_values[dy.layout.row_values(n, row)]);
            activation::backward(isa, self.0, x, dy, values, add);
        });
    }
}
