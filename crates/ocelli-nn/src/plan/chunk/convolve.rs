//! Rows of a convolution's output, by the method that its step has chosen, and the activation after it.

use std::ops::Range;

use ocelli_kernels::activation::{self, Activation};
use ocelli_kernels::sweep::{Addend, Finish};
use ocelli_kernels::winograd::TILE_ROWS;
use ocelli_kernels::{MapLayout, Strides, conv};

use super::super::ops::clear_padding;
use super::super::program::ConvStep;
use super::Shared;
use super::expanded::expand_and_convolve;

/// Floats of output that are computed before their activation: few enough to be in the cache then.
const ACTIVATED_AT_ONCE: usize = 64 * 1024;

/// Computes rows of images: `y = relu?(bias + addend + conv(x))`. The first row of the first image begins
/// where `out` says; an addend begins there too.
pub(super) fn convolve(
    shared: &Shared<'_>,
    conv: &ConvStep,
    (images, rows): (Range<usize>, Range<usize>),
    input: &[f32],
    finish: Finish<'_>,
    scratch: &mut [f32],
    out: (&mut [f32], Strides),
) {
    if let Some(w) = &conv.winograd {
        let weights = &shared.transformed[w.weights.clone()];
        w.winograd.forward(shared.isa, (images, rows), input, weights, finish, scratch, out);
    } else {
        let weights = &shared.values[conv.weight.clone()];
        conv::forward(shared.isa, &conv.forward, (images, rows), input, weights, finish, out);
    }
}

/// The same with an activation after it, while the values are in the cache. `layout` is that of the whole
/// output.
pub(super) fn convolve_and_activate(
    shared: &Shared<'_>,
    conv: &ConvStep,
    activation: Option<Activation>,
    (images, rows): (Range<usize>, Range<usize>),
    input: &[f32],
    finish: Finish<'_>,
    scratch: &mut [f32],
    (out, strides): (&mut [f32], Strides),
    layout: &MapLayout,
) {
    if let Some(expansion) = &conv.expansion {
        let (both, part) = ((conv, &**expansion), (images, rows));
        expand_and_convolve(shared, both, activation, part, input, finish, scratch, (out, strides), layout);
        return;
    }
    let Some(activation) = activation else {
        convolve(shared, conv, (images, rows), input, finish, scratch, (out, strides));
        return;
    };
    let at_once = (ACTIVATED_AT_ONCE / strides.row.max(1)).max(1);
    let (image_step, row_step) = if images.len() * rows.len() <= at_once {
        (images.len(), rows.len())
    } else {
        (1, at_once.next_multiple_of(TILE_ROWS).min(rows.len()))
    };
    for n in images.clone().step_by(image_step.max(1)) {
        for first in rows.clone().step_by(row_step.max(1)) {
            let part = (n..(n + image_step).min(images.end), first..(first + row_step).min(rows.end));
            let (finish, to) = moved(finish, strides, (n - images.start, first - rows.start));
            let count = (part.0.len(), part.1.len());
            convolve(shared, conv, part, input, finish, scratch, (out, to));
            activate(shared, activation, count, (out, to), layout);
        }
    }
}

/// Where a part that begins so many images and rows on is written, and what is added to it.
pub(super) fn moved<'a>(
    finish: Finish<'a>,
    to: Strides,
    (image, row): (usize, usize),
) -> (Finish<'a>, Strides) {
    let from = |s: Strides| Strides { start: s.at(image, row, 0), ..s };
    let addend = match finish.addend {
        Addend::Map(map, strides) => Addend::Map(map, from(strides)),
        other => other,
    };
    (Finish { addend, ..finish }, from(to))
}

/// Replaces the pixels of so many images and rows by their activation.
pub(super) fn activate(
    shared: &Shared<'_>,
    activation: Activation,
    (images, rows): (usize, usize),
    (out, strides): (&mut [f32], Strides),
    layout: &MapLayout,
) {
    for (n, y) in (0..images).flat_map(|n| (0..rows).map(move |y| (n, y))) {
        let pixels = &mut out[strides.at(n, y, 0)..][..layout.width * layout.pixel];
        activation::in_place(shared.isa, activation, pixels);
        if !activation.keeps_zero() {
            clear_padding(layout, pixels);
        }
    }
}
