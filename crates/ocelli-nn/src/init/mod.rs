//! Initial weights: the distributions of `torch.nn.init`, and rules that say which parameter is drawn from which.

mod blocks;
mod draw;
mod initialiser;
mod orthogonal;
mod rules;

use ocelli_kernels::random::{Stream, hash};

pub use initialiser::{
    Constant, Dirac, FanMode, Initialiser, Kaiming, Nonlinearity, Normal, Orthogonal, Rest, TruncNormal,
    Uniform, Xavier,
};
pub use rules::{Initialisation, MAX_RULES, ParameterKind, Rule};

use crate::layers::Role;
use crate::network::{Network, ParameterSpec};
use crate::weights::{Tensor, Weights};

impl Network {
    /// Initial weights, as [`Network::initialisation`] says: where it says nothing, convolutions and linear layers by
    /// PyTorch's default, and BatchNorm with weight 1, bias 0, mean 0, variance 1.
    ///
    /// Each parameter is drawn from its own stream, keyed by `seed` and its name: it is the same whatever other layers
    /// there are.
    pub fn init(&self, seed: u64) -> Weights {
        let parameters = self.parameters();
        let initialisers = self.initialisation().initialisers(self, &parameters);
        let draw = |(spec, initialiser): (ParameterSpec, Initialiser)| {
            let tensor = self.draw(&spec, &initialiser, seed);
            (spec.name, tensor)
        };
        parameters.into_iter().zip(initialisers).map(draw).collect()
    }

    fn draw(&self, spec: &ParameterSpec, initialiser: &Initialiser, seed: u64) -> Tensor {
        let mut stream = Stream::new(seed, hash("initial weights"), hash(&spec.name), 0);
        if let Some(values) = draw::values(initialiser, &spec.shape, &mut stream) {
            return Tensor::f32(spec.shape.clone(), values);
        }
        let constant = |value| Tensor::f32(spec.shape.clone(), vec![value; spec.elements()]);
        match spec.role {
            Role::NormWeight | Role::RunningVar => constant(1.0),
            Role::NormBias | Role::RunningMean => constant(0.0),
            Role::LayerScale | Role::Slope => constant(self.nodes()[spec.node].layer.initial_value()),
            Role::NumBatchesTracked => Tensor::i64(Vec::new(), vec![0]),
            Role::Weight | Role::Bias => {
                // A bias takes its layer's weight for fan_in; the weight is the layer's first parameter.
                let weight = &self.nodes()[spec.node].layer.parameters()[0].1;
                Tensor::f32(spec.shape.clone(), draw::by_fan_in(spec.elements(), weight, &mut stream))
            }
        }
    }
}

#[cfg(test)]
mod tests;
