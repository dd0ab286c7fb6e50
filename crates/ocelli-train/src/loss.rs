//! Cross-entropy, and what goes with it: how many answers were right.

use crate::metrics::argmax;
use ocelli_data::{Batch, Mixing};
use ocelli_kernels::cross_entropy;

/// Cross-entropy over logits, averaged over the batch: PyTorch's `CrossEntropyLoss(weight)`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CrossEntropy {
    /// What an image of each class counts, relative to others (default: all the same). The mean is over the images' weights.
    pub weight: Option<Vec<f32>>,
}

impl CrossEntropy {
    /// The mean loss of a batch. Writes its gradient with respect to the logits into `gradient`. Where all of a batch's images
    /// weigh nothing, both are 0.
    ///
    /// `logits` and `gradient` are images × classes; `labels` has one class for each image.
    ///
    /// # Panics
    /// If the lengths do not fit, or a label is no class.
    pub fn forward(&self, logits: &[f32], labels: &[u32], gradient: &mut [f32]) -> f64 {
        let images = labels.len();
        assert!(
            images > 0 && logits.len().is_multiple_of(images),
            "{} logits for {images} labels",
            logits.len()
        );
        let classes = logits.len() / images;
        match &self.weight {
            None => cross_entropy(logits, labels, classes, gradient) / images as f64,
            Some(weights) => weighted(logits, labels, weights, gradient),
        }
    }

    /// The same of images that were mixed: the cross-entropy with labels that are `share` each image's own and the rest its
    /// partner's, as PyTorch takes them as probabilities.
    ///
    /// # Panics
    /// As [`CrossEntropy::forward`], and if there is not one partner for each label.
    pub fn forward_mixed(
        &self,
        logits: &[f32],
        labels: &[u32],
        mixing: &Mixing,
        gradient: &mut [f32],
    ) -> f64 {
        assert_eq!(labels.len(), mixing.partners.len(), "partners of {} labels", labels.len());
        if let Some(weights) = &self.weight {
            return weighted_mixed(logits, labels, weights, mixing, gradient);
        }
        let own = self.forward(logits, labels, gradient);
        let (images, classes) = (labels.len(), logits.len() / labels.len());
        let rest = 1.0 - mixing.share;
        let step = rest / images as f32;
        // The cross-entropy with the partner differs by what the two logits differ.
        let mut moved = 0.0;
        let rows = logits.chunks_exact(classes).zip(gradient.chunks_exact_mut(classes));
        for ((row, gradient), (label, partner)) in rows.zip(labels.iter().zip(&mixing.partners)) {
            let (label, partner) = (*label as usize, *partner as usize);
            moved += f64::from(row[label]) - f64::from(row[partner]);
            gradient[label] += step;
            gradient[partner] -= step;
        }
        own + f64::from(rest) * moved / images as f64
    }

    /// The loss of a batch, mixed or not.
    pub(crate) fn of_batch(&self, logits: &[f32], batch: &Batch, gradient: &mut [f32]) -> f64 {
        match batch.mixing() {
            None => self.forward(logits, batch.labels(), gradient),
            Some(mixing) => self.forward_mixed(logits, batch.labels(), mixing, gradient),
        }
    }

    /// What the loss of a batch is divided by: its images, or what they weigh.
    pub(crate) fn divisor(&self, labels: &[u32], mixing: Option<&Mixing>) -> f64 {
        match (&self.weight, mixing) {
            (Some(weights), None) => labels.iter().map(|&label| f64::from(weights[label as usize])).sum(),
            _ => labels.len() as f64,
        }
    }
}

