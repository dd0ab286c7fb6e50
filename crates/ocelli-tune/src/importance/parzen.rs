//! Densities of a parameter over few places, as Optuna's PED-ANOVA estimates them.

use super::Domain;
use std::f64::consts::FRAC_1_SQRT_2;

/// Places that ranges are divided into, at most.
const PLACES: usize = 50;
/// The weight of the prior, in trials.
const PRIOR: f64 = 1.0;

/// How many places a parameter's values are counted in.
fn places(domain: &Domain) -> usize {
    match *domain {
        Domain::Choices(count) => count,
        // As many as the range has binary digits: small numbers weigh as much as large ones.
        Domain::Numbers { low, high, log: true, step: Some(_) } => {
            PLACES.min(((high - low + 1.0).ln() / 2f64.ln()).ceil() as usize + 1)
        }
        Domain::Numbers { low, high, step: Some(step), .. } => {
            PLACES.min((((high - low) / step).round() + 1.0) as usize)
        }
        Domain::Numbers { step: None, .. } => PLACES,
    }
}

/// How many values are nearest to each place; of two that are as near, it is the lower one's.
fn counts(domain: &Domain, values: &[f64]) -> Vec<f64> {
    let mut counts = vec![0.0; places(domain)];
    let last = (counts.len() - 1) as f64;
    for value in values {
        let place = match *domain {
            Domain::Choices(_) => *value,
            Domain::Numbers { low, high, log, .. } => {
                let scale = |value: f64| if log { value.ln() } else { value };
                let step = (scale(high) - scale(low)) / last;
                ((scale(*value) - scale(low)) / step - 0.5).ceil().clamp(0.0, last)
            }
        };
        counts[place as usize] += 1.0;
    }
    counts
}

/// The density of values at each place. It is a mixture of one kernel for each place that has any, weighing as many as it has, and of a prior.
pub(super) fn density(domain: &Domain, values: &[f64]) -> Vec<f64> {
    let counts = counts(domain, values);
    match domain {
        Domain::Choices(_) => density_of_choices(&counts),
        Domain::Numbers { .. } => density_of_numbers(&counts),
    }
}

fn density_of_choices(counts: &[f64]) -> Vec<f64> {
    let choices = counts.len() as f64;
    let kernels = counts.iter().filter(|count| **count > 0.0).count() as f64 + 1.0;
    let total = counts.iter().sum::<f64>() + PRIOR;
    // A choice's kernel gives each of the others a share of the prior's weight.
    let share = PRIOR / kernels;
    let sum = 1.0 + share * choices;
    let kernel = |of: usize, at: usize| if of == at { (1.0 + share) / sum } else { share / sum };
    let density = |at: usize| {
        let kernels = counts.iter().enumerate().map(|(of, count)| count * kernel(of, at));
        (kernels.sum::<f64>() + PRIOR / choices) / total
    };
    (0..counts.len()).map(density).collect()
}

/// Normal kernels, cut off at the ends, whose width is by Scott's rule ("Multivariate density estimation", 1992).
fn density_of_numbers(counts: &[f64]) -> Vec<f64> {
    let width = scott(counts);
    let places = counts.len() as f64;
    let total = counts.iter().sum::<f64>() + PRIOR;
    let kernel = |middle: f64, width: f64, at: usize| {
        let z = |edge: f64| (edge - middle) / width;
        let at = at as f64;
        mass(z(at - 0.5), z(at + 0.5)) / mass(z(-0.5), z(places - 0.5))
    };
    let density = |at: usize| {
        let some = counts.iter().enumerate().filter(|(_, count)| **count > 0.0);
        let kernels = some.map(|(of, count)| count * kernel(of as f64, width, at));
        (kernels.sum::<f64>() + PRIOR * kernel(0.5 * (places - 1.0), places, at)) / total
    };
    (0..counts.len()).map(density).collect()
}

fn scott(counts: &[f64]) -> f64 {
    let total: f64 = counts.iter().sum();
    let some: Vec<(f64, f64)> =
        counts.iter().enumerate().filter(|(_, c)| **c > 0.0).map(|(i, c)| (i as f64, *c)).collect();
    let mean = some.iter().map(|(place, count)| place * (count / total)).sum::<f64>();
    let squares = some.iter().map(|(place, count)| (place - mean).powi(2) * count).sum::<f64>();
    let deviation = (squares / (total - 1.0).max(1.0)).sqrt();
    let sums: Vec<f64> = some
        .iter()
        .scan(0.0, |sum, (_, count)| {
            *sum += count;
            Some(*sum)
        })
        .collect();
    let first = sums.partition_point(|sum| *sum < (total / 4.0).floor());
    let third = sums.partition_point(|sum| *sum <= (total * 3.0 / 4.0).floor()).min(some.len() - 1);
    let between = some[third].0 - some[first].0;
    // At the least, nine tenths of a kernel are within its own place.
    (1.059 * deviation.min(between / 1.34) * total.powf(-0.2)).max(0.5 / 1.64)
}

/// The standard normal distribution's mass from `a` to `b`, without loss of digits where both are far out.
fn mass(a: f64, b: f64) -> f64 {
    let above = |z: f64| 0.5 * libm::erfc(z * FRAC_1_SQRT_2);
    match (a, b) {
        _ if a > 0.0 => above(a) - above(b),
        _ if b < 0.0 => above(-b) - above(-a),
        _ => 1.0 - above(-a) - above(b),
    }
}
