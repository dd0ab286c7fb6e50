//! `Resize`, and the crop of the middle that follows it.

use super::super::graph::{Graph, Value, text};
use super::filter::{Curve, Filter, matrix, nearest};
use super::window::{Places, middle};
use super::{Pixels, target};
use ocelli_data::transforms::{Interpolation, Resize};

/// Rows and columns are 2 and 3.
const AXES: [i64; 2] = [2, 3];
/// The margin that bicubic resizing without antialiasing looks into.
const MARGIN: usize = 2;

/// Resizes, and of the result makes only the middle of size `crop`, if there is one.
pub(super) fn resize(graph: &mut Graph, pixels: &mut Pixels, resize: Resize, crop: Option<(usize, usize)>) {
    let made = target(graph, pixels, resize);
    let crop = crop.map(|(height, width)| [height, width]);
    let mut axis = |graph: &mut Graph, axis: usize| {
        let places = crop.map(|crop| middle(graph, &made[axis], crop[axis]));
        along(graph, pixels, resize, axis, &made[axis], places.as_ref());
    };
    // Width first, then height, as Pillow and PyTorch do it: what lies between the two is rounded.
    axis(graph, 1);
    axis(graph, 0);
    let [height, width] = match crop {
        Some(crop) => crop.map(|side| graph.ints(&[side as i64])),
        None => made,
    };
    (pixels.height, pixels.width) = (height, width);
}

/// Resizes one axis to `to` pixels, of which those at `places` are made.
fn along(
    graph: &mut Graph,
    pixels: &mut Pixels,
    resize: Resize,
    axis: usize,
    to: &str,
    places: Option<&Places>,
) {
    let from = if axis == 0 { pixels.height.clone() } else { pixels.width.clone() };
    let smooth = |curve, antialias| Filter { curve, antialias, margin: 0, whole: true };
    let filter = match (resize.interpolation, resize.antialias) {
        (Interpolation::Nearest, _) => return take(graph, pixels, (axis, &from, to), 0.0, places),
        (Interpolation::NearestExact, _) => return take(graph, pixels, (axis, &from, to), 0.5, places),
        (Interpolation::Bilinear, antialias) => smooth(Curve::Linear, antialias),
        (Interpolation::Bicubic, true) => smooth(Curve::Cubic(-0.5), true),
        (Interpolation::Bicubic, false) => {
            // The pixels past the edges are those at the edges.
            let mut pads = [0; 8];
            (pads[2 + axis], pads[6 + axis]) = (MARGIN as i64, MARGIN as i64);
            let pads = graph.ints(&pads);
            pixels.value = graph.add("Pad", &[&pixels.value, &pads], vec![text("mode", "edge")]);
            Filter { curve: Curve::Cubic(-0.75), antialias: false, margin: MARGIN, whole: false }
        }
    };
    let mut weights = matrix(graph, &from, to, filter);
    if let Some(places) = places {
        weights = places.take(graph, &weights, 0, 2, None);
    }
    let sums = if axis == 0 {
        graph.add("MatMul", &[&weights, &pixels.value], vec![])
    } else {
        let weights = graph.transpose(&weights, &[1, 0]);
        graph.add("MatMul", &[&pixels.value, &weights], vec![])
    };
    let levels = nearest(graph, &sums);
    pixels.value = clipped(graph, &levels);
}

/// Takes pixels as they are: those at (i + shift) · from / to, rounded down.
fn take(
    graph: &mut Graph,
    pixels: &mut Pixels,
    (axis, from, to): (usize, &str, &str),
    shift: f32,
    places: Option<&Places>,
) {
    let (zero, one) = (graph.int(0), graph.int(1));
    let end = graph.add("Squeeze", &[to], vec![]);
    let numbers = graph.add("Range", &[&zero, &end, &one], vec![]);
    let numbers = graph.float_of(&numbers);
    let [seen, made] = [from, to].map(|side| graph.float_of(side));
    let scale = graph.quotient(&seen, &made);
    let shift = graph.float(shift);
    let shifted = graph.sum(&numbers, &shift);
    let sources = graph.product(&shifted, &scale);
    // Positive numbers lose what follows the point.
    let sources = graph.int_of(&sources);
    let one = graph.ints(&[1]);
    let last = graph.difference(from, &one);
    let sources = graph.least(&sources, &last);
    pixels.value = graph.gather(&pixels.value, &sources, AXES[axis]);
    if let Some(places) = places {
        pixels.value = places.take(graph, &pixels.value, AXES[axis], 4, None);
    }
}

/// Levels within 0..255.
pub(super) fn clipped(graph: &mut Graph, levels: &str) -> Value {
    let (least, most) = (graph.float(0.0), graph.float(255.0));
    graph.add("Clip", &[levels, &least, &most], vec![])
}
