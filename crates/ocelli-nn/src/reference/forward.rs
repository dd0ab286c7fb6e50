//! The forward pass of each layer.

use super::{Run, activation, channels, conv, multiply, norm, pool, response, upsample};
use crate::layers::{Conv2d, Layer, Role};
use crate::shape::Shape;

impl Run<'_> {
    pub(super) fn node_forward(&mut self, index: usize) -> Vec<f64> {
        let network = self.network;
        let node = &network.nodes()[index];
        let (input, output) = (network.input_shapes(index)[0], network.shapes()[index]);
        let x = self.source(node.inputs[0]);
        match node.layer {
            Layer::Conv2d(spec) => self.convolution(index, &spec),
            Layer::ChannelLinear(spec) => self.convolution(index, &spec.convolution()),
            Layer::MaxPool2d(_) | Layer::AdaptiveMaxPool2d(_) => {
                pool::max_forward(&node.layer, (input, output), x)
            }
            Layer::AvgPool2d(_) | Layer::AdaptiveAvgPool2d(_) => {
                pool::mean_forward(&node.layer, (input, output), x)
            }
            Layer::Dropout(_) | Layer::Dropout2d(_) | Layer::StochasticDepth(_) => self.masked(index, x),
            Layer::Flatten => x.to_vec(),
            Layer::Upsample(spec) => upsample::forward(&spec, (input, output), x),
            Layer::Linear(spec) => {
                let (weight, bias) = (self.parameter(index, Role::Weight), self.parameter(index, Role::Bias));
                linear(x, weight, bias, spec.in_features)
            }
            Layer::BatchNorm1d(_)
            | Layer::BatchNorm2d(_)
            | Layer::GroupNorm(_)
            | Layer::InstanceNorm2d(_)
            | Layer::LayerNorm2d(_) => {
                let x = x.to_vec();
                norm::forward(self, index, &x)
            }
            Layer::AlphaDropout(spec) => match self.mode.mask(&node.name) {
                None => x.to_vec(),
                Some(mask) => x.iter().zip(mask).map(|(x, mask)| alpha_dropout(spec.p, *mask)(*x)).collect(),
            },
            Layer::LocalResponseNorm(spec) => response::forward(&spec, input, x),
            Layer::Prelu(_) => {
                let slopes = self.parameter(index, Role::Slope);
                let slope = |place| slopes[conv::channel(place, input) % slopes.len()];
                let value = |(place, &x): (usize, &f64)| if x > 0.0 { x } else { slope(place) * x };
                x.iter().enumerate().map(value).collect()
            }
            Layer::LogSoftmax => x.chunks(input.elements()).flat_map(softmax).map(f64::ln).collect(),
            Layer::LayerScale(_) => {
                let factors = self.parameter(index, Role::LayerScale);
                x.iter().enumerate().map(|(place, x)| x * factors[conv::channel(place, input)]).collect()
            }
            Layer::Softmax => x.chunks(input.elements()).flat_map(softmax).collect(),
            Layer::Add => x.iter().zip(self.source(node.inputs[1])).map(|(x, y)| x + y).collect(),
            Layer::Multiply => multiply::forward(network.input_shapes(index), x, self.source(node.inputs[1])),
            Layer::Concat | Layer::ChannelShuffle(_) | Layer::Narrow(_) => {
                let sources = channels::sources(&node.layer, &network.input_shapes(index), self.batch);
                let inputs: Vec<_> = node.inputs.iter().map(|&input| self.source(input)).collect();
                sources.into_iter().map(|(input, place)| inputs[input][place]).collect()
            }
            ref other => {
                let value = |&x: &f64| activation::value(other, x).expect("all other layers are activations");
                x.iter().map(value).collect()
            }
        }
    }

    fn convolution(&self, index: usize, spec: &Conv2d) -> Vec<f64> {
        let shapes = (self.network.input_shapes(index)[0], self.network.shapes()[index]);
        let x = self.source(self.network.nodes()[index].inputs[0]);
        let (weight, bias) = (self.parameter(index, Role::Weight), self.parameter(index, Role::Bias));
        conv::forward(spec, self.batch, shapes, x, weight, bias)
    }

    /// Values times the mask of a dropout, forward and backward alike.
    pub(super) fn masked(&self, index: usize, values: &[f64]) -> Vec<f64> {
        let node = &self.network.nodes()[index];
        let Some(mask) = self.mode.mask(&node.name) else { return values.to_vec() };
        let shape = self.network.shapes()[index];
        let share = match (&node.layer, shape) {
            (Layer::Dropout2d(_), Shape::Map { height, width, .. }) => height * width,
            (Layer::StochasticDepth(_), _) => values.len() / mask.len(),
            _ => 1,
        };
        assert_eq!(mask.len() * share, values.len(), "mask of {}", node.name);
        values.iter().enumerate().map(|(i, value)| value * mask[i / share]).collect()
    }
}

/// What Alpha Dropout makes of a value whose factor, 1 if it stays and 0 if it is dropped, is `mask`.
fn alpha_dropout(p: f32, mask: f64) -> impl Fn(f64) -> f64 {
    let (scale, dropped) = alpha_of(p);
    move |x| scale * (x * mask + dropped * (1.0 - mask)) - scale * dropped * f64::from(p)
}

/// The scale that keeps the variance, and the value that SELU goes to.
pub(super) fn alpha_of(p: f32) -> (f64, f64) {
    let (p, dropped) = (f64::from(p), -1.758_099_340_847_376_6);
    (1.0 / ((dropped * dropped * p + 1.0) * (1.0 - p)).sqrt(), dropped)
}

fn linear(x: &[f64], weight: &[f64], bias: &[f64], in_features: usize) -> Vec<f64> {
    let mut output = Vec::new();
    for image in x.chunks(in_features) {
        for (o, row) in weight.chunks(in_features).enumerate() {
            let sum: f64 = image.iter().zip(row).map(|(x, w)| x * w).sum();
            output.push(sum + bias.get(o).unwrap_or(&0.0));
        }
    }
    output
}

fn softmax(x: &[f64]) -> Vec<f64> {
    let largest = x.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let powers: Vec<_> = x.iter().map(|x| (x - largest).exp()).collect();
    let sum: f64 = powers.iter().sum();
    powers.iter().map(|power| power / sum).collect()
}
