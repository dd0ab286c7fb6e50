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
            Role::NormWeight | Role::RunningVar => constant(1.0),
            Role::NormBias | Role::RunningMean => constant(0.0),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Conv2d, Sequential, Shape, zoo};

    fn moments(values: &[f32]) -> (f64, f64, f64) {
        let count = values.len() as f64;
        let mean = values.iter().map(|&v| f64::from(v)).sum::<f64>() / count;
        let variance = values.iter().map(|&v| (f64::from(v) - mean).powi(2)).sum::<f64>() / count;
        (mean, variance, values.iter().map(|&v| f64::from(v.abs())).fold(0.0, f64::max))
    }

    #[test]
    fn default_is_uniform_within_one_over_root_fan_in() {
        let network = zoo::build("lesson", Shape::map(3, 32, 32), 10).unwrap();
        let weights = network.init(7);
        for (name, fan_in) in [("4.weight", 16 * 9), ("13.weight", 1024), ("13.bias", 1024)] {
            let values = weights.get(name).unwrap().as_f32().unwrap();
            let bound = (1.0 / f64::from(fan_in)).sqrt();
            let (mean, variance, largest) = moments(values);
            let error = 4.0 / (values.len() as f64).sqrt();
            assert!(largest <= bound * 1.000_001 && largest > bound * 0.9, "{name}: {largest}");
            assert!(mean.abs() < bound * error, "{name}: {mean}");
            assert!((variance / (bound * bound / 3.0) - 1.0).abs() < error, "{name}: {variance}");
        }
    }

    #[test]
    fn resnet_is_normal_by_fan_out() {
        let network = zoo::build("resnet18", Shape::map(3, 32, 32), 10).unwrap();
        let weights = network.init(7);
        let of = |name: &str| weights.get(name).unwrap().as_f32().unwrap();
        let (mean, variance, largest) = moments(of("layer2.0.conv1.weight"));
        let expected: f64 = 2.0 / (128.0 * 9.0);
        assert!((variance / expected - 1.0).abs() < 0.02 && mean.abs() < 0.001, "{mean} {variance}");
        assert!(largest > 3.5 * expected.sqrt());
        assert!(moments(of("fc.weight")).2 <= (1.0f64 / 512.0).sqrt() * 1.000_001);
        assert!(of("bn1.weight").iter().chain(of("bn1.running_var")).all(|&value| value == 1.0));
        assert!(of("bn1.bias").iter().chain(of("bn1.running_mean")).all(|&value| value == 0.0));
        assert_eq!(weights.get("bn1.num_batches_tracked"), Some(&Tensor::i64([], vec![0])));
        assert_eq!(weights.check(&network), Ok(()));
    }

    #[test]
    fn depends_on_the_seed_and_the_name_alone() {
        let conv = |named: &[&str]| {
            let empty = Sequential::new(Shape::map(3, 8, 8));
            let layers = named
                .iter()
                .fold(empty, |layers, name| layers.conv2d(Conv2d::new(3, 3, 3).padding(1)).named(*name));
            layers.build("test").unwrap()
        };
        let (alone, among) = (conv(&["b"]).init(1), conv(&["a", "b", "c"]).init(1));
        assert_eq!(alone.get("b.weight"), among.get("b.weight"));
        assert_ne!(among.get("a.weight"), among.get("b.weight"));
        assert_ne!(alone.get("b.weight"), conv(&["b"]).init(2).get("b.weight"));
    }
}
