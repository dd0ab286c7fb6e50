//! Normalisations: a value less the mean of a set of values that it is in, over their deviation.

use super::Run;
use super::conv::channel;
use crate::layers::{Layer, Role};
use crate::shape::Shape;

/// A normalisation, and what it normalises.
struct Norm {
    shape: Shape,
    sets: Sets,
    eps: f64,
    /// Running averages, by which evaluation normalises, and by how much they move in training.
    running: Option<Momentum>,
}

/// By how much running averages move.
#[derive(Clone, Copy)]
enum Momentum {
    Share(f64),
    /// To the average of all batches.
    Cumulative,
}

/// What values are normalised together.
#[derive(Clone, Copy)]
enum Sets {
    /// A channel's, over the batch.
    Channels,
    /// A pixel's.
    Pixels,
    /// So many neighbouring channels of an image.
    Groups(usize),
}

impl Norm {
    fn of(run: &Run<'_>, index: usize) -> Self {
        let shape = run.network.shapes()[index];
        match run.network.nodes()[index].layer {
            Layer::BatchNorm1d(spec) | Layer::BatchNorm2d(spec) => {
                let momentum = spec.momentum.map_or(Momentum::Cumulative, |m| Momentum::Share(f64::from(m)));
                let running = spec.track_running_stats.then_some(momentum);
                Self { shape, sets: Sets::Channels, eps: f64::from(spec.eps), running }
            }
            Layer::InstanceNorm2d(spec) => {
                let momentum = Momentum::Share(f64::from(spec.momentum.unwrap_or(0.0)));
                let running = spec.track_running_stats.then_some(momentum);
                let by_channel = running.is_some() && !run.mode.is_train();
                let sets = if by_channel { Sets::Channels } else { Sets::Groups(1) };
                Self { shape, sets, eps: f64::from(spec.eps), running }
            }
            Layer::LayerNorm2d(spec) => {
                Self { shape, sets: Sets::Pixels, eps: f64::from(spec.eps), running: None }
            }
            Layer::GroupNorm(spec) => {
                let sets = Sets::Groups(spec.num_channels / spec.num_groups);
                Self { shape, sets, eps: f64::from(spec.eps), running: None }
            }
            _ => unreachable!("a normalisation"),
        }
    }

    /// The set that the value at a place is in.
    fn set(&self, place: usize) -> usize {
        let (image, pixels) = (self.shape.elements(), self.shape.elements() / self.shape.channels());
        match self.sets {
            Sets::Channels => channel(place, self.shape),
            Sets::Groups(channels) => place / (channels * pixels),
            Sets::Pixels => place / image * pixels + place % pixels,
        }
    }

    /// Whether the statistics are those of what comes in.
    fn by_input(&self, run: &Run<'_>) -> bool {
        run.mode.is_train() || self.running.is_none()
    }

    /// The statistics that x is normalised by.
    fn statistics(&self, run: &Run<'_>, index: usize, x: &[f64]) -> Statistics {
        if self.by_input(run) {
            return Statistics::of(x, |place| self.set(place));
        }
        let running = |role| run.parameter(index, role).to_vec();
        Statistics { mean: running(Role::RunningMean), variance: running(Role::RunningVar), count: 0.0 }
    }
}

/// Mean and (biased) variance of each set.
struct Statistics {
    mean: Vec<f64>,
    variance: Vec<f64>,
    /// Values of a set.
    count: f64,
}

impl Statistics {
    fn of(x: &[f64], set: impl Fn(usize) -> usize) -> Self {
        let sets = (0..x.len()).map(&set).max().map_or(0, |last| last + 1);
        let count = (x.len() / sets) as f64;
        let (mut mean, mut variance) = (vec![0.0; sets], vec![0.0; sets]);
        for (place, x) in x.iter().enumerate() {
            mean[set(place)] += x / count;
        }
        for (place, x) in x.iter().enumerate() {
            variance[set(place)] += (x - mean[set(place)]).powi(2) / count;
        }
        Self { mean, variance, count }
    }
}