/// The loss with weights for the classes: Σ weight × loss / Σ weight.
fn weighted(logits: &[f32], labels: &[u32], weights: &[f32], gradient: &mut [f32]) -> f64 {
    let classes = weights.len();
    assert_eq!(logits.len(), labels.len() * classes, "a weight for each class");
    let total: f64 = labels.iter().map(|&label| f64::from(weights[label as usize])).sum();
    if total <= 0.0 {
        gradient.fill(0.0);
        return 0.0;
    }
    let mut loss = 0.0;
    let rows = logits.chunks_exact(classes).zip(gradient.chunks_exact_mut(classes));
    for ((logits, gradient), &label) in rows.zip(labels) {
        let share = f64::from(weights[label as usize]) / total;
        loss += share * cross_entropy(logits, &[label], classes, gradient);
        gradient.iter_mut().for_each(|value| *value *= share as f32);
    }
    loss
}

/// The same of images that were mixed, each label weighed by its class: as PyTorch has it, a mean over the images, not over
/// their weights.
fn weighted_mixed(
    logits: &[f32],
    labels: &[u32],
    weights: &[f32],
    mixing: &Mixing,
    gradient: &mut [f32],
) -> f64 {
    let (images, classes) = (labels.len(), weights.len());
    assert_eq!(logits.len(), images * classes, "a weight for each class");
    let rows = logits.chunks_exact(classes).zip(gradient.chunks_exact_mut(classes));
    let mut loss = 0.0;
    for ((row, gradient), (&label, &partner)) in rows.zip(labels.iter().zip(&mixing.partners)) {
        let own = mixing.share * weights[label as usize];
        let other = (1.0 - mixing.share) * weights[partner as usize];
        let of_own = cross_entropy(row, &[label], classes, gradient);
        let (label, partner) = (label as usize, partner as usize);
        // The cross-entropy with the partner differs by what the two logits differ.
        let of_other = of_own + f64::from(row[label]) - f64::from(row[partner]);
        loss += f64::from(own) * of_own + f64::from(other) * of_other;
        gradient.iter_mut().for_each(|value| *value *= (own + other) / images as f32);
        gradient[label] += other / images as f32;
        gradient[partner] -= other / images as f32;
    }
    loss / images as f64
}

