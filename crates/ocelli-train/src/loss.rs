//! Cross-entropy, and what goes with it: how many answers were right.

use ocelli_kernels::cross_entropy;

/// Cross-entropy over logits, averaged over the batch: PyTorch's `CrossEntropyLoss()`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CrossEntropy {}

impl CrossEntropy {
    /// The mean loss of a batch. Writes its gradient with respect to the logits into `gradient`.
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
        cross_entropy(logits, labels, classes, gradient) / images as f64
    }
}

/// The class with the largest logit; the first of equals.
pub(crate) fn argmax(logits: &[f32]) -> usize {
    let larger = |best: usize, class: usize| if logits[class] > logits[best] { class } else { best };
    (0..logits.len()).fold(0, larger)
}

/// How many rows of `logits` (images × classes) have their largest value at their label.
pub(crate) fn right(logits: &[f32], labels: &[u32]) -> u64 {
    let classes = logits.len() / labels.len().max(1);
    let rows = logits.chunks_exact(classes.max(1)).zip(labels);
    rows.filter(|(row, label)| argmax(row) == **label as usize).count() as u64
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

    #[test]
    fn counts_right_answers() {
        assert_eq!(right(&[1.0, 2.0, 3.0, 0.0], &[1, 0]), 2);
        assert_eq!(right(&[1.0, 2.0, 3.0, 0.0], &[0, 0]), 1);
        assert_eq!(argmax(&[f32::NAN, 1.0]), 0);
    }
}
