//! Figures of predictions where images may have several labels, or none: each class is a question of its own.
//!
//! An image is taken to have a class where its probability is at least the class's threshold.

mod report;
mod thresholds;

pub use report::{MultiLabelOptions, MultiLabelReport, MultiLabelScores};
pub use thresholds::fit_thresholds;

use super::Predictions;

/// Predictions of images with the labels that each has, in ascending order.
pub type MultiLabelPredictions = Predictions<Vec<u32>>;

/// The threshold of a class whose threshold was not fitted.
pub const EVEN: f32 = 0.5;

/// Each image's probability of a class, and whether it has it.
fn scored(predictions: &MultiLabelPredictions, class: usize) -> Vec<(f32, bool)> {
    let has = |labels: &Vec<u32>| labels.binary_search(&(class as u32)).is_ok();
    predictions.with_labels().map(|(row, labels)| (row[class], has(labels))).collect()
}
