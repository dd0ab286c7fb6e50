//! What holds for the figures of any predictions.

use ocelli_train::metrics::{
    Bootstrap, MultiLabelOptions, MultiLabelPredictions, MultiLabelReport, Predictions, Report,
    ReportOptions, at_temperature, coverage_curve, covered, fit_temperature, fit_thresholds, log_loss,
    top_k_accuracy, top_losses,
};
use proptest::prelude::*;

/// An image: its label, and a weight for each class, of which few are distinct so that there are ties.
type Drawn = (u32, Vec<u8>);

fn drawn() -> impl Strategy<Value = (usize, Vec<Drawn>)> {
    (1..6_usize).prop_flat_map(|classes| {
        let image = (0..classes as u32, prop::collection::vec(0..5_u8, classes));
        (Just(classes), prop::collection::vec(image, 0..40))
    })
}

fn predictions(classes: usize, images: &[Drawn]) -> Predictions {
    let mut predictions = Predictions::new(classes, images.len());
    for (id, (label, weights)) in (0..).zip(images) {
        let total: u32 = weights.iter().map(|weight| u32::from(*weight)).sum::<u32>().max(1);
        let row: Vec<f32> = weights.iter().map(|weight| f32::from(*weight) / total as f32).collect();
        predictions.push(id, *label, &row);
    }
    predictions
}

fn options() -> ReportOptions {
    ReportOptions {
        bootstrap: Bootstrap { resamples: 20, ..Bootstrap::default() },
        ..ReportOptions::default()
    }
}

/// Figures that lie between 0 and 1, whatever was predicted.
fn shares(report: &Report) -> Vec<f64> {
    let scores = &report.scores;
    let mut shares = vec![
        report.accuracy,
        report.top5_accuracy,
        report.brier_score / 2.0,
        report.calibration.error,
        report.calibration.max_error,
        scores.balanced_accuracy,
    ];
    for average in [scores.macro_average, scores.weighted_average] {
        shares.extend([average.precision, average.recall, average.f1]);
    }
    shares.extend(scores.classes.iter().flat_map(|class| [class.precision, class.recall, class.f1]));
    for figure in [&report.roc_auc, &report.average_precision] {
        shares.extend([figure.macro_mean, figure.weighted_mean].into_iter().flatten());
        shares.extend(figure.classes.iter().flatten());
    }
    shares
}

proptest! {
    #[test]
    fn shares_lie_between_none_and_all((classes, images) in drawn()) {
        let predictions = predictions(classes, &images);
        let report = Report::of(&predictions, &options());
        for share in shares(&report) {
            prop_assert!((0.0..=1.0 + 1e-9).contains(&share), "{report:?}");
        }
        prop_assert!(report.log_loss >= 0.0 && report.accuracy <= report.top5_accuracy);
        prop_assert!(top_k_accuracy(&predictions, 1) == report.accuracy);
        if let Some(intervals) = report.intervals {
            prop_assert!(intervals.accuracy.low <= intervals.accuracy.high && intervals.accuracy.high <= 1.0);
        }
        let images = report.calibration.bins.iter().map(|bin| bin.images).sum::<u64>();
        prop_assert!(images == report.images && report.confusion.images() == report.images);
    }

    #[test]
    fn the_order_of_the_images_does_not_matter((classes, mut images) in drawn(), seed in any::<u64>()) {
        let plain = ReportOptions { bootstrap: Bootstrap { resamples: 0, ..Bootstrap::default() }, ..options() };
        let before = Report::of(&predictions(classes, &images), &plain);
        let turn = seed as usize % images.len().max(1);
        images.rotate_left(turn);
        images.reverse();
        let after = Report::of(&predictions(classes, &images), &plain);
        prop_assert_eq!(&before.confusion, &after.confusion);
        prop_assert!((before.log_loss - after.log_loss).abs() < 1e-9);
        for (before, after) in shares(&before).into_iter().zip(shares(&after)) {
            prop_assert!((before - after).abs() < 1e-9);
        }
        prop_assert_eq!(before.coverage, after.coverage);
    }

    #[test]
    fn a_temperature_changes_no_answer_and_the_fitted_one_is_no_worse((classes, images) in drawn()) {
        let predictions = predictions(classes, &images);
        if let Some(temperature) = fit_temperature(&predictions) {
            let scaled = at_temperature(predictions.clone(), temperature);
            prop_assert!(log_loss(&scaled) <= log_loss(&predictions) + 1e-6);
            // Probabilities of a colder or hotter answer may become the same; what was likeliest stays so.
            for image in 0..predictions.len() {
                let row = scaled.row(image);
                prop_assert!(row[predictions.predicted(image)] == row[scaled.predicted(image)]);
            }
        }
    }

    #[test]
    fn the_curve_and_the_top_losses_are_in_order((classes, images) in drawn()) {
        let predictions = predictions(classes, &images);
        let curve = coverage_curve(&predictions);
        prop_assert!(curve.is_sorted_by(|a, b| a.threshold < b.threshold && a.coverage > b.coverage));
        for point in curve {
            prop_assert_eq!(covered(&predictions, point.threshold), point);
        }
        let losses = top_losses(&predictions, 7);
        prop_assert!(losses.len() == images.len().min(7) && losses.is_sorted_by(|a, b| a.loss >= b.loss));
        prop_assert!(losses.iter().all(|top| top.loss == predictions.loss(top.place) && top.id == top.place as u64));
    }

    #[test]
    fn several_labels_have_figures_whatever_they_are(
        (classes, images) in drawn(),
        has in prop::collection::vec(any::<u8>(), 40),
    ) {
        let mut predictions = MultiLabelPredictions::new(classes, images.len());
        for (id, ((_, weights), has)) in (0..).zip(images.iter().zip(has)) {
            let labels = (0..classes as u32).filter(|class| has >> class & 1 == 1).collect();
            let row: Vec<f32> = weights.iter().map(|weight| f32::from(*weight) / 4.0).collect();
            predictions.push(id, labels, &row);
        }
        let even = MultiLabelReport::of(&predictions, &MultiLabelOptions::default());
        let thresholds = Some(fit_thresholds(&predictions));
        let fitted = MultiLabelReport::of(&predictions, &MultiLabelOptions { thresholds });
        for report in [&even, &fitted] {
            let scores = &report.scores;
            for means in [scores.micro, scores.macro_average, scores.weighted_average] {
                for share in [means.precision, means.recall, means.f1] {
                    prop_assert!((0.0..=1.0 + 1e-9).contains(&share), "{report:?}");
                }
            }
            prop_assert!((0.0..=1.0).contains(&report.subset_accuracy) && (0.0..=1.0).contains(&report.hamming_loss));
            prop_assert!(report.subset_accuracy <= 1.0 - report.hamming_loss + 1e-9);
        }
        for (even, fitted) in even.scores.classes.iter().zip(&fitted.scores.classes) {
            prop_assert!(fitted.f1 >= even.f1 || even.support == 0);
        }
    }
}
