//! All figures together.

use super::{
    Bootstrap, Calibration, Confusion, Covered, Intervals, OneVsRest, PerClass, Predictions,
    average_precision, bootstrap, brier_score, calibration, coverage_curve, log_loss, one_vs_rest, per_class,
    roc_auc, top_k_accuracy,
};
use serde::Serialize;

/// How figures are worked out.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ReportOptions {
    /// Bins of the calibration error (default 15).
    pub bins: usize,
    /// How intervals are drawn; none where there are no resamples.
    pub bootstrap: Bootstrap,
}

impl Default for ReportOptions {
    fn default() -> Self {
        ReportOptions { bins: 15, bootstrap: Bootstrap::default() }
    }
}

/// Every figure of a classifier's predictions.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// Images measured.
    pub images: u64,
    /// The share of images whose class is the likeliest, 0 to 1.
    pub accuracy: f64,
    /// The share of images whose class is among the five likeliest, 0 to 1.
    pub top5_accuracy: f64,
    /// The logarithmic loss.
    pub log_loss: f64,
    /// The Brier score.
    pub brier_score: f64,
    /// Precision, recall and F1 of each class, their means, and the balanced accuracy.
    pub scores: PerClass,
    /// The area under the ROC curve, each class against the rest.
    pub roc_auc: OneVsRest,
    /// Average precision, each class against the rest.
    pub average_precision: OneVsRest,
    /// Whether probabilities are what they say.
    pub calibration: Calibration,
    /// Where figures lie in most resamples, if any were drawn.
    pub intervals: Option<Intervals>,
    /// What is answered, and how well, if answers must be so sure.
    pub coverage: Vec<Covered>,
    /// Counts by true class (row) and predicted class (column).
    pub confusion: Confusion,
}

impl Report {
    /// Works out every figure.
    pub fn of(predictions: &Predictions, options: &ReportOptions) -> Self {
        let confusion = predictions.confusion();
        Report {
            images: predictions.len() as u64,
            accuracy: confusion.accuracy(),
            top5_accuracy: top_k_accuracy(predictions, 5),
            log_loss: log_loss(predictions),
            brier_score: brier_score(predictions),
            scores: per_class(&confusion),
            roc_auc: one_vs_rest(predictions, roc_auc),
            average_precision: one_vs_rest(predictions, average_precision),
            calibration: calibration(predictions, options.bins),
            intervals: bootstrap(predictions, &options.bootstrap),
            coverage: coverage_curve(predictions),
            confusion,
        }
    }
}
