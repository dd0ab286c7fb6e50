//! Whether the right class is among the likeliest.

use super::{Predictions, share};

/// The share of images whose class is among the `k` likeliest, 0 to 1. Of equally likely classes the first come first, as with
/// [`Predictions::predicted`] (scikit-learn's `top_k_accuracy_score` takes the last). 0 without images.
pub fn top_k_accuracy(predictions: &Predictions, k: usize) -> f64 {
    let right = predictions.rows().filter(|(row, label)| is_among(row, *label, k)).count();
    share(right as f64, predictions.len() as f64)
}

/// Whether fewer than `k` classes come before `label`.
pub(super) fn is_among(row: &[f32], label: usize, k: usize) -> bool {
    let before = |class: usize| row[class] > row[label] || (class < label && row[class] == row[label]);
    (0..row.len()).filter(|class| before(*class)).count() < k
}

#[cfg(test)]
mod tests {
    use super::is_among;

    #[test]
    fn the_first_of_equals_come_first() {
        let row = [0.2, 0.4, 0.2, 0.2];
        assert_eq!([0, 1, 2, 3].map(|label| is_among(&row, label, 1)), [false, true, false, false]);
        assert_eq!([0, 1, 2, 3].map(|label| is_among(&row, label, 2)), [true, true, false, false]);
        assert_eq!([0, 1, 2, 3].map(|label| is_among(&row, label, 3)), [true, true, true, false]);
        assert!(is_among(&row, 3, 9));
    }
}
