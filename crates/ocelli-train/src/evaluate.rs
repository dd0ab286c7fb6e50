//! Evaluation: a network over labelled images, dropout off, running averages in use.

use crate::confusion::Confusion;
use crate::error::TrainError;
use crate::events::Evaluation;
use crate::loss::{CrossEntropy, argmax};
use ocelli_data::{Batch, DataError};
use ocelli_nn::plan::{InferPlan, PlanOptions};
use ocelli_nn::{Layer, Network, Weights};

/// Runs `network` over all batches, each of at most `batch_size` images, and compares its answers with the labels.
/// Works on the threads of the `rayon` pool that it is called in; the figures do not depend on how many there are.
///
/// # Errors
/// The network cannot be planned, or a batch could not be loaded.
pub fn evaluate(
    network: &Network,
    weights: &Weights,
    batch_size: usize,
    batches: impl Iterator<Item = Result<Batch, DataError>>,
) -> Result<Evaluation, TrainError> {
    let options = PlanOptions { batch: batch_size, ..PlanOptions::default() };
    let mut plan = InferPlan::new(network, weights, options).map_err(TrainError::Plan)?;
    let classes = network.output().channels();
    let is_softmax = network.nodes().last().is_some_and(|node| node.layer == Layer::Softmax);
    let mut confusion = Confusion::new(classes);
    let (mut loss, mut gradient) = (0.0, Vec::new());
    for batch in batches {
        let batch = batch.map_err(TrainError::Data)?;
        let labels = batch.labels();
        if labels.is_empty() {
            continue;
        }
        let outputs = plan.run(batch.images());
        for (row, label) in outputs.chunks_exact(classes).zip(labels) {
            confusion.add(*label as usize, argmax(row));
        }
        gradient.resize(outputs.len(), 0.0);
        // A softmax's logarithm is a set of logits with the same cross-entropy.
        let logits: Vec<f32>;
        let logits = if is_softmax {
            logits = outputs.iter().map(|p| p.max(f32::MIN_POSITIVE).ln()).collect();
            &logits
        } else {
            outputs
        };
        loss += CrossEntropy::default().forward(logits, labels, &mut gradient) * labels.len() as f64;
    }
    let images = confusion.images();
    Ok(Evaluation { images, loss: loss / images.max(1) as f64, accuracy: confusion.accuracy(), confusion })
}
