//! A depthwise convolution and the one that expands its channels, by bands of rows: what lies between them is a
//! few rows that stay in the cache.

use std::ops::Range;

use ocelli_kernels::activation::Activation;
use ocelli_kernels::conv::{self, Conv};
use ocelli_kernels::sweep::{Addend, Finish};
use ocelli_kernels::{MapLayout, Strides};

use super::super::graph::Post;
use super::super::program::{ConvStep, ExpansionStep};
use super::Shared;
use super::convolve::{activate, convolve_and_activate, moved};

/// The rows of one image between the two.
struct Rows<'a> {
    shared: &'a Shared<'a>,
    expansion: &'a ExpansionStep,
    input: &'a [f32],
    image: usize,
    /// The row that the band begins with: negative where it is padding.
    top: isize,
    /// The first row that has not been made.
    next: isize,
}

impl Rows<'_> {
    /// Sees to it that the band holds the rows `rows`, those outside the map as zeros. What it held of them
    /// before is moved, not made again.
    fn hold(&mut self, rows: Range<isize>, band: &mut [f32]) {
        let layout = self.expansion.band;
        let row = layout.row();
        let height = self.expansion.conv.conv.y.height as isize;
        let kept = (self.next.min(rows.end) - rows.start).max(0);
        if kept > 0 {
            let from = (rows.start - self.top) as usize * row;
            band.copy_within(from..from + kept as usize * row, 0);
        }
        let new = rows.start + kept..rows.end;
        let inside = new.start.clamp(0, height)..new.end.clamp(0, height);
        let place = |y: isize| (y - rows.start) as usize * row;
        if inside.is_empty() {
            band[place(new.start)..place(new.end)].fill(0.0);
        } else {
            band[place(new.start)..place(inside.start)].fill(0.0);
            band[place(inside.end)..place(new.end)].fill(0.0);
            let count = inside.len();
            let made = &mut band[place(inside.start)..place(inside.end)];
            MapLayout { height: count, ..layout }.clear_halo(1, made);
            self.make(inside.start as usize..inside.end as usize, made);
        }
        (self.top, self.next) = (rows.start, rows.end);
    }

    fn make(&self, rows: Range<usize>, made: &mut [f32]) {
        let ExpansionStep { conv, post: Post { relu, activation, .. }, band, .. } = self.expansion;
        let bias = conv.bias.as_ref().map(|range| &self.shared.values[range.clone()]);
        let finish = Finish { bias, addend: Addend::None, relu: *relu };
        let part = (self.image..self.image + 1, rows);
        let out = (made, band.strides());
        convolve_and_activate(self.shared, conv, *activation, part, self.input, finish, &mut [], out, band);
    }
}

/// Rows of images of a convolution that reads an expansion, and the activation after it, as
/// [`convolve_and_activate`] computes them without one.
pub(super) fn expand_and_convolve(
    shared: &Shared<'_>,
    (conv, expansion): (&ConvStep, &ExpansionStep),
    activation: Option<Activation>,
    (images, rows): (Range<usize>, Range<usize>),
    input: &[f32],
    finish: Finish<'_>,
    band: &mut [f32],
    (out, strides): (&mut [f32], Strides),
    layout: &MapLayout,
) {
    let Conv { kernel, stride, dilation, padding, .. } = conv.conv;
    let window = (kernel.0 - 1) * dilation.0 + 1;
    let top_of = |row: usize| (row * stride.0) as isize - padding.0 as isize;
    let weights = &shared.values[conv.weight.clone()];
    for image in images.clone() {
        let start = top_of(rows.start);
        let mut held = Rows { shared, expansion, input, image, top: start, next: start };
        for first in rows.clone().step_by(expansion.rows) {
            let count = expansion.rows.min(rows.end - first);
            let top = top_of(first);
            held.hold(top..top + ((count - 1) * stride.0 + window) as isize, band);
            let (finish, to) = moved(finish, strides, (image - images.start, first - rows.start));
            conv::forward(shared.isa, &conv.forward, (0..1, 0..count), band, weights, finish, (out, to));
            if let Some(activation) = activation {
                activate(shared, activation, (1, count), (out, to), layout);
            }
        }
    }
}
