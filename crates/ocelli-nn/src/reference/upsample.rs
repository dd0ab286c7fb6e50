//! Upsampling: for each output value, the places in the input that it is of, with their weights.

use super::conv::pixels;
use crate::layers::{Upsample, UpsampleMode};
use crate::shape::Shape;

/// For each output along one axis, the inputs and their weights. Places are found in `f32`, as PyTorch finds them, since a
/// rounding decides which pixel is nearest.
fn axis(spec: &Upsample, size: usize, outputs: usize, factor: Option<f64>) -> Vec<Vec<(usize, f64)>> {
    let ratio = factor.map_or(size as f32 / outputs as f32, |factor| (1.0 / factor) as f32);
    let inputs = |o: usize| {
        if spec.mode == UpsampleMode::Nearest {
            let place = match outputs / size {
                1 if outputs == size => o,
                2 if outputs == 2 * size => o / 2,
                _ => ((o as f32 * ratio).floor() as usize).min(size - 1),
            };
            return vec![(place, 1.0)];
        }
        let at = match spec.align_corners {
            _ if size == outputs => o as f32,
            true if outputs == 1 => 0.0,
            true => o as f32 * ((size - 1) as f32 / (outputs - 1) as f32),
            false => ((o as f32 + 0.5) * ratio - 0.5).max(0.0),
        };
        let first = (at.floor() as usize).min(size - 1);
        let weight = f64::from((at - first as f32).min(1.0));
        vec![(first, 1.0 - weight), ((first + 1).min(size - 1), weight)]
    };
    (0..outputs).map(inputs).collect()
}

/// Calls `visit(output, input, weight)` for each input value that an output value is of.
fn each(spec: &Upsample, shapes: (Shape, Shape), maps: usize, mut visit: impl FnMut(usize, usize, f64)) {
    let (size, out) = (shapes.0.size().expect("a map"), shapes.1.size().expect("a map"));
    let down = axis(spec, size.height, out.height, spec.scale_factor.map(|factor| factor.height));
    let across = axis(spec, size.width, out.width, spec.scale_factor.map(|factor| factor.width));
    for map in 0..maps {
        for (row, column) in pixels(out.height, out.width) {
            for (y, down) in &down[row] {
                for (x, across) in &across[column] {
                    let output = (map * out.height + row) * out.width + column;
                    visit(output, (map * size.height + y) * size.width + x, down * across);
                }
            }
        }
    }
}

fn maps(values: &[f64], shape: Shape) -> usize {
    values.len() / (shape.elements() / shape.channels())
}

pub(super) fn forward(spec: &Upsample, shapes: (Shape, Shape), x: &[f64]) -> Vec<f64> {
    let mut output = vec![0.0; x.len() / shapes.0.elements() * shapes.1.elements()];
    each(spec, shapes, maps(x, shapes.0), |y, from, weight| output[y] += weight * x[from]);
    output
}

pub(super) fn backward(spec: &Upsample, shapes: (Shape, Shape), x: &[f64], grad: &[f64]) -> Vec<f64> {
    let mut of_x = vec![0.0; x.len()];
    each(spec, shapes, maps(x, shapes.0), |y, to, weight| of_x[to] += weight * grad[y]);
    of_x
}
