//! The images that a classifier does worst on.

use super::Predictions;
use serde::Serialize;

/// An image with its loss.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct TopLoss {
    /// Its place among the predictions.
    pub place: usize,
    /// What names it: its index in the data set.
    pub id: u64,
    /// Its logarithmic loss.
    pub loss: f64,
    /// Its class.
    pub truth: usize,
    /// What it is taken for.
    pub predicted: usize,
    /// The probability of that.
    pub probability: f32,
}

/// The `count` images of the highest loss, the highest first, equals in order.
pub fn top_losses(predictions: &Predictions, count: usize) -> Vec<TopLoss> {
    let mut losses: Vec<(f64, usize)> =
        (0..predictions.len()).map(|image| (predictions.loss(image), image)).collect();
    losses.sort_by(|a, b| b.0.total_cmp(&a.0));
    let of = |&(loss, place): &(f64, usize)| TopLoss {
        place,
        id: predictions.ids()[place],
        loss,
        truth: predictions.labels()[place] as usize,
        predicted: predictions.predicted(place),
        probability: predictions.confidence(place),
    };
    losses.iter().take(count).map(of).collect()
}
