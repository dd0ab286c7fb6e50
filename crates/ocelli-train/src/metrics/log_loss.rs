//! The logarithmic loss.

use super::{Predictions, share};

/// The mean of [`Predictions::loss`], which is the cross-entropy: scikit-learn's `log_loss`, but that a probability counts as the
/// smallest normal `f32` at least, and not as its type's epsilon. 0 without images.
pub fn log_loss(predictions: &Predictions) -> f64 {
    let sum: f64 = (0..predictions.len()).map(|image| predictions.loss(image)).sum();
    share(sum, predictions.len() as f64)
}
