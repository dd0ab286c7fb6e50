//! Products of two inputs.

use crate::shape::Shape;

/// The places in both inputs, of shapes `shapes`, of each value of the product, in order.
fn places(shapes: &[Shape], lens: [usize; 2]) -> impl Iterator<Item = [usize; 2]> {
    let pixels = [0, 1].map(|i| shapes[i].elements() / shapes[i].channels());
    let most = pixels[0].max(pixels[1]);
    let place = move |at: usize, pixels: usize| at / most * pixels + at % most % pixels;
    (0..lens[0].max(lens[1])).map(move |at| pixels.map(|pixels| place(at, pixels)))
}

pub(super) fn forward(shapes: Vec<Shape>, x: &[f64], y: &[f64]) -> Vec<f64> {
    places(&shapes, [x.len(), y.len()]).map(|[i, j]| x[i] * y[j]).collect()
}

/// The gradients of both.
pub(super) fn backward(shapes: Vec<Shape>, x: &[f64], y: &[f64], grad: &[f64]) -> Vec<Vec<f64>> {
    let (mut of_x, mut of_y) = (vec![0.0; x.len()], vec![0.0; y.len()]);
    for ([i, j], grad) in places(&shapes, [x.len(), y.len()]).zip(grad) {
        of_x[i] += grad * y[j];
        of_y[j] += grad * x[i];
    }
    vec![of_x, of_y]
}
