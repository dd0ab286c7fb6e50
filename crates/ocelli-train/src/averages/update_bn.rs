//! BatchNorm's running averages anew, for weights that were never trained with as they are.

use crate::error::TrainError;
use ocelli_data::{Batch, DataError};
use ocelli_nn::plan::{PlanOptions, SampleKeys, TrainPlan};
use ocelli_nn::{Layer, Network, Role, Tensor, Weights};

/// `weights` with the running averages of every BatchNorm as the means over all `batches`, as `torch.optim.swa_utils.update_bn`
/// makes them: in training mode, dropout included, whose random numbers are those of `seed` and `epoch`. Of a network without
/// BatchNorm, the weights as they are.
///
/// Each batch has at most `batch_size` images. Batches of one image are passed over: one image has no variance. Works on the
/// threads of the `rayon` pool that it is called in.
///
/// # Errors
/// The network cannot be planned, or a batch could not be loaded.
pub fn update_bn(
    network: &Network,
    weights: &Weights,
    batch_size: usize,
    (seed, epoch): (u64, u64),
    batches: impl Iterator<Item = Result<Batch, DataError>>,
) -> Result<Weights, TrainError> {
    let mut weights = weights.clone();
    let is_norm = |layer: &Layer| matches!(layer, Layer::BatchNorm1d(_) | Layer::BatchNorm2d(_));
    for spec in network.parameters().into_iter().filter(|spec| is_norm(&network.nodes()[spec.node].layer)) {
        let new = match spec.role {
            Role::RunningMean => Tensor::f32(spec.shape.clone(), vec![0.0; spec.elements()]),
            Role::RunningVar => Tensor::f32(spec.shape.clone(), vec![1.0; spec.elements()]),
            Role::NumBatchesTracked => Tensor::i64(spec.shape.clone(), vec![0; spec.elements()]),
            _ => continue,
        };
        weights.insert(spec.name, new);
    }
    let Some(averaging) = cumulative(network) else { return Ok(weights) };
    let options = PlanOptions { batch: batch_size, ..PlanOptions::default() };
    let mut plan = TrainPlan::new(&averaging, &weights, options).map_err(TrainError::Plan)?;
    for batch in batches {
        let batch = batch.map_err(TrainError::Data)?;
        if batch.len() > 1 {
            plan.forward(batch.images(), &SampleKeys { seed, epoch, samples: batch.samples() });
        }
    }
    Ok(plan.weights())
}

/// The network with every BatchNorm's running averages as plain means over the batches (`momentum=None`); `None` if it has no
/// BatchNorm.
fn cumulative(network: &Network) -> Option<Network> {
    let mut found = false;
    let mut nodes = network.nodes().to_vec();
    for node in &mut nodes {
        if let Layer::BatchNorm1d(norm) | Layer::BatchNorm2d(norm) = &mut node.layer {
            norm.momentum = None;
            found = true;
        }
    }
    found.then(|| Network::new(network.name(), network.input(), nodes).expect("momentum changes no shape"))
}
