//! Which pixels each pixel of a resized image is made of, and how: a matrix, worked out in the graph from two sizes.
//!
//! ONNX's own `Resize` knows antialiasing, but its runtimes round differently from each other and from Pillow, or do not know it at all.
//! The matrices below are of the plainest operators, and their numbers are those of Pillow-SIMD and PyTorch: places as fractions of whole
//! numbers, weights as whole multiples of a power of two that leaves the largest within 16 bits.

use super::super::graph::{Graph, Value, int};

/// The curve that weights follow.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) enum Curve {
    /// A straight line down to 0 at one pixel.
    Linear,
    /// The cubic convolution of Keys (1981) with this slope, down to 0 at two pixels.
    Cubic(f32),
}

/// How an axis is resized.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Filter {
    pub(super) curve: Curve,
    /// Whether all pixels of an image that is made smaller have their share.
    pub(super) antialias: bool,
    /// How many pixels beyond both ends of the axis are there too.
    pub(super) margin: usize,
    /// Whether weights of pixels that are there sum to 1, where some are not there.
    pub(super) whole: bool,
}

/// The highest power of two that weights are multiples of.
const PRECISION: u32 = 21;

/// The matrix of `to` rows and `from` columns, both tensors of one whole number, that resizes an axis.
pub(super) fn matrix(graph: &mut Graph, from: &str, to: &str, filter: Filter) -> Value {
    let distance = distances(graph, from, to, filter);
    let weights = match filter.curve {
        Curve::Linear => {
            let one = graph.float(1.0);
            let below = graph.difference(&one, &distance);
            graph.add("Relu", &[&below], vec![])
        }
        Curve::Cubic(slope) => cubic(graph, &distance, slope),
    };
    let weights = if filter.whole {
        let axis = graph.ints(&[1]);
        let sums = graph.add("ReduceSum", &[&weights, &axis], vec![int("keepdims", 1)]);
        graph.quotient(&weights, &sums)
    } else {
        weights
    };
    rounded(graph, &weights)
}

/// From the middle of each pixel that is made to that of each that is there, in units of the curve.
///
/// The middle of pixel i of `to` lies at (i + ½) · from / to. With everything times 2 · to the differences are whole numbers, and nothing
/// is rounded before one division.
fn distances(graph: &mut Graph, from: &str, to: &str, filter: Filter) -> Value {
    let [made, there] = [(to, 0), (from, filter.margin)].map(|(count, margin)| {
        let first = graph.int(-(margin as i64));
        let margin = graph.ints(&[margin as i64]);
        let end = graph.sum(count, &margin);
        let end = graph.add("Squeeze", &[&end], vec![]);
        let step = graph.int(1);
        let places = graph.add("Range", &[&first, &end, &step], vec![]);
        let (one, two) = (graph.int(1), graph.int(2));
        let twice = graph.product(&places, &two);
        graph.sum(&twice, &one)
    });
    let made = graph.reshape(&made, &[-1, 1]);
    let made = graph.product(&made, from);
    let there = graph.product(&there, to);
    let difference = graph.difference(&there, &made);
    let difference = graph.float_of(&difference);
    let unit = if filter.antialias { graph.most(from, to) } else { to.to_owned() };
    let two = graph.int(2);
    let unit = graph.product(&unit, &two);
    let unit = graph.float_of(&unit);
    let distance = graph.quotient(&difference, &unit);
    graph.add("Abs", &[&distance], vec![])
}

fn cubic(graph: &mut Graph, distance: &str, slope: f32) -> Value {
    // ((a + 2) x − (a + 3)) x² + 1 up to one pixel.
    let near = polynomial(graph, distance, &[slope + 2.0, -(slope + 3.0), 0.0, 1.0]);
    // (((x − 5) x + 8) x − 4) a up to two.
    let far = polynomial(graph, distance, &[slope, -5.0 * slope, 8.0 * slope, -4.0 * slope]);
    let (zero, one, two) = (graph.float(0.0), graph.float(1.0), graph.float(2.0));
    let within = graph.add("Less", &[distance, &two], vec![]);
    let far = graph.add("Where", &[&within, &far, &zero], vec![]);
    let within = graph.add("Less", &[distance, &one], vec![]);
    graph.add("Where", &[&within, &near, &far], vec![])
}

/// By Horner's rule, the highest power first.
fn polynomial(graph: &mut Graph, x: &str, coefficients: &[f32]) -> Value {
    let mut sum = graph.float(coefficients[0]);
    for &coefficient in &coefficients[1..] {
        sum = graph.product(&sum, x);
        let coefficient = graph.float(coefficient);
        sum = graph.sum(&sum, &coefficient);
    }
    sum
}

/// Weights as whole multiples of 1 / 2ᵖ, with the largest p up to 21 for which the largest weight is below 2¹⁵ multiples.
fn rounded(graph: &mut Graph, weights: &str) -> Value {
    let powers: Vec<f32> = (1..=PRECISION).map(|power| (power as f32).exp2()).collect();
    let powers = graph.floats("powers", &[powers.len()], &powers);
    let largest = graph.add("ReduceMax", &[weights], vec![int("keepdims", 0)]);
    let multiples = graph.product(&powers, &largest);
    // Half a multiple less than 2¹⁵ would be rounded up to it.
    let limit = graph.float(32_767.5);
    let fits = graph.add("Less", &[&multiples, &limit], vec![]);
    let one = graph.float(1.0);
    let fitting = graph.add("Where", &[&fits, &powers, &one], vec![]);
    let scale = graph.add("ReduceMax", &[&fitting], vec![int("keepdims", 0)]);
    let multiples = graph.product(weights, &scale);
    let multiples = nearest(graph, &multiples);
    graph.quotient(&multiples, &scale)
}

/// The nearest whole number, of two the greater.
pub(super) fn nearest(graph: &mut Graph, value: &str) -> Value {
    let half = graph.float(0.5);
    let above = graph.sum(value, &half);
    graph.add("Floor", &[&above], vec![])
}
