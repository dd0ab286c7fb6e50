//! Grey and blur.

use super::super::graph::{Graph, int, ints, text};
use super::Pixels;
use super::resize::clipped;
use ocelli_data::transforms::{GaussianBlur, Size, Span};

/// torchvision's weights of red, green and blue.
const GREY: [f32; 3] = [0.2989, 0.587, 0.114];

/// 0.2989 R + 0.587 G + 0.114 B, cut off after the point, in 1 or 3 channels.
pub(super) fn grayscale(graph: &mut Graph, pixels: &mut Pixels, channels: usize) {
    if pixels.channels == GREY.len() {
        let weights = graph.floats("weights", &[1, 3, 1, 1], &GREY);
        let sum = graph.add("Conv", &[&pixels.value, &weights], vec![ints("kernel_shape", &[1, 1])]);
        pixels.value = graph.add("Floor", &[&sum], vec![]);
        pixels.channels = 1;
    }
    if channels > pixels.channels {
        let one = pixels.value.clone();
        pixels.value = graph.add("Concat", &vec![one.as_str(); channels], vec![int("axis", 1)]);
        pixels.channels = channels;
    }
}

/// Blurs by a Gaussian; the image is reflected at its edges.
pub(super) fn gaussian_blur(graph: &mut Graph, pixels: &mut Pixels, blur: GaussianBlur) {
    let (columns, rows) = match blur.kernel_size {
        Size::One(side) => (side, side),
        Size::Two([width, height]) => (width, height),
    };
    let sigma = match blur.sigma {
        Span::One(sigma) | Span::Two([sigma, _]) => sigma,
    };
    let channels = pixels.channels;
    for (rows, columns) in [(1, columns), (rows, 1)] {
        let (y, x) = ((rows / 2) as i64, (columns / 2) as i64);
        let pads = graph.ints(&[0, 0, y, x, 0, 0, y, x]);
        let padded = graph.add("Pad", &[&pixels.value, &pads], vec![text("mode", "reflect")]);
        let kernel = kernel(rows.max(columns), sigma).repeat(channels);
        let kernel = graph.floats("kernel", &[channels, 1, rows, columns], &kernel);
        let options =
            vec![int("group", channels as i64), ints("kernel_shape", &[rows as i64, columns as i64])];
        pixels.value = graph.add("Conv", &[&padded, &kernel], options);
    }
    // The nearest level, of two the even one.
    let levels = graph.add("Round", &[&pixels.value], vec![]);
    pixels.value = clipped(graph, &levels);
}

/// The Gaussian's values at `size` places about its middle, which sum to 1.
fn kernel(size: usize, sigma: f64) -> Vec<f32> {
    let middle = (size / 2) as f64;
    let value = |i: usize| (-((i as f64 - middle) / sigma).powi(2) / 2.0).exp();
    let sum: f64 = (0..size).map(value).sum();
    (0..size).map(|i| (value(i) / sum) as f32).collect()
}
