//! How promising a point is.

use super::column::{Column, masked};
use super::features::Features;
use super::log_ei::log_expected_improvement;
use super::model::Model;

/// Added to variances, so that they have a root with a derivative where nothing is left to learn.
const JITTER: f64 = 1e-12;

/// The logarithm of the expected improvement over the best mean, at points with a number in every column, of which those count that the
/// point has.
pub(super) struct Acquisition<'a> {
    pub(super) columns: &'a [Column],
    pub(super) features: &'a Features,
    pub(super) model: &'a Model,
}

impl Acquisition<'_> {
    /// At many points.
    pub(super) fn values(&self, points: &[Vec<f64>]) -> Vec<f64> {
        let points: Vec<Vec<f64>> = points.iter().map(|point| masked(self.columns, point)).collect();
        let value = |(mean, variance): (f64, f64)| {
            let deviation = (variance + JITTER).sqrt();
            log_expected_improvement((self.model.best() - mean) / deviation).0 + deviation.ln()
        };
        self.model.predict(&self.features.rows(points.iter())).into_iter().map(value).collect()
    }

    /// At one point.
    pub(super) fn value(&self, point: &[f64]) -> f64 {
        self.values(&[point.to_vec()])[0]
    }

    /// At one point, with the derivatives by its columns.
    pub(super) fn value_with_slopes(&self, point: &[f64]) -> (f64, Vec<f64>) {
        let row = self.features.rows([masked(self.columns, point)].iter());
        let (mean, variance) = self.model.predict(&row)[0];
        let (mean_slope, variance_slope) = self.model.slopes(&row);
        let deviation = (variance + JITTER).sqrt();
        let z = (self.model.best() - mean) / deviation;
        let (value, slope) = log_expected_improvement(z);
        // log σ + h(z), with z = (best − μ)/σ.
        let by_mean = -slope / deviation;
        let by_variance = (1.0 - slope * z) / (2.0 * deviation * deviation);
        let one = |column: usize| match self.features.number(column) {
            Some(at) => by_mean * mean_slope[at] + by_variance * variance_slope[at],
            None => 0.0,
        };
        (value + deviation.ln(), (0..point.len()).map(one).collect())
    }
}
