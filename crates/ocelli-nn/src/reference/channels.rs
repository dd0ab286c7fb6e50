//! Channels that move: for each output value, the place that it comes from.

use crate::layers::Layer;
use crate::shape::Shape;

/// For each value of the output of a batch, in order, the input that it is from and its place there.
pub(super) fn sources(layer: &Layer, inputs: &[Shape], batch: usize) -> Vec<(usize, usize)> {
    let from: Vec<(usize, usize)> = match layer {
        Layer::Concat => {
            let all = |(input, shape): (usize, &Shape)| (0..shape.channels()).map(move |c| (input, c));
            inputs.iter().enumerate().flat_map(all).collect()
        }
        Layer::ChannelShuffle(spec) => {
            let channels = inputs[0].channels();
            let each = channels / spec.groups;
            (0..channels).map(|c| (0, c % spec.groups * each + c / spec.groups)).collect()
        }
        Layer::Narrow(spec) => (spec.start..spec.start + spec.length).map(|c| (0, c)).collect(),
        _ => unreachable!("a layer that moves channels"),
    };
    let pixels = inputs[0].elements() / inputs[0].channels();
    let place = |(n, (input, channel)): (usize, (usize, usize)), pixel| {
        (input, (n * inputs[input].channels() + channel) * pixels + pixel)
    };
    (0..batch)
        .flat_map(|n| from.iter().map(move |&from| (n, from)))
        .flat_map(|at| (0..pixels).map(move |pixel| place(at, pixel)))
        .collect()
}
