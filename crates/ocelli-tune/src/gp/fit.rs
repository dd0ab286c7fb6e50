//! What the kernel is like, judged by the values.

use super::factor::{factor, solve};
use super::kernel::{Points, matern52_with_slope};
use super::minimise::{Stop, minimise};
use super::model::Hyper;
use nalgebra::{DMatrix, DVector};
use std::f64::consts::PI;

/// Where the optimisation may go: lengthscales of 0.01 to 100, variances of a thousandth to a thousand times that of the values, and noise
/// of a hundred-millionth of it to all of it. With a millionth, as Optuna has it, the regret on Branin after 50 trials was 1e-4; with this, 5e-6.
const WEIGHT: (f64, f64) = (1e-4, 1e4);
const SCALE: (f64, f64) = (1e-3, 1e3);
pub(super) const NOISE: (f64, f64) = (1e-8, 1.0);
/// Lengthscales and noise of the places that are looked at first.
const LENGTHSCALES: [f64; 3] = [0.2, 0.6, 2.0];
const NOISES: [f64; 2] = [1e-5, 1e-2];
/// More exact than this, regret stayed the same.
const STOP: Stop = Stop { steps: 40, slope: 1e-2, gain: 1e-7 };

/// The most probable hyperparameters of a kernel for values of mean 0 and variance 1 at `points`, from the best `starts` of six places.
pub(super) fn fit(points: &Points, values: &[f64], starts: usize) -> Hyper {
    let columns = points.metrics.len();
    let bounds: Vec<(f64, f64)> =
        [WEIGHT].repeat(columns).into_iter().chain([SCALE, NOISE]).map(|(a, b)| (a.ln(), b.ln())).collect();
    let place = |(length, noise): (f64, f64)| -> Vec<f64> {
        let weights = std::iter::repeat_n(-2.0 * length.ln(), columns);
        weights.chain([0.0, noise.ln()]).collect()
    };
    let places = LENGTHSCALES.iter().flat_map(|length| NOISES.iter().map(|noise| (*length, *noise)));
    let loss = |raw: &[f64]| loss(points, values, &hyper(raw));
    let mut looked_at: Vec<(f64, Vec<f64>)> =
        places.map(place).filter_map(|raw| Some((loss(&raw)?.0, raw))).collect();
    looked_at.sort_by(|a, b| a.0.total_cmp(&b.0));
    let fitted =
        looked_at.iter().take(starts).filter_map(|(_, raw)| minimise(loss, raw.clone(), &bounds, STOP));
    let best = fitted.min_by(|a, b| a.1.total_cmp(&b.1)).map(|(raw, _)| raw);
    // Where nothing converges, a place that was looked at is a kernel, too.
    hyper(&best.or_else(|| Some(looked_at.first()?.1.clone())).unwrap_or_else(|| place((0.6, 1e-2))))
}

/// From logarithms.
fn hyper(raw: &[f64]) -> Hyper {
    let (weights, rest) = raw.split_at(raw.len() - 2);
    Hyper { weights: weights.iter().map(|w| w.exp()).collect(), scale: rest[0].exp(), noise: rest[1].exp() }
}

/// The negative logarithm of the hyperparameters' probability, but for a constant, with its derivatives by their logarithms; `None` where
/// rounding leaves no positive definite covariance.
fn loss(points: &Points, values: &[f64], hyper: &Hyper) -> Option<(f64, Vec<f64>)> {
    let (likelihood, mut slopes) = log_likelihood(points, values, hyper)?;
    let mut loss = -likelihood;
    slopes.iter_mut().for_each(|slope| *slope = -*slope);
    let (of_weights, of_rest) = slopes.split_at_mut(hyper.weights.len());
    for (weight, slope) in hyper.weights.iter().zip(of_weights) {
        loss += 0.1 / weight + 0.1 * weight;
        *slope += 0.1 * weight - 0.1 / weight;
    }
    let gamma = |shape: f64, rate: f64, x: f64| ((shape - 1.0) * x.ln() - rate * x, (shape - 1.0) - rate * x);
    for (slope, (log_density, by_log)) in
        of_rest.iter_mut().zip([gamma(2.0, 1.0, hyper.scale), gamma(1.1, 30.0, hyper.noise)])
    {
        loss -= log_density;
        *slope -= by_log;
    }
    Some((loss, slopes))
}

/// The logarithm of the values' probability, with its derivatives by the logarithms of the weights, the scale and the noise.
pub(super) fn log_likelihood(points: &Points, values: &[f64], hyper: &Hyper) -> Option<(f64, Vec<f64>)> {
    let rows = points.len();
    let mut covariance = DMatrix::zeros(rows, rows);
    // Below the diagonal, the derivatives by the squared distance.
    let mut by_distance: Vec<Vec<f64>> = Vec::with_capacity(rows);
    for row in 0..rows {
        let mut distances = vec![0.0; rows - row];
        points.squared_distances(&hyper.weights, &points.row(row), row, &mut distances);
        let mut column = covariance.view_mut((row, row), (rows - row, 1));
        for (value, distance) in column.iter_mut().zip(&mut distances) {
            let (kernel, slope) = matern52_with_slope(*distance);
            *value = hyper.scale * kernel;
            *distance = hyper.scale * slope;
        }
        column[(0, 0)] += hyper.noise;
        by_distance.push(distances);
    }
    let (lower, inverse) = factor(&covariance)?;
    let values = DVector::from_column_slice(values);
    let alpha = solve(&inverse, &values);
    let log_determinant: f64 = 2.0 * lower.diagonal().iter().map(|value| value.ln()).sum::<f64>();
    let likelihood = -0.5 * (values.dot(&alpha) + log_determinant + rows as f64 * (2.0 * PI).ln());
    // Half the derivative by each covariance; a pair counts twice.
    // `tr_mul` would be one scalar product after the other.
    let mut by_covariance = inverse.transpose() * &inverse;
    by_covariance.ger(1.0, &alpha, &alpha, -1.0);
    let by_noise = 0.5 * hyper.noise * by_covariance.trace();
    let mut by_weights = vec![0.0; hyper.weights.len()];
    let mut by_scale = 0.5 * (hyper.scale * by_covariance.trace());
    for (row, factors) in by_distance.iter_mut().enumerate() {
        let below = row * rows + row..(row + 1) * rows;
        let shares = &by_covariance.as_slice()[below.clone()];
        let kernels = &covariance.as_slice()[below];
        by_scale += shares.iter().zip(kernels).skip(1).map(|(a, b)| a * b).sum::<f64>();
        factors.iter_mut().zip(shares).for_each(|(slope, share)| *slope *= share);
        let point = points.row(row);
        for (column, sum) in by_weights.iter_mut().enumerate() {
            *sum += points.metrics[column].dot_squared(factors, point[column], points.column(column, row));
        }
    }
    by_weights.iter_mut().zip(&hyper.weights).for_each(|(slope, weight)| *slope *= weight);
    by_weights.extend([by_scale, by_noise]);
    Some((likelihood, by_weights))
}
