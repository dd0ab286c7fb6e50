//! Pooling: for each output value, the places in the input that it is of.

use super::conv::pixels;
use crate::layers::{AvgPool2d, Layer};
use crate::shape::{Pair, Shape};

/// The windows of one axis: for each output, the rows or columns of the input that it is of, and how many the window
/// has, those in the padding included.
type Axis = Vec<(Vec<usize>, usize)>;

/// `out` windows that slide over `size` rows or columns.
fn sliding(
    (size, out): (usize, usize),
    (kernel, stride, padding, dilation): (usize, usize, usize, usize),
) -> Axis {
    let window = |index: usize| {
        let padded = (0..kernel).map(|i| index * stride + i * dilation).filter(|&at| at < size + 2 * padding);
        let counted = padded.clone().count();
        (padded.filter_map(|at| at.checked_sub(padding)).filter(|&at| at < size).collect(), counted)
    };
    (0..out).map(window).collect()
}

/// `out` windows that divide `size` rows or columns.
fn dividing(size: usize, out: usize) -> Axis {
    (0..out).map(|i| ((i * size / out..((i + 1) * size).div_ceil(out)).collect(), 0)).collect()
}

/// The windows down and across.
fn axes(layer: &Layer, size: Pair, out: Pair) -> (Axis, Axis) {
    let slide = |kernel: Pair, stride: Pair, padding: Pair, dilation: Pair| {
        let down = (kernel.height, stride.height, padding.height, dilation.height);
        let across = (kernel.width, stride.width, padding.width, dilation.width);
        (sliding((size.height, out.height), down), sliding((size.width, out.width), across))
    };
    match layer {
        Layer::MaxPool2d(spec) => slide(spec.kernel_size, spec.stride, spec.padding, spec.dilation),
        Layer::AvgPool2d(spec) => slide(spec.kernel_size, spec.stride, spec.padding, Pair::square(1)),
        Layer::AdaptiveAvgPool2d(_) | Layer::AdaptiveMaxPool2d(_) => {
            (dividing(size.height, out.height), dividing(size.width, out.width))
        }
        _ => unreachable!("a pooling layer"),
    }
}

/// Calls `visit(output, places, window)` for each output value: its place, the places in the input that it
/// covers, row by row, and how many values the whole window has, padding included.
fn windows(
    layer: &Layer,
    shapes: (Shape, Shape),
    maps: usize,
    mut visit: impl FnMut(usize, Vec<usize>, usize),
) {
    let (size, out) = (shapes.0.size().expect("a map"), shapes.1.size().expect("a map"));
    let (down, across) = axes(layer, size, out);
    let mut output = 0;
    for map in 0..maps {
        for (row, column) in pixels(out.height, out.width) {
            let ((rows, height), (columns, width)) = (&down[row], &across[column]);
            let place = |row: &usize| {
                let start = (map * size.height + row) * size.width;
                columns.iter().map(move |column| start + column)
            };
            visit(output, rows.iter().flat_map(place).collect(), height * width);
            output += 1;
        }
    }
}

fn maps(values: &[f64], shape: Shape) -> usize {
    values.len() / (shape.elements() / shape.channels())
}

/// The first largest of some places; a value that is no number counts as largest, as in PyTorch.
fn largest(x: &[f64], places: &[usize]) -> usize {
    let larger =
        |best: usize, place: usize| if x[place] > x[best] || x[place].is_nan() { place } else { best };
    places.iter().copied().reduce(larger).expect("a window covers a value")
}

pub(super) fn max_forward(layer: &Layer, shapes: (Shape, Shape), x: &[f64]) -> Vec<f64> {
    let mut output = Vec::new();
    windows(layer, shapes, maps(x, shapes.0), |_, places, _| output.push(x[largest(x, &places)]));
    output
}

pub(super) fn max_backward(layer: &Layer, shapes: (Shape, Shape), x: &[f64], grad: &[f64]) -> Vec<f64> {
    let mut of_x = vec![0.0; x.len()];
    windows(layer, shapes, maps(x, shapes.0), |y, places, _| of_x[largest(x, &places)] += grad[y]);
    of_x
}

/// What the mean of a window divides by.
fn divisor(layer: &Layer, covered: usize, window: usize) -> f64 {
    let count = match layer {
        Layer::AvgPool2d(AvgPool2d { divisor_override: Some(divisor), .. }) => *divisor,
        Layer::AvgPool2d(AvgPool2d { count_include_pad: true, .. }) => window,
        _ => covered,
    };
    count as f64
}

pub(super) fn mean_forward(layer: &Layer, shapes: (Shape, Shape), x: &[f64]) -> Vec<f64> {
    let mut output = Vec::new();
    windows(layer, shapes, maps(x, shapes.0), |_, places, window| {
        let sum: f64 = places.iter().map(|&place| x[place]).sum();
        output.push(sum / divisor(layer, places.len(), window));
    });
    output
}

pub(super) fn mean_backward(layer: &Layer, shapes: (Shape, Shape), x: &[f64], grad: &[f64]) -> Vec<f64> {
    let mut of_x = vec![0.0; x.len()];
    windows(layer, shapes, maps(x, shapes.0), |y, places, window| {
        for &place in &places {
            of_x[place] += grad[y] / divisor(layer, places.len(), window);
        }
    });
    of_x
}
