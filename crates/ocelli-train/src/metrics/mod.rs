//! What predictions are worth, in figures: pure functions over [`Predictions`].
//!
//! Names and definitions are scikit-learn's; where it leaves a choice, or warns and answers 0, each function says what is done
//! here. All sums are in double precision and do not depend on the number of threads.

mod average_precision;
mod bootstrap;
mod brier;
mod calibration;
mod confusion;
mod log_loss;
mod multi_label;
mod one_vs_rest;
mod per_class;
mod predictions;
mod reject;
mod report;
mod roc_auc;
mod temperature;
mod top_k;
mod top_losses;

pub use average_precision::average_precision;
pub use bootstrap::{Bootstrap, Interval, Intervals, bootstrap};
pub use brier::brier_score;
pub use calibration::{Bin, Calibration, calibration};
pub use confusion::Confusion;
pub use log_loss::log_loss;
pub use multi_label::{
    EVEN, MultiLabelOptions, MultiLabelPredictions, MultiLabelReport, MultiLabelScores, fit_thresholds,
};
pub use one_vs_rest::{OneVsRest, one_vs_rest};
pub use per_class::{Averaged, ClassScores, PerClass, per_class};
pub use predictions::Predictions;
pub use reject::{Covered, coverage_curve, covered};
pub use report::{Report, ReportOptions};
pub use roc_auc::roc_auc;
pub use temperature::{at_temperature, fit_temperature};
pub use top_k::top_k_accuracy;
pub use top_losses::{TopLoss, top_losses};

pub(crate) use predictions::{argmax, at_least, complement};

/// Scores of one class with whether each is an image of it, the highest first: what curves over thresholds go through.
fn ranked(mut scored: Vec<(f32, bool)>) -> Vec<(f32, bool)> {
    scored.sort_unstable_by(|a, b| b.0.total_cmp(&a.0));
    scored
}

/// `part` of `whole`; 0 where there is no whole.
fn share(part: f64, whole: f64) -> f64 {
    if whole == 0.0 { 0.0 } else { part / whole }
}