/// The output; in training the running averages of the run move.
pub(super) fn forward(run: &mut Run<'_>, index: usize, x: &[f64]) -> Vec<f64> {
    let norm = Norm::of(run, index);
    let statistics = norm.statistics(run, index, x);
    if let (Some(momentum), true) = (norm.running, run.mode.is_train()) {
        move_averages(run, index, (norm.sets, momentum), &statistics);
    }
    let (weight, bias) = (run.parameter(index, Role::NormWeight), run.parameter(index, Role::NormBias));
    let normalised = |(place, x): (usize, &f64)| {
        let (set, c) = (norm.set(place), channel(place, norm.shape));
        let hat = (x - statistics.mean[set]) / (statistics.variance[set] + norm.eps).sqrt();
        hat * weight.get(c).unwrap_or(&1.0) + bias.get(c).unwrap_or(&0.0)
    };
    x.iter().enumerate().map(normalised).collect()
}

fn move_averages(
    run: &mut Run<'_>,
    index: usize,
    (sets, momentum): (Sets, Momentum),
    statistics: &Statistics,
) {
    let Statistics { mean, variance, count } = statistics;
    assert!(*count > 1.0, "normalisation in training needs more than 1 value");
    if matches!(sets, Sets::Channels) {
        buffer(run, index, Role::NumBatchesTracked)[0] += 1.0;
    }
    let share = match momentum {
        Momentum::Share(share) => share,
        Momentum::Cumulative => 1.0 / buffer(run, index, Role::NumBatchesTracked)[0],
    };
    let unbiased = count / (count - 1.0);
    for (role, of_sets, factor) in [(Role::RunningMean, mean, 1.0), (Role::RunningVar, variance, unbiased)] {
        let running = buffer(run, index, role);
        let (channels, images) = (running.len(), of_sets.len() / running.len());
        for (c, running) in running.iter_mut().enumerate() {
            // Of a channel's sets, one for each image, the mean.
            let sum: f64 = of_sets.iter().skip(c).step_by(channels).sum();
            *running = (1.0 - share) * *running + share * sum / images as f64 * factor;
        }
    }
}

fn buffer<'r>(run: &'r mut Run<'_>, index: usize, role: Role) -> &'r mut Vec<f64> {
    let key = run.key(index, role);
    run.parameters.get_mut(&key).expect("the network's buffers")
}

/// The gradients of x, the weight and the bias.
pub(super) fn backward(run: &Run<'_>, index: usize, x: &[f64], grad: &[f64]) -> [Vec<f64>; 3] {
    let norm = Norm::of(run, index);
    let Statistics { mean, variance, count } = norm.statistics(run, index, x);
    let deviation: Vec<_> = variance.iter().map(|variance| (variance + norm.eps).sqrt()).collect();
    let hat = |place: usize| (x[place] - mean[norm.set(place)]) / deviation[norm.set(place)];
    let weight = run.parameter(index, Role::NormWeight);
    let weighted = |place: usize| grad[place] * weight.get(channel(place, norm.shape)).unwrap_or(&1.0);

    let channels = norm.shape.channels();
    let (mut of_weight, mut of_bias) = (vec![0.0; channels], vec![0.0; channels]);
    let (mut sum, mut product) = (vec![0.0; mean.len()], vec![0.0; mean.len()]);
    for (place, grad) in grad.iter().enumerate() {
        let (set, c) = (norm.set(place), channel(place, norm.shape));
        of_weight[c] += grad * hat(place);
        of_bias[c] += grad;
        sum[set] += weighted(place);
        product[set] += weighted(place) * hat(place);
    }
    let of_x = |place: usize| {
        let set = norm.set(place);
        // Statistics of the input depend on x too.
        let shared = if norm.by_input(run) { (sum[set] + hat(place) * product[set]) / count } else { 0.0 };
        (weighted(place) - shared) / deviation[set]
    };
    [(0..x.len()).map(of_x).collect(), of_weight, of_bias]
}
