//! A Gaussian process, conditioned on values.

use super::factor::{factor, solve};
use super::kernel::{Points, matern52, matern52_with_slope};
use nalgebra::{DMatrix, DVector};

/// What the kernel is like: its value is `scale` times Matérn 5/2 of the weighted squared distance.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Hyper {
    /// The inverse square of each column's lengthscale.
    pub(super) weights: Vec<f64>,
    /// The variance of the process.
    pub(super) scale: f64,
    /// The variance of what each value has beside.
    pub(super) noise: f64,
}

/// A Gaussian process of mean 0, conditioned on values at points, and certain at further ones, whose values are not known yet.
///
/// Those further points are "believed" (Ginsbourger et al., "Kriging is well-suited to parallelize optimization", 2010): as if the mean had been
/// observed there. That leaves the mean as it is everywhere, and takes the variance from around them; so they have part in the variance alone.
#[derive(Debug)]
pub(super) struct Model {
    points: Points,
    hyper: Hyper,
    /// The inverse of the Cholesky factor of all points' covariance.
    inverse: DMatrix<f64>,
    /// The covariance's inverse times the values, of the points that have values.
    alpha: DVector<f64>,
    /// The smallest mean at a point, of those with values and those without.
    best: f64,
}

/// What a process says of one point.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Prediction {
    pub(super) mean: f64,
    pub(super) variance: f64,
    /// The derivatives of the mean by the point's columns; 0 for categories.
    pub(super) mean_slope: Vec<f64>,
    /// The same of the variance.
    pub(super) variance_slope: Vec<f64>,
}

impl Model {
    /// Of points of which the first have values; `None` where rounding leaves no positive definite covariance.
    pub(super) fn new(points: Points, values: &[f64], hyper: Hyper) -> Option<Self> {
        let mut covariance = DMatrix::zeros(points.len(), points.len());
        let mut distances = vec![0.0; points.len()];
        for row in 0..points.len() {
            let distances = &mut distances[row..];
            points.squared_distances(&hyper.weights, &points.row(row), row, distances);
            let mut column = covariance.view_mut((row, row), (distances.len(), 1));
            column.iter_mut().zip(distances).for_each(|(value, d)| *value = hyper.scale * matern52(*d));
            column[(0, 0)] += hyper.noise;
        }
        let (_, inverse) = factor(&covariance)?;
        let known = values.len();
        let values = DVector::from_column_slice(values);
        let alpha = solve(&inverse.view((0, 0), (known, known)).into_owned(), &values);
        let observed = (&values - &alpha * hyper.noise).iter().copied().fold(f64::INFINITY, f64::min);
        let mut model = Self { points, hyper, inverse, alpha, best: observed };
        for row in known..model.points.len() {
            let covariances = model.covariances(&model.points.row(row));
            model.best = model.best.min(model.mean(&covariances));
        }
        Some(model)
    }

    pub(super) fn hyper(&self) -> &Hyper {
        &self.hyper
    }

    /// The smallest mean at a point with a value or without: what is to be improved upon.
    pub(super) fn best(&self) -> f64 {
        self.best
    }

    /// Means and variances at many points.
    pub(super) fn predict(&self, points: &[Vec<f64>]) -> Vec<(f64, f64)> {
        let mut covariances = DMatrix::zeros(self.points.len(), points.len());
        for (point, mut column) in points.iter().zip(covariances.column_iter_mut()) {
            column.copy_from_slice(&self.covariances(point));
        }
        let spread = self.times_inverse(&covariances);
        let mean = |column: usize| self.mean(covariances.column(column).as_slice());
        let variance = |column: usize| self.left(spread.column(column).norm_squared());
        (0..points.len()).map(|column| (mean(column), variance(column))).collect()
    }

    /// The mean and the variance at a point, with their derivatives.
    pub(super) fn predict_with_slopes(&self, point: &[f64]) -> Prediction {
        let rows = self.points.len();
        let mut slopes = vec![0.0; rows];
        self.points.squared_distances(&self.hyper.weights, point, 0, &mut slopes);
        let covariances = DVector::from_iterator(
            rows,
            slopes.iter_mut().map(|distance| {
                let (value, slope) = matern52_with_slope(*distance);
                *distance = self.hyper.scale * slope;
                self.hyper.scale * value
            }),
        );
        let spread = &self.inverse * &covariances;
        let variance = self.left(spread.norm_squared());
        let toward = self.inverse.tr_mul(&spread);
        let by_distance = |factors: &[f64]| -> Vec<f64> {
            let factors: Vec<f64> =
                factors.iter().zip(&slopes).map(|(factor, slope)| factor * slope).collect();
            let slope = |column: usize| {
                let others = self.points.column(column, 0);
                let metric = self.points.metrics[column];
                self.hyper.weights[column] * metric.dot_slope(&factors, point[column], others)
            };
            (0..point.len()).map(slope).collect()
        };
        let mean_slope = by_distance(self.alpha.as_slice());
        let variance_slope = by_distance(toward.as_slice()).into_iter().map(|slope| -2.0 * slope).collect();
        Prediction { mean: self.mean(covariances.as_slice()), variance, mean_slope, variance_slope }
    }

    fn covariances(&self, point: &[f64]) -> Vec<f64> {
        let mut values = vec![0.0; self.points.len()];
        self.points.squared_distances(&self.hyper.weights, point, 0, &mut values);
        values.iter_mut().for_each(|value| *value = self.hyper.scale * matern52(*value));
        values
    }

    fn mean(&self, covariances: &[f64]) -> f64 {
        self.alpha.iter().zip(covariances).map(|(a, b)| a * b).sum()
    }

    /// The variance that is left, never below 0.
    fn left(&self, explained: f64) -> f64 {
        (self.hyper.scale - explained).max(0.0)
    }

    /// The inverse factor times a matrix, without the quarter of it that is zeros.
    fn times_inverse(&self, right: &DMatrix<f64>) -> DMatrix<f64> {
        let rows = self.points.len();
        let half = rows / 2;
        let mut product = DMatrix::zeros(rows, right.ncols());
        let top = self.inverse.view((0, 0), (half, half));
        product.rows_mut(0, half).gemm(1.0, &top, &right.rows(0, half), 0.0);
        product.rows_mut(half, rows - half).gemm(1.0, &self.inverse.rows(half, rows - half), right, 0.0);
        product
    }
}
