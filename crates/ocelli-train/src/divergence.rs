//! Where training diverged: the loss of a batch is no longer a number, and this finds the layer that began it.
//!
//! Nothing is looked at while all is well. Once a loss is not finite, the batch runs again through parts of the network, from the
//! front, until it is clear whose output is the first that is not finite.

use crate::trainer::{Position, TrainerState};
use ocelli_data::Batch;
use ocelli_nn::plan::{PlanOptions, SampleKeys, TrainPlan};
use ocelli_nn::{Network, Node, Source, Tensor, Weights};
use std::fmt;

/// A batch at which training diverged.
#[derive(Clone, Debug, PartialEq)]
pub struct Divergence {
    /// The epoch, from 1.
    pub epoch: u64,
    /// The batch in the epoch, from 1.
    pub batch: u64,
    /// The learning rate at that step.
    pub lr: f64,
    /// What was found, such as "the loss of batch 3 in epoch 1 is NaN".
    pub found: String,
    /// Where it began.
    pub cause: Cause,
}

/// Where training diverged.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cause {
    /// The images themselves have values that are not finite.
    Images,
    /// In the last step, the gradient of a parameter was not finite: of those that were not, the one nearest to the loss, which the
    /// backward pass came to first.
    Gradient(String),
    /// The last step made a parameter infinite, though its gradient was finite: the first in the order of the network.
    Step(String),
    /// The output of a layer is not finite, though its weights and what it reads are: its name and type.
    Layer(String, &'static str),
    /// A running average, or a buffer of the optimizer's: its name.
    Buffer(String),
    /// All outputs are finite in training; in evaluation, or in the loss, they are not.
    Loss,
}

impl Divergence {
    /// What was found after the last batch at `position`.
    pub(crate) fn after(position: &Position, found: &str, cause: Cause) -> Self {
        let (epoch, batch, lr) = (position.epoch + 1, position.sums.batches, position.sums.lr);
        Divergence { epoch, batch, lr, found: format!("{found} after batch {batch} of epoch {epoch}"), cause }
    }
}

impl fmt::Display for Divergence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Divergence { lr, found, cause, .. } = self;
        write!(f, "{found} (learning rate {lr:.3e}): training diverged; {cause}")
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Cause::Images => f.write_str("its images are not finite"),
            Cause::Gradient(parameter) => {
                write!(f, "the gradient of {parameter} in the last step was not finite")
            }
            Cause::Step(parameter) => write!(f, "the last step made {parameter} infinite"),
            Cause::Layer(name, layer) => {
                write!(f, "the first layer whose output is not finite is {name} ({layer})")
            }
            Cause::Buffer(name) => write!(f, "{name} is not finite"),
            Cause::Loss => f.write_str("the outputs of all layers are finite in training"),
        }
    }
}

/// Finds where the loss of `batch` began not to be finite. `gradients` are those of the step before, if there was one.
pub(crate) fn find(
    network: &Network,
    weights: &Weights,
    gradients: impl Fn() -> Weights,
    batch: &Batch,
    keys: &SampleKeys<'_>,
) -> Cause {
    if !all_finite(batch.images()) {
        return Cause::Images;
    }
    of_parameters(network, weights, gradients)
        .or_else(|| of_layers(network, weights, batch, keys))
        .unwrap_or(Cause::Loss)
}

/// What the last step spoilt, if it did: of the weights, or else of the optimizer's buffers.
pub(crate) fn in_state(
    network: &Network,
    state: &TrainerState,
    gradients: impl Fn() -> Weights,
) -> Option<Cause> {
    of_parameters(network, &state.weights, gradients).or_else(|| {
        let averages = state.averages.iter().flat_map(|(_, weights)| weights.iter());
        let mut all = state.weights.iter().chain(state.optimizer.iter()).chain(averages);
        all.find(|(_, tensor)| !is_finite(tensor)).map(|(name, _)| Cause::Buffer(name.to_string()))
    })
}

/// A parameter that the last step spoilt, and how.
fn of_parameters(network: &Network, weights: &Weights, gradients: impl Fn() -> Weights) -> Option<Cause> {
    let trainable = || network.parameters().into_iter().filter(|spec| spec.role.is_trainable());
    let spoilt = |tensors: &Weights, name: &str| tensors.get(name).is_some_and(|tensor| !is_finite(tensor));
    let first = trainable().find(|spec| spoilt(weights, &spec.name))?;
    let gradients = gradients();
    let gradient = trainable().rfind(|spec| spoilt(&gradients, &spec.name));
    Some(gradient.map_or(Cause::Step(first.name), |spec| Cause::Gradient(spec.name)))
}

fn is_finite(tensor: &Tensor) -> bool {
    tensor.as_f32().is_none_or(all_finite)
}

fn all_finite(values: &[f32]) -> bool {
    values.iter().all(|value| value.is_finite())
}

