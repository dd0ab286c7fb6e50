//! Evaluation: a network over labelled images, dropout off, running averages in use.

use crate::error::TrainError;
use crate::events::Evaluation;
use crate::loss::{BinaryCrossEntropy, CrossEntropy, all_right};
use crate::metrics::{Confusion, Predictions, argmax, at_least, complement};
use ocelli_data::{Batch, DataError};
use ocelli_model::Readout;
use ocelli_nn::plan::{InferPlan, PlanOptions};
use ocelli_nn::{Network, Weights};

/// Runs `network` over all batches, each of at most `batch_size` images (several views of one count each), and compares its
/// answers with the labels; of images that may have several, the loss is the binary cross-entropy and an answer is right if all of
/// an image's classes have a probability of a half and no other has. Of several views of an image, the mean of their probabilities is the answer.
/// Works on the threads of the `rayon` pool that it is called in; the figures do not depend on how many there are. Its memory
/// does not grow with the number of images.
///
/// # Errors
/// The network cannot be planned, or a batch could not be loaded.
pub fn evaluate(
    network: &Network,
    weights: &Weights,
    batch_size: usize,
    batches: impl Iterator<Item = Result<Batch, DataError>>,
) -> Result<Evaluation, TrainError> {
    let classes = network.output().channels();
    let readout = Readout::of(network);
    let mut several = SeveralLabels::new(network);
    let mut confusion = Confusion::new(classes);
    let (mut loss, mut gradient) = (0.0, Vec::new());
    answers(network, weights, batch_size, batches, |batch, outputs| {
        let labels = batch.labels();
        if let Some(targets) = batch.targets() {
            several.add(outputs, targets, classes);
            return;
        }
        // The logarithms of probabilities are logits with the same cross-entropy.
        let logits: Vec<f32>;
        let logits = if batch.views() > 1 || readout.are_probabilities() {
            logits = logarithms(readout, outputs, classes, batch.views());
            &logits
        } else {
            outputs
        };
        for (row, label) in logits.chunks_exact(classes).zip(labels) {
            confusion.add(*label as usize, argmax(row));
        }
        gradient.resize(logits.len(), 0.0);
        loss += CrossEntropy::default().forward(logits, labels, &mut gradient) * labels.len() as f64;
    })?;
    if several.images > 0 {
        return Ok(several.evaluation());
    }
    let images = confusion.images();
    Ok(Evaluation { images, loss: loss / images.max(1) as f64, accuracy: confusion.accuracy(), confusion })
}

/// Runs `network` over all batches as [`evaluate`] does and keeps what it says of each image, as `readout` reads it: 4 bytes for
/// each image and class. What names an image is its index in the data set; `label` says what is known of it.
///
/// # Errors
/// As [`evaluate`].
pub fn collect<T>(
    network: &Network,
    weights: &Weights,
    readout: Readout,
    batch_size: usize,
    batches: impl Iterator<Item = Result<Batch, DataError>>,
    label: impl Fn(usize) -> T,
) -> Result<Predictions<T>, TrainError> {
    let classes = network.output().channels();
    let mut predictions = Predictions::new(classes, 0);
    let mut row = vec![0.0; classes];
    each_image(network, weights, batch_size, batches, |index, outputs| {
        readout.probabilities(outputs, &mut row);
        predictions.push(index as u64, label(index), &row);
    })?;
    Ok(predictions)
}

/// As [`collect`], of classes of which an image has any number, with what each probability lacks of one: 8 bytes for each image and
/// class.
///
/// # Errors
/// As [`evaluate`].
pub(crate) fn collect_several<T>(
    network: &Network,
    weights: &Weights,
    batch_size: usize,
    batches: impl Iterator<Item = Result<Batch, DataError>>,
    label: impl Fn(usize) -> T,
) -> Result<Predictions<T>, TrainError> {
    let classes = network.output().channels();
    let mut predictions = Predictions::new(classes, 0);
    let (mut odds, mut row, mut rest) = (Odds::of(network), vec![0.0; classes], vec![0.0; classes]);
    each_image(network, weights, batch_size, batches, |index, outputs| {
        odds.read(outputs, &mut row, &mut rest);
        predictions.push_with_complements(index as u64, label(index), &row, &rest);
    })?;
    Ok(predictions)
}

/// Reads probabilities of classes of which an image has any number.
struct Odds {
    readout: Readout,
    /// The outputs of a network that says the contrary.
    contrary: Vec<f32>,
}

impl Odds {
    fn of(network: &Network) -> Self {
        Odds { readout: Readout::multi_label(network), contrary: Vec::new() }
    }

