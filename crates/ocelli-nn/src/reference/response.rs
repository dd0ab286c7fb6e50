//! Local response normalisation.

use super::conv::channel;
use crate::layers::LocalResponseNorm;
use crate::shape::Shape;

/// The places in the window of a place.
fn window(spec: &LocalResponseNorm, shape: Shape, place: usize) -> impl Iterator<Item = usize> {
    let (c, pixels) = (channel(place, shape), shape.elements() / shape.channels());
    let channels = c.saturating_sub(spec.size / 2)..(c + spec.size.div_ceil(2)).min(shape.channels());
    channels.map(move |other| place + other * pixels - c * pixels)
}

/// k + alpha · mean of each window.
fn bases(spec: &LocalResponseNorm, shape: Shape, x: &[f64]) -> Vec<f64> {
    let square = |place: usize| x[place] * x[place];
    let mean = |place| window(spec, shape, place).map(square).sum::<f64>() / spec.size as f64;
    (0..x.len()).map(|place| f64::from(spec.k) + f64::from(spec.alpha) * mean(place)).collect()
}

pub(super) fn forward(spec: &LocalResponseNorm, shape: Shape, x: &[f64]) -> Vec<f64> {
    let bases = bases(spec, shape, x);
    x.iter().zip(bases).map(|(x, base)| x / base.powf(f64::from(spec.beta))).collect()
}

pub(super) fn backward(spec: &LocalResponseNorm, shape: Shape, x: &[f64], grad: &[f64]) -> Vec<f64> {
    let (alpha, beta) = (f64::from(spec.alpha), f64::from(spec.beta));
    let mut of_x = vec![0.0; x.len()];
    for (place, base) in bases(spec, shape, x).into_iter().enumerate() {
        let power = base.powf(-beta);
        of_x[place] += grad[place] * power;
        let of_square = -grad[place] * x[place] * beta * power / base * alpha / spec.size as f64;
        window(spec, shape, place).for_each(|other| of_x[other] += of_square * 2.0 * x[other]);
    }
    of_x
}
