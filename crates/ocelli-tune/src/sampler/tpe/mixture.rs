//! Kernels of one parameter, one for each observation and one for the prior.

use super::normal;
use crate::sampler::draws::Draws;
use std::collections::HashMap;

/// The kernels of one parameter.
#[derive(Debug, PartialEq)]
pub(super) enum Kernels {
    /// The probabilities of each choice, by kernel.
    Categorical(Vec<Vec<f64>>),
    /// Normal distributions between two bounds, of the number or of its logarithm.
    Numerical(Numerical),
}

/// Normal kernels between two bounds.
#[derive(Debug, PartialEq)]
pub(super) struct Numerical {
    pub(super) means: Vec<f64>,
    pub(super) widths: Vec<f64>,
    /// What the logarithm of each kernel's density has beside the square of the distance: its mass between the bounds, and its width.
    constants: Vec<f64>,
    /// On a grid: the first kernel that is the same, for each; many are.
    firsts: Vec<usize>,
    scale: Scale,
}

/// What a number's kernels are spread over.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Scale {
    /// The bounds of values.
    pub(super) low: f64,
    pub(super) high: f64,
    /// The distance of values, if they are on a grid.
    pub(super) step: Option<f64>,
    /// Whether kernels are over logarithms.
    pub(super) log: bool,
}

impl Scale {
    /// The bounds of kernels: half a step further out than values, as logarithms if these are what kernels are over.
    pub(super) fn bounds(self) -> (f64, f64) {
        let half = self.step.unwrap_or(0.0) / 2.0;
        (self.of(self.low - half), self.of(self.high + half))
    }

    /// A value as kernels have it.
    pub(super) fn of(self, value: f64) -> f64 {
        if self.log { value.ln() } else { value }
    }

    /// The value of a place among kernels.
    fn value(self, place: f64) -> f64 {
        let value = if self.log { place.exp() } else { place };
        let stepped = self.step.map_or(value, |step| self.low + ((value - self.low) / step).round() * step);
        stepped.clamp(self.low, self.high)
    }
}

impl Numerical {
    pub(super) fn new(means: Vec<f64>, widths: Vec<f64>, scale: Scale) -> Self {
        let (low, high) = scale.bounds();
        let constant = |(mean, width): (&f64, &f64)| {
            let log_mass = normal::log_mass((low - mean) / width, (high - mean) / width);
            // On a grid there are probabilities, which have no width.
            if scale.step.is_some() { -log_mass } else { normal::log_density(0.0) - log_mass - width.ln() }
        };
        let constants = means.iter().zip(&widths).map(constant).collect();
        let mut known = HashMap::new();
        let first = |(index, (mean, width)): (usize, (&f64, &f64))| {
            *known.entry((mean.to_bits(), width.to_bits())).or_insert(index)
        };
        let kernels = means.iter().zip(&widths).enumerate();
        let firsts = if scale.step.is_some() { kernels.map(first).collect() } else { Vec::new() };
        Numerical { means, widths, constants, firsts, scale }
    }

    fn draw(&self, kernel: usize, draws: &mut Draws) -> f64 {
        let (mean, width) = (self.means[kernel], self.widths[kernel]);
        let (low, high) = self.scale.bounds();
        let place =
            normal::quantile(draws.unit(), (low - mean) / width, (high - mean) / width) * width + mean;
        self.scale.value(place)
    }

    /// Adds the logarithm of every kernel's density (of its probability, on a grid) at a value.
    fn add_log_densities(&self, value: f64, sums: &mut [f64]) {
        let Some(step) = self.scale.step else {
            let place = self.scale.of(value);
            let kernels = self.means.iter().zip(&self.widths).zip(&self.constants);
            for (((mean, width), constant), sum) in kernels.zip(sums) {
                let distance = (place - mean) / width;
                *sum += constant - 0.5 * distance * distance;
            }
            return;
        };
        let (left, right) = (self.scale.of(value - step / 2.0), self.scale.of(value + step / 2.0));
        let mut densities: Vec<f64> = Vec::with_capacity(self.firsts.len());
        for (index, (first, sum)) in self.firsts.iter().zip(sums).enumerate() {
            let density = if *first < index {
                densities[*first]
            } else {
                let (mean, width) = (self.means[index], self.widths[index]);
                self.constants[index] + normal::log_mass((left - mean) / width, (right - mean) / width)
            };
            densities.push(density);
            *sum += density;
        }
    }
}

impl Kernels {
    pub(super) fn draw(&self, kernel: usize, draws: &mut Draws) -> f64 {
        match self {
            Kernels::Categorical(probabilities) => pick(&probabilities[kernel], draws.unit()) as f64,
            Kernels::Numerical(numerical) => numerical.draw(kernel, draws),
        }
    }

    pub(super) fn add_log_densities(&self, value: f64, sums: &mut [f64]) {
        match self {
            Kernels::Categorical(probabilities) => {
                for (kernel, sum) in probabilities.iter().zip(sums) {
                    *sum += kernel[value as usize].ln();
                }
            }
            Kernels::Numerical(numerical) => numerical.add_log_densities(value, sums),
        }
    }
}

/// Which of several probabilities a number from 0 to 1 falls on.
pub(super) fn pick(probabilities: &[f64], place: f64) -> usize {
    let mut sum = 0.0;
    let reached = probabilities.iter().position(|probability| {
        sum += probability;
        place < sum
    });
    reached.unwrap_or(probabilities.len() - 1)
}
