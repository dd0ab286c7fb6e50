//! The backward pass of each layer.

use super::forward::alpha_of;
use super::{Gradients, Run, Values, activation, channels, conv, multiply, norm, pool, response, upsample};
use crate::layers::{Conv2d, Layer, Role};
use crate::network::Source;
use crate::shape::Shape;

impl Run<'_> {
    /// The gradients of a loss, given its gradient with respect to [`Run::output`].
    ///
    /// # Panics
    /// If `grad_output` has not as many values as the output.
    pub fn backward(&self, grad_output: &[f64]) -> Gradients {
        assert_eq!(grad_output.len(), self.output().len(), "gradient of the output");
        let mut gradients = Gradients { images: vec![0.0; self.images.len()], parameters: Values::new() };
        let mut of_outputs: Vec<_> = self.outputs.iter().map(|output| vec![0.0; output.len()]).collect();
        if let Some(last) = of_outputs.last_mut() {
            last.copy_from_slice(grad_output);
        }
        for index in (0..of_outputs.len()).rev() {
            let grad = std::mem::take(&mut of_outputs[index]);
            let of_inputs = self.node_backward(index, &grad, &mut gradients.parameters);
            for (source, of_input) in self.network.nodes()[index].inputs.iter().zip(of_inputs) {
                let sum = match *source {
                    Source::Input => &mut gradients.images,
                    Source::Node(read) => &mut of_outputs[read],
                };
                sum.iter_mut().zip(&of_input).for_each(|(sum, grad)| *sum += grad);
            }
        }
        gradients
    }

    /// The gradients of the node's inputs; those of its parameters go into `parameters`.
    fn node_backward(&self, index: usize, grad: &[f64], parameters: &mut Values) -> Vec<Vec<f64>> {
        let node = &self.network.nodes()[index];
        let shapes = self.network.input_shapes(index);
        match node.layer {
            Layer::Add => vec![grad.to_vec(); 2],
            Layer::Multiply => {
                multiply::backward(shapes, self.source(node.inputs[0]), self.source(node.inputs[1]), grad)
            }
            Layer::Concat | Layer::ChannelShuffle(_) | Layer::Narrow(_) => {
                let elements = shapes.iter().map(|shape| self.batch * shape.elements());
                let mut of_inputs: Vec<_> = elements.map(|elements| vec![0.0; elements]).collect();
                let sources = channels::sources(&node.layer, &shapes, self.batch);
                for ((input, place), grad) in sources.into_iter().zip(grad) {
                    of_inputs[input][place] = *grad;
                }
                of_inputs
            }
            _ => vec![self.sole_backward(index, grad, parameters)],
        }
    }

    /// The same for a layer of one input.
    fn sole_backward(&self, index: usize, grad: &[f64], parameters: &mut Values) -> Vec<f64> {
        let node = &self.network.nodes()[index];
        let (input, output) = (self.network.input_shapes(index)[0], self.network.shapes()[index]);
        let x = self.source(node.inputs[0]);
        let mut put = |role, gradient| parameters.insert(self.key(index, role), gradient);
        match node.layer {
            Layer::Conv2d(spec) => self.convolution_backward(index, &spec, grad, parameters),
            Layer::ChannelLinear(spec) => {
                self.convolution_backward(index, &spec.convolution(), grad, parameters)
            }
            Layer::MaxPool2d(_) | Layer::AdaptiveMaxPool2d(_) => {
                pool::max_backward(&node.layer, (input, output), x, grad)
            }
            Layer::AvgPool2d(_) | Layer::AdaptiveAvgPool2d(_) => {
                pool::mean_backward(&node.layer, (input, output), x, grad)
            }
            Layer::Dropout(_) | Layer::Dropout2d(_) | Layer::StochasticDepth(_) => self.masked(index, grad),
            Layer::Flatten => grad.to_vec(),
            Layer::Upsample(spec) => upsample::backward(&spec, (input, output), x, grad),
            Layer::Linear(spec) => {
                let weight = self.parameter(index, Role::Weight);
                let [of_x, of_weight, of_bias] = linear(x, weight, grad, spec.in_features);
                put(Role::Weight, of_weight);
                if spec.bias {
                    put(Role::Bias, of_bias);
                }
                of_x
            }
            Layer::BatchNorm1d(_)
            | Layer::BatchNorm2d(_)
            | Layer::GroupNorm(_)
            | Layer::InstanceNorm2d(_)
            | Layer::LayerNorm2d(_) => {
                let [of_x, of_weight, of_bias] = norm::backward(self, index, x, grad);
                for (_, _, role) in node.layer.parameters() {
                    match role {
                        Role::NormWeight => put(role, of_weight.clone()),
                        Role::NormBias => put(role, of_bias.clone()),
                        _ => None,
                    };
                }
                of_x
            }
            Layer::AlphaDropout(spec) => {
                let scale = alpha_of(spec.p).0;
                let mask = self.mode.mask(&node.name);
                mask.map_or(grad.to_vec(), |mask| products(grad, mask).map(|g| scale * g).collect())
            }
            Layer::LocalResponseNorm(spec) => response::backward(&spec, input, x, grad),
            Layer::Prelu(_) => {
                let [of_x, of_slopes] = prelu(x, self.parameter(index, Role::Slope), grad, input);
                put(Role::Slope, of_slopes);
                of_x
            }
            Layer::LayerScale(_) => {
                let [of_x, of_factors] = scale(x, self.parameter(index, Role::LayerScale), grad, input);
                put(Role::LayerScale, of_factors);
                of_x
            }
            Layer::Softmax | Layer::LogSoftmax => {
                let row = if node.layer == Layer::Softmax { softmax } else { log_softmax };
                let rows = self.outputs[index].chunks(output.elements()).zip(grad.chunks(output.elements()));
                rows.flat_map(|(y, grad)| row(y, grad)).collect()
            }
            ref other => {
                let slope = |x| activation::slope(other, x).expect("all other layers are activations");
                x.iter().zip(grad).map(|(&x, grad)| slope(x) * grad).collect()
            }
        }
    }

    fn convolution_backward(
        &self,
        index: usize,
        spec: &Conv2d,
        grad: &[f64],
        parameters: &mut Values,
    ) -> Vec<f64> {
        let shapes = (self.network.input_shapes(index)[0], self.network.shapes()[index]);
        let x = self.source(self.network.nodes()[index].inputs[0]);
        let weight = self.parameter(index, Role::Weight);
        let (of_x, of_weight, of_bias) = conv::backward(spec, self.batch, shapes, x, weight, grad);
        parameters.insert(self.key(index, Role::Weight), of_weight);
        if spec.bias {
            parameters.insert(self.key(index, Role::Bias), of_bias);
        }
        of_x
    }
}