/// How many rows of `logits` (images × classes) have their largest value at their label; of mixed images, how much of their
/// labels lies there.
pub(crate) fn right(logits: &[f32], labels: &[u32], mixing: Option<&Mixing>) -> f64 {
    let classes = logits.len() / labels.len().max(1);
    let answers: Vec<usize> = logits.chunks_exact(classes.max(1)).map(argmax).collect();
    let at = |labels: &[u32]| {
        answers.iter().zip(labels).filter(|(a, label)| **a == **label as usize).count() as f64
    };
    match mixing {
        None => at(labels),
        Some(Mixing { partners, share }) => {
            let share = f64::from(*share);
            share * at(labels) + (1.0 - share) * at(partners)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // torch.nn.CrossEntropyLoss() on logits [[1, 2, 3], [1, 2, 3]] and labels [2, 0], with the gradient of the logits.
    #[test]
    fn follows_pytorch() {
        let mut gradient = [0.0; 6];
        let loss = CrossEntropy::default().forward(&[1.0, 2.0, 3.0, 1.0, 2.0, 3.0], &[2, 0], &mut gradient);
        assert!((loss - 1.407_605_9).abs() < 1e-6, "{loss}");
        let expected = [0.045_015_3, 0.122_364_2, -0.167_379_5, -0.454_984_7, 0.122_364_2, 0.332_620_5];
        for (got, want) in gradient.iter().zip(expected) {
            assert!((got - want).abs() < 1e-6, "{gradient:?}");
        }
    }

    // The same with labels [[0, 0.3, 0.7], [0.7, 0.3, 0]]: torch.nn.CrossEntropyLoss() takes them as probabilities.
    #[test]
    fn mixed_labels_are_probabilities() {
        let logits = [1.0, 2.0, 3.0, 1.0, 2.5, 3.0];
        let mixing = Mixing { partners: vec![1, 1], share: 0.7 };
        let mut gradient = [0.0; 6];
        let loss = CrossEntropy::default().forward_mixed(&logits, &[2, 0], &mixing, &mut gradient);
        assert!((loss - 1.406_281_4).abs() < 1e-6, "{loss}");
        let expected = [0.045_015_3, -0.027_635_8, -0.017_379_5, -0.311_152_2, 0.024_103_7, 0.287_048_5];
        for (got, want) in gradient.iter().zip(expected) {
            assert!((got - want).abs() < 1e-6, "{gradient:?}");
        }
        let whole = Mixing { partners: vec![1, 1], share: 1.0 };
        let (mut one, mut other) = ([0.0; 6], [0.0; 6]);
        let expected = CrossEntropy::default().forward(&logits, &[2, 0], &mut one);
        assert_eq!(CrossEntropy::default().forward_mixed(&logits, &[2, 0], &whole, &mut other), expected);
        assert_eq!(one, other);
    }

    // torch.nn.CrossEntropyLoss(weight=[1, 2, 0.5]) on logits [[1, 2, 3], [1, 2, 3]] and labels [2, 0].
    #[test]
    fn class_weights_follow_pytorch() {
        let loss = CrossEntropy { weight: Some(vec![1.0, 2.0, 0.5]) };
        let mut gradient = [0.0; 6];
        let found = loss.forward(&[1.0, 2.0, 3.0, 1.0, 2.0, 3.0], &[2, 0], &mut gradient);
        assert!((found - 1.740_939_3).abs() < 1e-6, "{found}");
        let expected = [0.030_010_2, 0.081_576_2, -0.111_586_3, -0.606_646_3, 0.163_152_3, 0.443_493_9];
        for (got, want) in gradient.iter().zip(expected) {
            assert!((got - want).abs() < 1e-6, "{gradient:?}");
        }
        let nothing = CrossEntropy { weight: Some(vec![0.0, 1.0, 1.0]) };
        assert_eq!(nothing.forward(&[1.0, 2.0, 3.0], &[0], &mut gradient[..3]), 0.0);
        assert_eq!(gradient[..3], [0.0; 3]);
        let equal = CrossEntropy { weight: Some(vec![3.0; 3]) };
        let (mut one, mut other) = ([0.0; 6], [0.0; 6]);
        let logits = [0.1, -2.0, 1.0, 0.3, 0.2, 0.1];
        let weighted = equal.forward(&logits, &[1, 2], &mut one);
        assert!((weighted - CrossEntropy::default().forward(&logits, &[1, 2], &mut other)).abs() < 1e-6);
    }

    // The same of labels [[0, 0.3, 0.7], [0.7, 0.3, 0]].
    #[test]
    fn mixed_labels_are_weighed_by_class() {
        let loss = CrossEntropy { weight: Some(vec![1.0, 2.0, 0.5]) };
        let mixing = Mixing { partners: vec![1, 1], share: 0.7 };
        let mut gradient = [0.0; 6];
        let found = loss.forward_mixed(&[1.0, 2.0, 3.0, 1.0, 2.5, 3.0], &[2, 0], &mixing, &mut gradient);
        assert!((found - 1.704_334_7).abs() < 1e-6, "{found}");
        let expected = [0.042_764_5, -0.183_754, 0.140_989_5, -0.299_497_9, -0.073_665_2, 0.373_163_1];
        for (got, want) in gradient.iter().zip(expected) {
            assert!((got - want).abs() < 1e-6, "{gradient:?}");
        }
    }

    #[test]
    fn counts_right_answers() {
        assert_eq!(right(&[1.0, 2.0, 3.0, 0.0], &[1, 0], None), 2.0);
        assert_eq!(right(&[1.0, 2.0, 3.0, 0.0], &[0, 0], None), 1.0);
        let mixing = Mixing { partners: vec![1, 1], share: 0.75 };
        assert_eq!(right(&[1.0, 2.0, 3.0, 0.0], &[0, 0], Some(&mixing)), 0.75 + 0.25);
    }
}
