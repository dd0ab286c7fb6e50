//! Products of two inputs, of which one may be a pixel of factors for the other's channels.

use ocelli_kernels::MapLayout;
use ocelli_kernels::multiply::{add_products, product};

use super::super::program::Map;
use super::{Operation, Site};

#[derive(Debug)]
pub(super) struct Multiply;

/// Where a row's values are, or the one pixel that weighs all of them.
fn factors(map: &MapLayout, gate: bool, n: usize, row: usize) -> std::ops::Range<usize> {
    map.row_values(n, if gate { 0 } else { row })
}

/// Whether a map is one pixel of factors for the pixels of the other.
fn is_gate(map: &Map, other: &Map) -> bool {
    let pixels = |map: &Map| (map.layout.height, map.layout.width);
    pixels(map) == (1, 1) && pixels(other) != (1, 1)
}

impl Operation for Multiply {
    fn forward(&self, site: &mut Site<'_, '_>) {
        let (y, isa) = (site.y(), site.isa());
        let (mut a, mut b) = (site.x(0), site.x(1));
        if is_gate(a, b) {
            (a, b) = (b, a);
        }
        let gate = is_gate(b, a);
        site.rows(y, [a, b], |n, row, values, [a_values, b_values]| {
            let (a, b) =
                (&a_values[a.layout.row_values(n, row)], &b_values[factors(&b.layout, gate, n, row)]);
            product(isa, a, b, values, false);
        });
    }

    fn backward(&self, site: &mut Site<'_, '_>) {
        let (dy, isa) = (site.dy(), site.isa());
        for input in 0..2 {
            let (x, other) = (site.x(input), site.x(1 - input));
            if is_gate(x, other) {
                sum_of_products(site, input);
                continue;
            }
            let gate = is_gate(other, x);
            let Some((dx, add)) = site.written_dx(input) else { continue };
            site.rows(dx, [dy, other], |n, row, values, [dy_values, other_values]| {
                let dy = &dy_values[dy.layout.row_values(n, row)];
                product(isa, dy, &other_values[factors(&other.layout, gate, n, row)], values, add);
            });
        }
    }
}

/// The gradient of the input that is one pixel of factors.
fn sum_of_products(site: &mut Site<'_, '_>, input: usize) {
    let Some(dx) = site.added_dx(input) else { return };
    let (dy, other, isa) = (site.dy(), site.x(1 - input), site.isa());
    site.rows(dx, [dy, other], |n, _, sums, [dy_values, other_values]| {
        for row in 0..other.layout.height {
            let dy = &dy_values[dy.layout.row_values(n, row)];
            add_products(isa, dy, &other_values[other.layout.row_values(n, row)], sums);
        }
    });
}
