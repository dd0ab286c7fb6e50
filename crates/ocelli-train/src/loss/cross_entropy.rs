//! Cross-entropy.

use super::{shape, weight_of};
use ocelli_data::Mixing;
use ocelli_kernels::cross_entropy;
use ocelli_kernels::softmax::softmax_with_logarithm;

/// Cross-entropy over logits, averaged over the batch: PyTorch's `CrossEntropyLoss(weight, label_smoothing)`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CrossEntropy {
    /// What an image of each class counts, relative to others (default: all the same). The mean is over the images' weights.
    pub weight: Option<Vec<f32>>,
    /// How much of each label is spread evenly over all classes, 0 to 1 (default 0): Szegedy et al., "Rethinking the Inception
    /// Architecture" (2016).
    pub label_smoothing: f64,
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
        let (images, classes) = shape(logits, labels, self.weight.as_ref(), gradient);
        if self.weight.is_none() && self.label_smoothing == 0.0 {
            return cross_entropy(logits, labels, classes, gradient) / images as f64;
        }
        let total = labels.iter().map(|label| weight_of(self.weight.as_ref(), *label)).sum();
        self.spread(logits, labels, None, total, gradient)
    }

    /// The same of images that were mixed: the cross-entropy with labels that are `share` each image's own and the rest its
    /// partner's, as PyTorch takes them as probabilities: then the mean is over images, not over their weights.
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
        let (images, _) = shape(logits, labels, self.weight.as_ref(), gradient);
        assert_eq!(labels.len(), mixing.partners.len(), "partners of {} labels", labels.len());
        self.spread(logits, labels, Some(mixing), images as f64, gradient)
    }

    /// Σ over images and classes of weight × share of the truth × −ln probability, over `total`.
    fn spread(
        &self,
        logits: &[f32],
        labels: &[u32],
        mixing: Option<&Mixing>,
        total: f64,
        gradient: &mut [f32],
    ) -> f64 {
        let classes = logits.len() / labels.len();
        if total <= 0.0 {
            gradient.fill(0.0);
            return 0.0;
        }
        let (own, partners) =
            mixing.map_or((1.0, labels), |mixing| (f64::from(mixing.share), &mixing.partners));
        let even = self.label_smoothing / classes as f64;
        let kept = 1.0 - self.label_smoothing;
        let weight = |class: usize| weight_of(self.weight.as_ref(), class as u32);
        // What the classes that are spread over weigh together.
        let spread: f64 = if even == 0.0 { 0.0 } else { (0..classes).map(weight).sum::<f64>() * even };
        let mut loss = 0.0;
        let rows = logits.chunks_exact(classes).zip(gradient.chunks_exact_mut(classes));
        for ((row, gradient), (label, partner)) in rows.zip(labels.iter().zip(partners)) {
            let logarithm = softmax_with_logarithm(row, gradient);
            let surprise = |class: usize| logarithm - f64::from(row[class]);
            let [label, partner] = [*label, *partner].map(|class| class as usize);
            let truth =
                [(label, kept * own * weight(label)), (partner, kept * (1.0 - own) * weight(partner))];
            let all = spread + truth[0].1 + truth[1].1;
            gradient.iter_mut().for_each(|p| *p = (f64::from(*p) * all / total) as f32);
            if even > 0.0 {
                for (class, gradient) in gradient.iter_mut().enumerate() {
                    loss += even * weight(class) * surprise(class);
                    *gradient -= (even * weight(class) / total) as f32;
                }
            }
            for (class, part) in truth {
                // What has no part in the truth may be impossible, and no infinity should come of it.
                if part > 0.0 {
                    loss += part * surprise(class);
                    gradient[class] -= (part / total) as f32;
                }
            }
        }
        loss / total
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn close(found: &[f32], expected: &[f32]) {
        assert!(found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-6), "{found:?}, not {expected:?}");
    }

    // torch.nn.CrossEntropyLoss() on logits [[1, 2, 3], [1, 2, 3]] and labels [2, 0], with the gradient of the logits.
    #[test]
    fn follows_pytorch() {
        let mut gradient = [0.0; 6];
        let loss = CrossEntropy::default().forward(&[1.0, 2.0, 3.0, 1.0, 2.0, 3.0], &[2, 0], &mut gradient);
        assert!((loss - 1.407_605_9).abs() < 1e-6, "{loss}");
        close(&gradient, &[0.045_015_3, 0.122_364_2, -0.167_379_5, -0.454_984_7, 0.122_364_2, 0.332_620_5]);
    }

    #[test]
    fn what_weighs_nothing_moves_nothing() {
        let nothing = CrossEntropy { weight: Some(vec![0.0, 1.0, 1.0]), ..CrossEntropy::default() };
        let mut gradient = [1.0; 3];
        assert_eq!(nothing.forward(&[1.0, 2.0, 3.0], &[0], &mut gradient), 0.0);
        assert_eq!(gradient, [0.0; 3]);
    }

    #[test]
    fn weights_and_mixing_that_change_nothing_do_not() {
        let logits = [0.1, -2.0, 1.0, 0.3, 0.2, 0.1];
        let (mut one, mut other) = ([0.0; 6], [0.0; 6]);
        let plain = CrossEntropy::default().forward(&logits, &[1, 2], &mut one);
        let equal = CrossEntropy { weight: Some(vec![3.0; 3]), ..CrossEntropy::default() };
        assert!((equal.forward(&logits, &[1, 2], &mut other) - plain).abs() < 1e-6);
        close(&other, &one);
        let whole = Mixing { partners: vec![0, 0], share: 1.0 };
        let mixed = CrossEntropy::default().forward_mixed(&logits, &[1, 2], &whole, &mut other);
        assert!((mixed - plain).abs() < 1e-6);
        close(&other, &one);
    }

    #[test]
    fn an_impossible_class_that_is_no_part_of_the_truth_does_no_harm() {
        let whole = Mixing { partners: vec![1], share: 1.0 };
        let mut gradient = [0.0; 2];
        let loss =
            CrossEntropy::default().forward_mixed(&[0.0, f32::NEG_INFINITY], &[0], &whole, &mut gradient);
        assert_eq!((loss, gradient), (0.0, [0.0; 2]));
    }

    #[test]
    #[should_panic(expected = "a gradient for each logit")]
    fn a_gradient_must_have_room_for_all_logits() {
        CrossEntropy { label_smoothing: 0.1, ..CrossEntropy::default() }.forward(
            &[0.0; 4],
            &[0, 1],
            &mut [0.0; 2],
        );
    }
}
