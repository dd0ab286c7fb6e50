//! What was found, in figures.

use crate::args::EvalArgs;
use crate::failure::Failure;
use ocelli::model::Classifier;
use ocelli::train::metrics::{
    Bootstrap, Covered, Predictions, Report, ReportOptions, TopLoss, at_temperature, calibration, covered,
    fit_temperature, log_loss, top_losses,
};

/// How many of the images with the highest losses are named unless said.
const TOP_LOSSES: usize = 5;

/// What a classifier says, and what that is worth.
pub(super) struct Measured {
    pub(super) predictions: Predictions,
    pub(super) report: Report,
    /// The temperature that was fitted, if that was asked for; the report is of predictions at it.
    pub(super) fitted: Option<Fitted>,
    /// What is answered at the threshold asked for, or at the classifier's own.
    pub(super) reject: Option<Covered>,
    pub(super) top_losses: Vec<TopLoss>,
}

/// A temperature, and what was before it.
pub(super) struct Fitted {
    pub(super) temperature: f64,
    pub(super) log_loss_before: f64,
    pub(super) calibration_error_before: f64,
}

impl Measured {
    pub(super) fn new(args: &EvalArgs, classifier: &Classifier, said: Predictions) -> Result<Self, Failure> {
        let (predictions, fitted) = if args.fit_temperature {
            let (predictions, fitted) = fit(args, classifier, said)?;
            (predictions, Some(fitted))
        } else {
            (said, None)
        };
        let usual = Bootstrap::default();
        let resamples = args.bootstrap.unwrap_or(usual.resamples);
        let bootstrap = Bootstrap { resamples, seed: args.seed, ..usual };
        Ok(Measured {
            report: Report::of(&predictions, &ReportOptions { bins: bins(args), bootstrap }),
            reject: args.reject.or(classifier.reject()).map(|least| covered(&predictions, least)),
            top_losses: top_losses(&predictions, args.top_losses.unwrap_or(TOP_LOSSES)),
            fitted,
            predictions,
        })
    }
}

/// Bins of the calibration error.
fn bins(args: &EvalArgs) -> usize {
    args.bins.unwrap_or(ReportOptions::default().bins)
}

/// Fits a temperature, which multiplies with the one that the classifier has.
fn fit(
    args: &EvalArgs,
    classifier: &Classifier,
    said: Predictions,
) -> Result<(Predictions, Fitted), Failure> {
    let Some(more) = fit_temperature(&said) else {
        let reason =
            "no temperature from 0.01 to 100 is best: all images are right, or answers are worse than chance";
        return Err(Failure::failed(reason).hint("fit it on more images, or on others"));
    };
    let fitted = Fitted {
        temperature: more * classifier.temperature().unwrap_or(1.0),
        log_loss_before: log_loss(&said),
        calibration_error_before: calibration(&said, bins(args)).error,
    };
    Ok((at_temperature(said, more), fitted))
}
