//! Principal components against scikit-learn's.

use ocelli_report::projection::Pca;
use ocelli_testing::{Fixture, Report};
use serde::Deserialize;

/// scikit-learn computed in f64 from the same f32; what is left is how fixtures are rounded.
const TOLERANCE: f64 = 1e-6;

#[derive(Deserialize)]
struct Case {
    name: String,
    columns: usize,
}

fn rounded<'a>(values: impl IntoIterator<Item = &'a f64>) -> Vec<f32> {
    values.into_iter().map(|value| *value as f32).collect()
}

#[test]
fn principal_components_are_scikit_learns() {
    let fixture = Fixture::load("projections");
    let mut report = Report::default();
    for case in fixture.cases::<Case>() {
        let values = fixture.values(&case.name, "values");
        let found = Pca::new(values, case.columns, 2, 2).unwrap();
        let mut compare = |what: &str, got: &[f32]| {
            report.compare(&case.name, what, got, fixture.values(&case.name, what), 1.0, TOLERANCE);
        };
        compare("mean", &rounded(&found.mean));
        // Signs are the same too: the largest coefficient of a component is positive.
        compare("components", &rounded(found.components.iter().flatten()));
        compare("variances", &rounded(&found.variances));
        compare("points", &rounded(&found.project(values)));
    }
    report.finish();
}
