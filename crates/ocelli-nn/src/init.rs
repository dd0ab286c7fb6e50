//! Initial weights, from PyTorch's distributions.

use ocelli_kernels::random::{Stream, hash};
use serde::{Deserialize, Serialize};

use crate::layers::Role;
use crate::network::{Network, ParameterSpec};
use crate::weights::{Tensor, Weights};

/// From which distributions [`Network::init`] draws. In files `"default"` or `"kaiming_normal"`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Initialisation {
    /// What PyTorch's modules do when they are made: weights and biases uniform within ±1/√fan_in
    /// (`kaiming_uniform_(a=√5)`), fan_in being in·kH·kW.
    #[default]
    Default,
    /// What torchvision's ResNets do after that: weights of convolutions normal with variance 2/fan_out
    /// (`kaiming_normal_(mode="fan_out", nonlinearity="relu")`), fan_out being out·kH·kW. All else as the default.
    KaimingNormal,
}

impl Network {
    /// Initial weights: BatchNorm with weight 1, bias 0, mean 0, variance 1; convolutions and linear layers drawn as
    /// [`Network::initialisation`] says.
    ///
    /// Each parameter is drawn from its own stream, keyed by `seed` and its name: it is the same whatever other layers
    /// there are.
    pub fn init(&self, seed: u64) -> Weights {
        self.parameters().into_iter().map(|spec| (spec.name.clone(), self.draw(&spec, seed))).collect()
    }

    fn draw(&self, spec: &ParameterSpec, seed: u64) -> Tensor {
        let constant = |value| Tensor::f32(spec.shape.clone(), vec![value; spec.elements()]);
        match spec.role {
            Role::BatchNormWeight | Role::RunningVar => constant(1.0),
            Role::BatchNormBias | Role::RunningMean => constant(0.0),
            Role::NumBatchesTracked => Tensor::i64(Vec::new(), vec![0]),
            Role::Weight | Role::Bias => {
                let mut stream = Stream::new(seed, hash("initial weights"), hash(&spec.name), 0);
                let mut draw = self.distribution(spec);
                Tensor::f32(spec.shape.clone(), (0..spec.elements()).map(|_| draw(&mut stream)).collect())
            }
        }
    }

    fn distribution(&self, spec: &ParameterSpec) -> Box<dyn FnMut(&mut Stream) -> f32> {
        // A bias takes its layer's weight for fan_in; the weight is the layer's first parameter.
        let weight = &self.nodes()[spec.node].layer.parameters()[0].1;
        let per_channel: usize = weight[2..].iter().product();
        let is_convolution = weight.len() == 4;
        if is_convolution
            && spec.role == Role::Weight
            && self.initialisation() == Initialisation::KaimingNormal
        {
            let deviation = (2.0 / (weight[0] * per_channel) as f64).sqrt() as f32;
            return Box::new(move |stream| stream.normal() * deviation);
        }
        let bound = (1.0 / (weight[1] * per_channel) as f64).sqrt() as f32;
        Box::new(move |stream| (2.0 * stream.uniform() - 1.0) * bound)
    }
}
