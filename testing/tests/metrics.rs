//! Figures of predictions against scikit-learn's on the same predictions.

use ocelli_testing::Fixture;
use ocelli_train::metrics::{
    Averaged, ClassScores, MultiLabelOptions, MultiLabelPredictions, MultiLabelReport, OneVsRest,
    Predictions, Report, ReportOptions, fit_temperature, fit_thresholds, top_k_accuracy,
};
use serde::Deserialize;

/// Both add up in double precision, in orders of their own; the figures are written to twelve places.
const TOLERANCE: f64 = 1e-9;
/// Where a loss is least is known to the root of its own precision.
const TEMPERATURE_TOLERANCE: f64 = 1e-5;

#[derive(Deserialize)]
struct Case {
    name: String,
    accuracy: f64,
    top2_accuracy: f64,
    top5_accuracy: f64,
    balanced_accuracy: f64,
    precision: Vec<f64>,
    recall: Vec<f64>,
    f1: Vec<f64>,
    support: Vec<u64>,
    #[serde(rename = "macro")]
    macro_average: [f64; 3],
    weighted: [f64; 3],
    confusion: Vec<Vec<u64>>,
    roc_auc: Each,
    average_precision: Each,
    log_loss: f64,
    brier_score: f64,
    calibration_error: f64,
    temperature: Option<f64>,
}

#[derive(Deserialize)]
struct Each {
    classes: Vec<Option<f64>>,
    #[serde(rename = "macro")]
    macro_mean: Option<f64>,
    weighted: Option<f64>,
}

fn predictions(fixture: &Fixture, case: &str) -> Predictions {
    let labels =
        fixture.get(case, "labels").and_then(ocelli_nn::Tensor::as_i64).expect("labels are integers");
    let probabilities = fixture.values(case, "probabilities");
    let classes = probabilities.len() / labels.len();
    let mut predictions = Predictions::new(classes, labels.len());
    for ((id, label), row) in (0..).zip(labels).zip(probabilities.chunks_exact(classes)) {
        predictions.push(id, *label as u32, row);
    }
    predictions
}

#[track_caller]
fn close(what: &str, found: f64, expected: f64) {
    assert!((found - expected).abs() <= TOLERANCE, "{what}: {found}, scikit-learn has {expected}");
}

#[track_caller]
fn all_close(what: &str, found: impl IntoIterator<Item = f64>, expected: &[f64]) {
    let found: Vec<f64> = found.into_iter().collect();
    assert_eq!(found.len(), expected.len(), "{what}");
    found.iter().zip(expected).for_each(|(found, expected)| close(what, *found, *expected));
}

#[track_caller]
fn same(what: &str, found: &OneVsRest, expected: &Each) {
    let known = |values: &[Option<f64>]| values.iter().map(Option::is_some).collect::<Vec<_>>();
    assert_eq!(known(&found.classes), known(&expected.classes), "{what}: the classes that have one");
    let expected_known: Vec<f64> = expected.classes.iter().copied().flatten().collect();
    all_close(what, found.classes.iter().copied().flatten(), &expected_known);
    let means = [(found.macro_mean, expected.macro_mean), (found.weighted_mean, expected.weighted)];
    for (found, expected) in means {
        assert_eq!(found.is_some(), expected.is_some(), "{what}");
        close(what, found.unwrap_or_default(), expected.unwrap_or_default());
    }
}

