//! Pooling: for each output value, the places in the input that it is of.

use super::conv::pixels;
use crate::layers::{Layer, MaxPool2d};
use crate::shape::{Pair, Shape};

/// Rows or columns of the input, from and to (not included), of the output at `index`; padding is left out.
fn covered(
    index: usize,
    kernel: usize,
    stride: usize,
    padding: usize,
    size: usize,
) -> std::ops::Range<usize> {
    let start = index * stride;
    start.saturating_sub(padding)..(start + kernel).saturating_sub(padding).min(size)
}

/// Calls `visit(output, places, window)` for each output value: its place, the places in the input that it
/// covers, row by row, and the area of the whole window, padding included.
fn windows(
    layer: &Layer,
    shapes: (Shape, Shape),
    maps: usize,
    mut visit: impl FnMut(usize, Vec<usize>, usize),
) {
    let (size, out) = (shapes.0.size().expect("a map"), shapes.1.size().expect("a map"));
    let slide = |kernel: Pair, stride: Pair, padding: Pair, row: usize, column: usize| {
        let rows = covered(row, kernel.height, stride.height, padding.height, size.height);
        let columns = covered(column, kernel.width, stride.width, padding.width, size.width);
        (rows, columns, kernel.area())
    };
    let mut output = 0;
    for map in 0..maps {
        for (row, column) in pixels(out.height, out.width) {
            let (rows, columns, area) = match layer {
                Layer::MaxPool2d(spec) => slide(spec.kernel_size, spec.stride, spec.padding, row, column),
                Layer::AvgPool2d(spec) => slide(spec.kernel_size, spec.stride, spec.padding, row, column),
                Layer::AdaptiveAvgPool2d(_) => {
                    let part =
                        |i: usize, size: usize, out: usize| i * size / out..((i + 1) * size).div_ceil(out);
                    (part(row, size.height, out.height), part(column, size.width, out.width), 0)
                }
                _ => unreachable!("a pooling layer"),
            };
            let place =
                |row| columns.clone().map(move |column| (map * size.height + row) * size.width + column);
            visit(output, rows.flat_map(place).collect(), area);
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
    places
        .iter()
        .copied()
        .reduce(larger)
        .expect("a window covers a value, since padding is at most half of it")
}

pub(super) fn max_forward(spec: &MaxPool2d, shapes: (Shape, Shape), x: &[f64]) -> Vec<f64> {
    let mut output = Vec::new();
    windows(&Layer::MaxPool2d(*spec), shapes, maps(x, shapes.0), |_, places, _| {
        output.push(x[largest(x, &places)])
    });
    output
}

pub(super) fn max_backward(spec: &MaxPool2d, shapes: (Shape, Shape), x: &[f64], grad: &[f64]) -> Vec<f64> {
    let mut of_x = vec![0.0; x.len()];
    windows(&Layer::MaxPool2d(*spec), shapes, maps(x, shapes.0), |y, places, _| {
        of_x[largest(x, &places)] += grad[y]
    });
    of_x
}

/// What the mean of a window divides by.
fn divisor(layer: &Layer, covered: usize, window: usize) -> f64 {
    let whole = matches!(layer, Layer::AvgPool2d(spec) if spec.count_include_pad);
    if whole { window as f64 } else { covered as f64 }
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
