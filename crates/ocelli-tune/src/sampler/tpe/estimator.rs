//! The density of trials' values, from kernels around them and one for the prior.

use super::TpeOptions;
use super::mixture::{Kernels, Numerical, Scale, pick};
use crate::Distribution;
use crate::sampler::draws::Draws;

/// The narrowest kernel without the magic clip.
const NARROWEST: f64 = 1e-12;
/// So many of the newest trials count fully.
const FULL_WEIGHTS: usize = 25;

/// Optuna's `_ParzenEstimator`: a mixture of products of kernels.
#[derive(Debug, PartialEq)]
pub(super) struct Estimator {
    /// Of each kernel, the prior's last; their sum is 1.
    pub(super) weights: Vec<f64>,
    log_weights: Vec<f64>,
    /// By parameter.
    pub(super) kernels: Vec<Kernels>,
}

impl Estimator {
    /// From observations, the oldest first, each with a number for each distribution. If they are not `even`, old ones weigh less.
    pub(super) fn new(
        distributions: &[&Distribution],
        observations: &[Vec<f64>],
        even: bool,
        options: &TpeOptions,
    ) -> Self {
        let count = observations.len();
        let mut weights = if even { vec![1.0; count] } else { weights(count) };
        weights.push(if observations.is_empty() { 1.0 } else { options.prior_weight });
        let sum: f64 = weights.iter().sum();
        weights.iter_mut().for_each(|weight| *weight /= sum);
        let kernels = distributions.iter().enumerate().map(|(index, distribution)| {
            let values: Vec<f64> = observations.iter().map(|observation| observation[index]).collect();
            kernels(distribution, &values, options)
        });
        let kernels = kernels.collect();
        Estimator { log_weights: weights.iter().map(|weight| weight.ln()).collect(), weights, kernels }
    }

    /// One value of each parameter.
    pub(super) fn draw(&self, draws: &mut Draws) -> Vec<f64> {
        let kernel = pick(&self.weights, draws.unit());
        self.kernels.iter().map(|kernels| kernels.draw(kernel, draws)).collect()
    }

    /// The logarithm of the density at values.
    pub(super) fn log_density(&self, values: &[f64]) -> f64 {
        let mut sums = self.log_weights.clone();
        for (kernels, value) in self.kernels.iter().zip(values) {
            kernels.add_log_densities(*value, &mut sums);
        }
        let greatest = sums.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        if greatest == f64::NEG_INFINITY {
            return greatest;
        }
        greatest + sums.iter().map(|sum| (sum - greatest).exp()).sum::<f64>().ln()
    }
}

/// 1 for the newest 25 trials, and in a straight line down to 1/n for the oldest.
fn weights(count: usize) -> Vec<f64> {
    let ramp = count.saturating_sub(FULL_WEIGHTS);
    let first = 1.0 / count as f64;
    let at = |index: usize| {
        if index >= ramp {
            1.0
        } else if ramp == 1 {
            first
        } else {
            first + (1.0 - first) * index as f64 / (ramp - 1) as f64
        }
    };
    (0..count).map(at).collect()
}

fn kernels(distribution: &Distribution, values: &[f64], options: &TpeOptions) -> Kernels {
    let scale = match distribution {
        Distribution::Float(float) => {
            Scale { low: float.low(), high: float.high(), step: float.step(), log: float.is_log() }
        }
        Distribution::Int(int) => {
            let step = Some(int.step() as f64);
            Scale { low: int.low() as f64, high: int.high() as f64, step, log: int.is_log() }
        }
        Distribution::Categorical(categorical) => {
            return Kernels::Categorical(categorical_kernels(
                categorical.choices().len(),
                values,
                options.prior_weight,
            ));
        }
    };
    Kernels::Numerical(numerical_kernels(scale, values, options))
}

/// Each observation's choice, with a little of the others; the prior has all alike.
fn categorical_kernels(choices: usize, values: &[f64], prior_weight: f64) -> Vec<Vec<f64>> {
    let even = vec![1.0 / choices as f64; choices];
    let base = prior_weight / (values.len() + 1) as f64;
    let kernel = |value: &f64| {
        let mut kernel = vec![base; choices];
        kernel[*value as usize] += 1.0;
        let sum = 1.0 + base * choices as f64;
        kernel.iter_mut().for_each(|weight| *weight /= sum);
        kernel
    };
    values.iter().map(kernel).chain([even]).collect()
}

/// A normal kernel at each observation, as wide as the greater distance to its neighbours; the prior is as wide as the space.
fn numerical_kernels(scale: Scale, values: &[f64], options: &TpeOptions) -> Numerical {
    let (low, high) = scale.bounds();
    let mut means: Vec<f64> = values.iter().map(|value| scale.of(*value)).collect();
    let mut widths = distances(&means, low, high, options.endpoints);
    let widest = high - low;
    let narrowest = if options.magic_clip {
        widest / (2.0 + values.len() as f64).min(100.0)
    } else {
        NARROWEST.min(widest)
    };
    // A parameter that has but one value has kernels of some width, too.
    let clip = |width: f64| width.min(widest).max(narrowest).max(f64::MIN_POSITIVE);
    widths.iter_mut().for_each(|width| *width = clip(*width));
    means.push(0.5 * (low + high));
    widths.push(clip(widest));
    Numerical::new(means, widths, scale)
}

/// The greater distance of each number to its neighbours, bounds included; but not the bounds for the outermost of several.
fn distances(means: &[f64], low: f64, high: f64, endpoints: bool) -> Vec<f64> {
    let mut order: Vec<usize> = (0..means.len()).collect();
    order.sort_by(|one, other| means[*one].total_cmp(&means[*other]));
    let mut distances = vec![0.0; means.len()];
    let last = means.len().saturating_sub(1);
    for (place, index) in order.iter().enumerate() {
        let left = if place == 0 { low } else { means[order[place - 1]] };
        let right = if place == last { high } else { means[order[place + 1]] };
        let (left, right) = (means[*index] - left, right - means[*index]);
        distances[*index] = match place {
            0 if last > 0 && !endpoints => right,
            place if place == last && last > 0 && !endpoints => left,
            _ => left.max(right),
        };
    }
    distances
}
