//! Batch normalisation.

use super::Run;
use super::conv::channel;
use crate::layers::{BatchNorm, Role};
use crate::shape::Shape;

/// Mean and (biased) variance of each channel.
fn statistics(x: &[f64], shape: Shape) -> (Vec<f64>, Vec<f64>) {
    let channels = shape.channels();
    let count = (x.len() / channels) as f64;
    let (mut mean, mut variance) = (vec![0.0; channels], vec![0.0; channels]);
    for (place, x) in x.iter().enumerate() {
        mean[channel(place, shape)] += x / count;
    }
    for (place, x) in x.iter().enumerate() {
        let c = channel(place, shape);
        variance[c] += (x - mean[c]).powi(2) / count;
    }
    (mean, variance)
}

/// The output; in training the running averages of the run move.
pub(super) fn forward(run: &mut Run<'_>, index: usize, spec: &BatchNorm, x: &[f64]) -> Vec<f64> {
    let shape = run.network.shapes()[index];
    let (mean, variance) = used_statistics(run, index, x);
    if run.mode.is_train() {
        let count = (x.len() / shape.channels()) as f64;
        assert!(count > 1.0, "batch normalisation in training needs more than 1 value per channel");
        let momentum = f64::from(spec.momentum);
        let unbiased = count / (count - 1.0);
        for (role, batch, factor) in
            [(Role::RunningMean, &mean, 1.0), (Role::RunningVar, &variance, unbiased)]
        {
            for (running, batch) in buffer(run, index, role).iter_mut().zip(batch) {
                *running = (1.0 - momentum) * *running + momentum * batch * factor;
            }
        }
        buffer(run, index, Role::NumBatchesTracked)[0] += 1.0;
    }
    let (weight, bias) = (run.parameter(index, Role::NormWeight), run.parameter(index, Role::NormBias));
    let normalised = |(place, x): (usize, &f64)| {
        let c = channel(place, shape);
        (x - mean[c]) / (variance[c] + f64::from(spec.eps)).sqrt() * weight[c] + bias[c]
    };
    x.iter().enumerate().map(normalised).collect()
}

fn buffer<'r>(run: &'r mut Run<'_>, index: usize, role: Role) -> &'r mut Vec<f64> {
    let key = run.key(index, role);
    run.parameters.get_mut(&key).expect("the network's buffers")
}

/// The mean and variance that x is normalised by.
fn used_statistics(run: &Run<'_>, index: usize, x: &[f64]) -> (Vec<f64>, Vec<f64>) {
    if run.mode.is_train() {
        return statistics(x, run.network.shapes()[index]);
    }
    let running = |role| run.parameter(index, role).to_vec();
    (running(Role::RunningMean), running(Role::RunningVar))
}

/// The gradients of x, the weight and the bias.
pub(super) fn backward(
    run: &Run<'_>,
    index: usize,
    spec: &BatchNorm,
    x: &[f64],
    grad: &[f64],
) -> [Vec<f64>; 3] {
    let shape = run.network.shapes()[index];
    let (mean, variance) = used_statistics(run, index, x);
    let weight = run.parameter(index, Role::NormWeight);
    let deviation: Vec<_> = variance.iter().map(|variance| (variance + f64::from(spec.eps)).sqrt()).collect();
    let normalised = |place: usize, c: usize| (x[place] - mean[c]) / deviation[c];

    let (mut of_weight, mut of_bias) = (vec![0.0; weight.len()], vec![0.0; weight.len()]);
    for (place, grad) in grad.iter().enumerate() {
        let c = channel(place, shape);
        of_weight[c] += grad * normalised(place, c);
        of_bias[c] += grad;
    }
    let count = (x.len() / weight.len()) as f64;
    let of_x = |(place, grad): (usize, &f64)| {
        let c = channel(place, shape);
        // In training the mean and variance depend on x too.
        let shared = (of_bias[c] + normalised(place, c) * of_weight[c]) / count;
        weight[c] / deviation[c] * (grad - if run.mode.is_train() { shared } else { 0.0 })
    };
    let of_x = grad.iter().enumerate().map(of_x).collect();
    [of_x, of_weight, of_bias]
}
