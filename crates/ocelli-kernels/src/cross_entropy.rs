//! Cross-entropy over rows of logits, with its gradient.

use crate::softmax::powers;

/// The cross-entropy `log Σ exp x − x[label]` of each row of `logits` (rows × `classes`), summed in
/// f64, and in `gradient` the logits' gradient of its mean over the rows: PyTorch's
/// `CrossEntropyLoss` with `reduction="mean"`.
///
/// # Panics
/// If the slices do not have one row for each label, or a label is not below `classes`.
pub fn cross_entropy(logits: &[f32], labels: &[u32], classes: usize, gradient: &mut [f32]) -> f64 {
    assert_eq!(logits.len(), labels.len() * classes, "one row of {classes} logits for each label");
    assert_eq!(gradient.len(), logits.len());
    let scale = 1.0 / labels.len() as f32;
    let mut total = 0.0;
    for ((row, gradient), &label) in
        logits.chunks_exact(classes).zip(gradient.chunks_exact_mut(classes)).zip(labels)
    {
        let label = label as usize;
        assert!(label < classes, "label {label} of {classes} classes");
        let (max, sum) = powers(row, gradient);
        total += f64::from(max - row[label]) + f64::from(sum).ln();
        gradient.iter_mut().for_each(|g| *g *= scale / sum);
        gradient[label] -= scale;
    }
    total
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_logits_do_not_overflow() {
        let mut g = [0.0; 3];
        assert_eq!(cross_entropy(&[1000.0, 0.0, 0.0], &[1], 3, &mut g), 1000.0);
        assert_eq!(g, [1.0, -1.0, 0.0]);
    }
}
