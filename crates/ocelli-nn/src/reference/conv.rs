//! Convolution: seven loops.

use crate::layers::Conv2d;
use crate::shape::Shape;

/// Calls `visit(x, weight, y)` with the places of every product that convolution adds up:
/// y[n, o, r, c] += x[n, i, r·s + kr·d − p, c·s + kc·d − p] · weight[o, i, kr, kc], i being of o's group.
fn products(spec: &Conv2d, batch: usize, shapes: (Shape, Shape), mut visit: impl FnMut(usize, usize, usize)) {
    let (size, out) = (shapes.0.size().expect("a map"), shapes.1.size().expect("a map"));
    let Conv2d { in_channels, out_channels, kernel_size: kernel, stride, dilation, groups, .. } = *spec;
    let (before, inputs) = (spec.margins().before, in_channels / groups);
    let source = |place: usize, padding: usize, size| {
        spec.padding_mode.source(place as isize - padding as isize, size)
    };
    let mut y = 0;
    for n in 0..batch {
        for o in 0..out_channels {
            for (row, column) in pixels(out.height, out.width) {
                for i in 0..inputs {
                    let channel = o / (out_channels / groups) * inputs + i;
                    for (kr, kc) in pixels(kernel.height, kernel.width) {
                        let r = row * stride.height + kr * dilation.height;
                        let c = column * stride.width + kc * dilation.width;
                        let r = source(r, before.height, size.height);
                        if let Some((r, c)) = r.zip(source(c, before.width, size.width)) {
                            let x = ((n * in_channels + channel) * size.height + r) * size.width + c;
                            let weight = ((o * inputs + i) * kernel.height + kr) * kernel.width + kc;
                            visit(x, weight, y);
                        }
                    }
                }
                y += 1;
            }
        }
    }
}

/// All rows and columns.
pub(super) fn pixels(height: usize, width: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..height).flat_map(move |row| (0..width).map(move |column| (row, column)))
}

/// The channel of the value at a place in N×C×H×W.
pub(super) fn channel(place: usize, shape: Shape) -> usize {
    place % shape.elements() / (shape.elements() / shape.channels())
}

pub(super) fn forward(
    spec: &Conv2d,
    batch: usize,
    shapes: (Shape, Shape),
    x: &[f64],
    weight: &[f64],
    bias: &[f64],
) -> Vec<f64> {
    let initial = |place| bias.get(channel(place, shapes.1)).copied().unwrap_or(0.0);
    let mut output: Vec<f64> = (0..batch * shapes.1.elements()).map(initial).collect();
    products(spec, batch, shapes, |at, w, y| output[y] += x[at] * weight[w]);
    output
}

/// The gradients of x, the weight and the bias.
pub(super) fn backward(
    spec: &Conv2d,
    batch: usize,
    shapes: (Shape, Shape),
    x: &[f64],
    weight: &[f64],
    grad: &[f64],
) -> (Vec<f64>, Vec<f64>, Vec<f64>) {
    let (mut of_x, mut of_weight) = (vec![0.0; x.len()], vec![0.0; weight.len()]);
    products(spec, batch, shapes, |at, w, y| {
        of_x[at] += grad[y] * weight[w];
        of_weight[w] += grad[y] * x[at];
    });
    let mut of_bias = vec![0.0; spec.out_channels];
    for (place, grad) in grad.iter().enumerate() {
        of_bias[channel(place, shapes.1)] += grad;
    }
    (of_x, of_weight, of_bias)
}
