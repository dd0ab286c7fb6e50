//! The Brier score.

use super::{Predictions, share};

/// The mean over images of Σ (probability − truth)² over classes, 0 to 2; of at most two classes half of it: scikit-learn's
/// `brier_score_loss`. 0 without images.
pub fn brier_score(predictions: &Predictions) -> f64 {
    let sum: f64 = predictions.rows().map(|(row, label)| squares(row, label)).sum();
    share(sum, predictions.len() as f64)
}

/// One image's part.
pub(super) fn squares(row: &[f32], label: usize) -> f64 {
    let off = |(class, probability): (usize, &f32)| {
        let truth = if class == label { 1.0 } else { 0.0 };
        (f64::from(*probability) - truth).powi(2)
    };
    let sum: f64 = row.iter().enumerate().map(off).sum();
    if row.len() < 3 { sum / 2.0 } else { sum }
}