/// The gradients of x, the weight and the bias.
fn linear(x: &[f64], weight: &[f64], grad: &[f64], in_features: usize) -> [Vec<f64>; 3] {
    let out_features = weight.len() / in_features;
    let (mut of_x, mut of_weight) = (vec![0.0; x.len()], vec![0.0; weight.len()]);
    let mut of_bias = vec![0.0; out_features];
    for (place, grad) in grad.iter().enumerate() {
        let (n, o) = (place / out_features, place % out_features);
        of_bias[o] += grad;
        for i in 0..in_features {
            of_x[n * in_features + i] += grad * weight[o * in_features + i];
            of_weight[o * in_features + i] += grad * x[n * in_features + i];
        }
    }
    [of_x, of_weight, of_bias]
}

/// The gradients of x and of the slopes.
fn prelu(x: &[f64], slopes: &[f64], grad: &[f64], input: Shape) -> [Vec<f64>; 2] {
    let which = |place| conv::channel(place, input) % slopes.len();
    let (mut of_x, mut of_slopes) = (grad.to_vec(), vec![0.0; slopes.len()]);
    for (place, x) in x.iter().enumerate().filter(|(_, x)| **x <= 0.0) {
        of_slopes[which(place)] += x * grad[place];
        of_x[place] *= slopes[which(place)];
    }
    [of_x, of_slopes]
}

/// The gradients of x and of the channels' factors.
fn scale(x: &[f64], factors: &[f64], grad: &[f64], input: Shape) -> [Vec<f64>; 2] {
    let channel = |place| conv::channel(place, input);
    let mut of_factors = vec![0.0; factors.len()];
    products(x, grad).enumerate().for_each(|(place, product)| of_factors[channel(place)] += product);
    let of_x = grad.iter().enumerate().map(|(place, grad)| grad * factors[channel(place)]).collect();
    [of_x, of_factors]
}

/// The products of two rows, value by value.
fn products<'a>(a: &'a [f64], b: &'a [f64]) -> impl Iterator<Item = f64> + 'a {
    a.iter().zip(b).map(|(a, b)| a * b)
}

/// The gradient of x for one row, given log softmax(x).
fn log_softmax(y: &[f64], grad: &[f64]) -> Vec<f64> {
    let sum: f64 = grad.iter().sum();
    y.iter().zip(grad).map(|(y, grad)| grad - y.exp() * sum).collect()
}

/// The gradient of x for one row, given softmax(x).
fn softmax(y: &[f64], grad: &[f64]) -> Vec<f64> {
    let mean: f64 = products(y, grad).sum();
    y.iter().zip(grad).map(|(y, grad)| y * (grad - mean)).collect()
}
