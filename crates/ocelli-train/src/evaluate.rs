//! Evaluation: a network over labelled images, dropout off, running averages in use.

use crate::confusion::Confusion;
use crate::error::TrainError;
use crate::events::Evaluation;
use crate::loss::{CrossEntropy, argmax};
use ocelli_data::{Batch, DataError};
use ocelli_nn::plan::{InferPlan, PlanOptions};
use ocelli_nn::{Layer, Network, Weights};

/// Runs `network` over all batches, each of at most `batch_size` images (several views of one count each), and compares its
/// answers with the labels. Of several views of an image, the mean of their probabilities is the answer.
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
        // The logarithms of probabilities are logits with the same cross-entropy.
        let logits: Vec<f32>;
        let logits = if batch.views() > 1 {
            logits = mean_of_views(outputs, classes, batch.views(), is_softmax);
            &logits
        } else if is_softmax {
            logits = outputs.iter().map(|p| p.max(f32::MIN_POSITIVE).ln()).collect();
            &logits
        } else {
            outputs
        };
        for (row, label) in logits.chunks_exact(classes).zip(labels) {
            confusion.add(*label as usize, argmax(row));
        }
        gradient.resize(logits.len(), 0.0);
        loss += CrossEntropy::default().forward(logits, labels, &mut gradient) * labels.len() as f64;
    }
    let images = confusion.images();
    Ok(Evaluation { images, loss: loss / images.max(1) as f64, accuracy: confusion.accuracy(), confusion })
}

/// The logarithm of the mean probability of each class over the views of each image.
fn mean_of_views(outputs: &[f32], classes: usize, views: usize, are_probabilities: bool) -> Vec<f32> {
    let mut mean = vec![0.0; classes];
    let mut logarithms = Vec::with_capacity(outputs.len() / views);
    for image in outputs.chunks_exact(classes * views) {
        mean.fill(0.0);
        for view in image.chunks_exact(classes) {
            let largest = view.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            let power = |value: f32| {
                if are_probabilities { f64::from(value) } else { f64::from(value - largest).exp() }
            };
            let sum: f64 = view.iter().map(|value| power(*value)).sum();
            mean.iter_mut().zip(view).for_each(|(mean, value)| *mean += power(*value) / sum / views as f64);
        }
        logarithms.extend(mean.iter().map(|mean| mean.max(f64::from(f32::MIN_POSITIVE)).ln() as f32));
    }
    logarithms
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn views_are_averaged_as_probabilities() {
        // Of logits (0, ln 3) and (0, 0): probabilities (1/4, 3/4) and (1/2, 1/2), mean (3/8, 5/8).
        let logarithms = mean_of_views(&[0.0, 3f32.ln(), 700.0, 700.0], 2, 2, false);
        assert!((logarithms[0] - 0.375f32.ln()).abs() < 1e-6 && (logarithms[1] - 0.625f32.ln()).abs() < 1e-6);
        let same = mean_of_views(&[0.25, 0.75, 0.5, 0.5], 2, 2, true);
        assert!(same.iter().zip(&logarithms).all(|(a, b)| (a - b).abs() < 1e-6), "{same:?}");
    }
}