#[test]
fn figures_are_scikit_learns() {
    let fixture = Fixture::load("metrics");
    for case in fixture.cases::<Case>() {
        let predictions = predictions(&fixture, &case.name);
        let found = Report::of(&predictions, &ReportOptions::default());
        let what = |figure: &str| format!("{}: {figure}", case.name);
        close(&what("accuracy"), found.accuracy, case.accuracy);
        close(&what("top 2"), top_k_accuracy(&predictions, 2), case.top2_accuracy);
        close(&what("top 5"), found.top5_accuracy, case.top5_accuracy);
        close(&what("log loss"), found.log_loss, case.log_loss);
        close(&what("Brier score"), found.brier_score, case.brier_score);
        close(&what("calibration error"), found.calibration.error, case.calibration_error);
        let scores = &found.scores;
        close(&what("balanced accuracy"), scores.balanced_accuracy, case.balanced_accuracy);
        all_close(&what("precision"), scores.classes.iter().map(|class| class.precision), &case.precision);
        all_close(&what("recall"), scores.classes.iter().map(|class| class.recall), &case.recall);
        all_close(&what("F1"), scores.classes.iter().map(|class| class.f1), &case.f1);
        let three = |Averaged { precision, recall, f1 }| [precision, recall, f1];
        all_close(&what("macro"), three(scores.macro_average), &case.macro_average);
        all_close(&what("weighted"), three(scores.weighted_average), &case.weighted);
        let support: Vec<u64> = scores.classes.iter().map(|class| class.support).collect();
        assert_eq!(support, case.support, "{}", case.name);
        for (truth, row) in case.confusion.iter().enumerate() {
            let counts: Vec<u64> = (0..row.len()).map(|class| found.confusion.count(truth, class)).collect();
            assert_eq!(&counts, row, "{}: class {truth}", case.name);
        }
        same(&what("ROC-AUC"), &found.roc_auc, &case.roc_auc);
        same(&what("average precision"), &found.average_precision, &case.average_precision);
        if let Some(expected) = case.temperature {
            let found = fit_temperature(&predictions).expect("scipy found one");
            assert!(
                (found / expected - 1.0).abs() < TEMPERATURE_TOLERANCE,
                "{}: {found}, {expected}",
                case.name
            );
        }
    }
}

#[derive(Deserialize)]
struct Several {
    name: String,
    subset_accuracy: f64,
    hamming_loss: f64,
    log_loss: f64,
    precision: Vec<f64>,
    recall: Vec<f64>,
    f1: Vec<f64>,
    support: Vec<u64>,
    micro: [f64; 3],
    #[serde(rename = "macro")]
    macro_average: [f64; 3],
    weighted: [f64; 3],
    average_precision: Each,
    roc_auc: Each,
    best_f1: Vec<Option<f64>>,
}

fn several(fixture: &Fixture, case: &str, classes: usize) -> MultiLabelPredictions {
    let truth = fixture.get(case, "truth").and_then(ocelli_nn::Tensor::as_i64).expect("truth is integers");
    let rows = fixture.values(case, "probabilities").chunks_exact(classes).zip(truth.chunks_exact(classes));
    let mut predictions = MultiLabelPredictions::new(classes, 0);
    for (id, (row, has)) in (0..).zip(rows) {
        let labels = (0..).zip(has).filter(|(_, has)| **has == 1).map(|(class, _)| class);
        predictions.push(id, labels.collect(), row);
    }
    predictions
}

#[test]
fn figures_of_several_labels_are_scikit_learns() {
    let fixture = Fixture::load("multi_label_metrics");
    for case in fixture.cases::<Several>() {
        let predictions = several(&fixture, &case.name, case.support.len());
        let found = MultiLabelReport::of(&predictions, &MultiLabelOptions::default());
        let what = |figure: &str| format!("{}: {figure}", case.name);
        close(&what("subset accuracy"), found.subset_accuracy, case.subset_accuracy);
        close(&what("Hamming loss"), found.hamming_loss, case.hamming_loss);
        close(&what("log loss"), found.log_loss, case.log_loss);
        let each = |figure: fn(&ClassScores) -> f64| found.scores.classes.iter().map(figure);
        all_close(&what("precision"), each(|class| class.precision), &case.precision);
        all_close(&what("recall"), each(|class| class.recall), &case.recall);
        all_close(&what("F1"), each(|class| class.f1), &case.f1);
        let support: Vec<u64> = found.scores.classes.iter().map(|class| class.support).collect();
        assert_eq!(support, case.support, "{}", case.name);
        let three = |Averaged { precision, recall, f1 }| [precision, recall, f1];
        all_close(&what("micro"), three(found.scores.micro), &case.micro);
        all_close(&what("macro"), three(found.scores.macro_average), &case.macro_average);
        all_close(&what("weighted"), three(found.scores.weighted_average), &case.weighted);
        same(&what("average precision"), &found.average_precision, &case.average_precision);
        same(&what("ROC-AUC"), &found.roc_auc, &case.roc_auc);
        // No threshold gives a higher F1 than the fitted one.
        let thresholds = Some(fit_thresholds(&predictions));
        let fitted = MultiLabelReport::of(&predictions, &MultiLabelOptions { thresholds });
        let known = fitted.scores.classes.iter().zip(&case.best_f1);
        let (found, best): (Vec<f64>, Vec<f64>) =
            known.filter_map(|(class, best)| Some((class.f1, (*best)?))).unzip();
        all_close(&what("the highest F1"), found, &best);
    }
}