/// A layer whose output is not finite, though what it reads is.
///
/// What is not finite stays so on its way to the loss, but for a few layers: halving finds where that begins, in a few runs of the batch
/// even where there are hundreds of layers.
fn of_layers(network: &Network, weights: &Weights, batch: &Batch, keys: &SampleKeys<'_>) -> Option<Cause> {
    let spoils = |node: usize| is_spoilt(&network.up_to(node), weights, batch, keys);
    let (mut sound, mut spoilt) = (0, network.nodes().len() - 1);
    if !spoils(spoilt) {
        return None;
    }
    while sound < spoilt {
        let middle = sound.midpoint(spoilt);
        if spoils(middle) { spoilt = middle } else { sound = middle + 1 }
    }
    // The layer before it in the list need not be one that it reads.
    let read = |node: usize| {
        let mut inputs = network.nodes()[node].inputs.iter();
        inputs.find_map(|input| match input {
            Source::Node(input) if spoils(*input) => Some(*input),
            _ => None,
        })
    };
    while let Some(before) = read(spoilt) {
        spoilt = before;
    }
    let Node { name, layer, .. } = &network.nodes()[spoilt];
    Some(Cause::Layer(name.clone(), layer.type_name()))
}

/// Whether the output of a part of the network is not finite. A part that cannot be planned alone is left to the layers after it.
fn is_spoilt(part: &Network, weights: &Weights, batch: &Batch, keys: &SampleKeys<'_>) -> bool {
    let options = PlanOptions { batch: batch.len(), ..PlanOptions::default() };
    let plan = TrainPlan::new(part, &weights.select(part), options);
    plan.is_ok_and(|mut plan| !all_finite(plan.forward(batch.images(), keys)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ocelli_data::dataset::MemoryDataset;
    use ocelli_data::{Loader, LoaderOptions, Source as Images, SourceOptions, Transform};
    use ocelli_nn::{Conv2d, Sequential, Shape};
    use std::sync::Arc;

    fn batch() -> Batch {
        let classes = ["a", "b"].map(String::from).to_vec();
        let set = MemoryDataset::new("m", classes, vec![0, 1, 0], (4, 4, 1), (0..48).collect()).unwrap();
        let list = [Transform::normalize_with(&[0.5], &[0.5])];
        let source = Images::new(Arc::new(set), &list, &SourceOptions::default()).unwrap();
        let mut loader = Loader::new(Arc::new(source), &list, &LoaderOptions::in_order(3)).unwrap();
        loader.epoch(0).next().unwrap().unwrap()
    }

    fn network() -> Network {
        Sequential::new(Shape::map(1, 4, 4))
            .conv2d(Conv2d::new(1, 2, 3).padding(1))
            .batch_norm2d(2)
            .relu()
            .flatten()
            .linear(32, 8)
            .linear(8, 2)
            .build("small")
            .unwrap()
    }

    fn scaled(weights: &Weights, name: &str, factor: f32) -> Weights {
        let mut weights = weights.clone();
        let tensor = weights.get(name).unwrap();
        let values = tensor.as_f32().unwrap().iter().map(|value| value * factor).collect();
        let tensor = Tensor::f32(tensor.shape.clone(), values);
        weights.insert(name, tensor);
        weights
    }

    #[test]
    fn the_first_layer_that_overflows_is_named() {
        let (network, batch) = (network(), batch());
        let weights = network.init(1);
        let keys = SampleKeys { seed: 1, epoch: 0, samples: batch.samples() };
        let cause = |weights: &Weights, gradients: &Weights| {
            find(&network, weights, || gradients.clone(), &batch, &keys)
        };
        let none = Weights::new();
        assert_eq!(cause(&weights, &none), Cause::Loss, "nothing is wrong with it");
        let huge = scaled(&scaled(&weights, "1.weight", 1e30), "4.weight", 1e15);
        assert_eq!(cause(&huge, &none), Cause::Layer("4".into(), "Linear"));
        assert_eq!(
            cause(&scaled(&weights, "1.weight", 3e38), &none),
            Cause::Layer("1".into(), "BatchNorm2d")
        );

        let nan = scaled(&scaled(&weights, "5.bias", f32::NAN), "0.weight", f32::INFINITY);
        assert_eq!(cause(&nan, &weights), Cause::Step("0.weight".into()));
        let gradients = scaled(&scaled(&weights, "0.weight", f32::NAN), "4.weight", f32::NAN);
        assert_eq!(cause(&nan, &gradients), Cause::Gradient("4.weight".into()));
    }

    #[test]
    fn a_branch_that_overflows_is_named() {
        let block = Sequential::new(Shape::map(1, 4, 4)).conv2d(Conv2d::new(1, 2, 1)).residual(
            |body| body.conv2d(Conv2d::new(2, 2, 3).padding(1)).relu(),
            |shortcut| shortcut.conv2d(Conv2d::new(2, 2, 1)),
        );
        let network = block.flatten().linear(32, 2).build("branches").unwrap();
        let (batch, weights) = (batch(), network.init(1));
        let keys = SampleKeys { seed: 1, epoch: 0, samples: batch.samples() };
        let convolutions = network.parameters().into_iter().filter(|spec| spec.shape.len() == 4);
        for spec in convolutions {
            let huge = scaled(&scaled(&weights, &spec.name, 3e38), &spec.name, 10.0);
            assert!(huge.get(&spec.name).unwrap().as_f32().unwrap().iter().any(|value| !value.is_finite()));
            let name = network.nodes()[spec.node].name.clone();
            assert_eq!(of_layers(&network, &huge, &batch, &keys), Some(Cause::Layer(name, "Conv2d")));
        }
    }
}