    /// Writes the probability of each class for one image, and what it lacks of one, which `f32` would round away near 1.
    fn read(&mut self, outputs: &[f32], probabilities: &mut [f32], complements: &mut [f32]) {
        let are_probabilities = self.readout.are_probabilities();
        let contrary = |output: &f32| if are_probabilities { complement(*output) } else { -output };
        self.contrary.clear();
        self.contrary.extend(outputs.iter().map(contrary));
        self.readout.probabilities(outputs, probabilities);
        self.readout.probabilities(&self.contrary, complements);
    }
}

/// The logit of a probability and what it lacks of one.
fn logit(p: f32, complement: f32) -> f32 {
    // Below a half 1 − p tells as much; from there on the logit must be at least 0, however the two were rounded.
    let rest = if p < 0.5 { 1.0 - p } else { complement.min(p) };
    (at_least(f32::MIN_POSITIVE, p) / at_least(f32::MIN_POSITIVE, rest)).ln()
}

/// The figures of images that may have several labels, as far as they come.
struct SeveralLabels {
    odds: Odds,
    logits: Vec<f32>,
    gradient: Vec<f32>,
    images: u64,
    loss: f64,
    right: f64,
}

impl SeveralLabels {
    fn new(network: &Network) -> Self {
        let (logits, gradient) = (Vec::new(), Vec::new());
        SeveralLabels { odds: Odds::of(network), logits, gradient, images: 0, loss: 0.0, right: 0.0 }
    }

    fn add(&mut self, outputs: &[f32], targets: &[f32], classes: usize) {
        let images = targets.len() / classes;
        let logits = if outputs.len() > targets.len() || self.odds.readout.are_probabilities() {
            self.logits.resize(targets.len(), 0.0);
            let (views, mut rest) = (outputs.chunks_exact(outputs.len() / images), vec![0.0; classes]);
            for (views, row) in views.zip(self.logits.chunks_exact_mut(classes)) {
                self.odds.read(views, row, &mut rest);
                row.iter_mut().zip(&rest).for_each(|(p, rest)| *p = logit(*p, *rest));
            }
            &self.logits
        } else {
            outputs
        };
        self.gradient.resize(targets.len(), 0.0);
        let loss = BinaryCrossEntropy::default().forward(logits, targets, &mut self.gradient);
        self.loss += loss * images as f64;
        self.right += all_right(logits, targets, classes);
        self.images += images as u64;
    }

    fn evaluation(self) -> Evaluation {
        let images = self.images as f64;
        Evaluation {
            images: self.images,
            loss: self.loss / images,
            accuracy: self.right / images,
            confusion: Confusion::new(0),
        }
    }
}

/// Gives every image's index to `each`, with the network's outputs: views × classes.
fn each_image(
    network: &Network,
    weights: &Weights,
    batch_size: usize,
    batches: impl Iterator<Item = Result<Batch, DataError>>,
    mut each: impl FnMut(usize, &[f32]),
) -> Result<(), TrainError> {
    let classes = network.output().channels();
    answers(network, weights, batch_size, batches, |batch, outputs| {
        let images = outputs.chunks_exact(classes * batch.views());
        batch.indices().zip(images).for_each(|(index, outputs)| each(index, outputs));
    })
}

/// Gives every batch to `each`, with the network's outputs: images × views × classes.
fn answers(
    network: &Network,
    weights: &Weights,
    batch_size: usize,
    batches: impl Iterator<Item = Result<Batch, DataError>>,
    mut each: impl FnMut(&Batch, &[f32]),
) -> Result<(), TrainError> {
    let options = PlanOptions { batch: batch_size, ..PlanOptions::default() };
    let mut plan = InferPlan::new(network, weights, options).map_err(TrainError::Plan)?;
    for batch in batches {
        let batch = batch.map_err(TrainError::Data)?;
        if !batch.is_empty() {
            each(&batch, plan.run(batch.images()));
        }
    }
    Ok(())
}

/// The logarithm of the probability of each class, over the views of each image.
fn logarithms(readout: Readout, outputs: &[f32], classes: usize, views: usize) -> Vec<f32> {
    let mut logarithms = vec![0.0; outputs.len() / views];
    for (outputs, row) in outputs.chunks_exact(classes * views).zip(logarithms.chunks_exact_mut(classes)) {
        readout.probabilities(outputs, row);
        row.iter_mut().for_each(|p| *p = p.max(f32::MIN_POSITIVE).ln());
    }
    logarithms
}
