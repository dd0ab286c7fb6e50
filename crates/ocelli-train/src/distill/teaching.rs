//! A teacher at work.

use super::Distillation;
use super::sight::Sight;
use ocelli_model::{Classifier, Readout};
use ocelli_nn::plan::{InferPlan, PlanError, PlanOptions};

/// A teacher that is asked about each batch of a training run. It evaluates as it does in prediction, dropout off, and is never
/// changed. Nothing is allocated after the first batch, and what it says does not depend on the number of threads.
#[derive(Debug)]
pub struct Teaching {
    plan: InferPlan,
    distillation: Distillation,
    classes: usize,
    /// Whether the network ends in a softmax.
    are_probabilities: bool,
    order: Option<Vec<usize>>,
    sight: Option<Sight>,
    /// Numbers of an image.
    numbers: usize,
    /// The batch as the teacher sees it, where that is not as the student does.
    images: Vec<f32>,
    /// What it says of the batch: logits of the student's classes.
    said: Vec<f32>,
}

impl Teaching {
    pub(super) fn new(
        classifier: &Classifier,
        distillation: Distillation,
        order: Option<Vec<usize>>,
        sight: Option<Sight>,
        batch_size: usize,
    ) -> Result<Self, PlanError> {
        let network = classifier.network();
        let options = PlanOptions { batch: batch_size, ..PlanOptions::default() };
        let classes = classifier.classes().len();
        let numbers = network.input().elements();
        let seen = if sight.is_some() { batch_size * numbers } else { 0 };
        Ok(Teaching {
            plan: InferPlan::new(network, classifier.weights(), options)?,
            distillation,
            classes,
            are_probabilities: Readout::of(network).are_probabilities(),
            order,
            sight,
            numbers,
            images: vec![0.0; seen],
            said: vec![0.0; batch_size * classes],
        })
    }

    /// Asks the teacher about a batch, as the student sees it.
    ///
    /// # Panics
    /// If it is not whole images, or more than the batch size.
    pub fn ask(&mut self, images: &[f32]) {
        let seen = match &self.sight {
            None => images,
            Some(sight) => {
                sight.apply(images, self.numbers, &mut self.images[..images.len()]);
                &self.images[..images.len()]
            }
        };
        let outputs = self.plan.run(seen);
        // The logarithms of probabilities are logits that say the same.
        let logit =
            |output: f32| if self.are_probabilities { output.max(f32::MIN_POSITIVE).ln() } else { output };
        let rows = outputs.chunks_exact(self.classes).zip(self.said.chunks_exact_mut(self.classes));
        for (outputs, said) in rows {
            match &self.order {
                None => said.iter_mut().zip(outputs).for_each(|(said, output)| *said = logit(*output)),
                Some(order) => {
                    said.iter_mut().zip(order).for_each(|(said, place)| *said = logit(outputs[*place]));
                }
            }
        }
    }

    /// The mean loss of the batch that was asked about, with what the teacher says of it: see [`Distillation::forward`]. `student` are
    /// the student's logits, `of_labels` and `gradient` the loss of the labels and its gradient.
    ///
    /// # Panics
    /// If the lengths do not fit.
    pub fn forward(&self, student: &[f32], of_labels: f64, gradient: &mut [f32]) -> f64 {
        let said = &self.said[..student.len()];
        self.distillation.forward(student, said, self.classes, of_labels, gradient)
    }
}
