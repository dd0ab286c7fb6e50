//! Values at random.

use super::draws::Draws;
use super::{Request, Sampler, SamplerError};
use crate::Params;

/// Draws every parameter from its distribution, whatever came before: the distributions of Optuna's `RandomSampler`.
#[derive(Clone, Copy, Debug)]
pub struct RandomSampler {
    seed: u64,
}

impl RandomSampler {
    /// With random numbers of this seed.
    pub fn new(seed: u64) -> Self {
        RandomSampler { seed }
    }
}

impl Sampler for RandomSampler {
    fn sample(&self, request: &Request<'_>) -> Result<Params, SamplerError> {
        request.fill(|name, distribution| {
            Ok(distribution.at(Draws::new(self.seed, "random", request.number, name).unit()))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{cases, numbers};
    use crate::{Direction, Distribution, History, Parameter, Space};
    use std::collections::BTreeMap;

    /// Where in the range a value lies, in twentieths; on a grid, the value.
    fn bin(distribution: &Distribution, internal: f64) -> f64 {
        match distribution {
            Distribution::Float(float) if float.step().is_none() => {
                let scale = |value: f64| if float.is_log() { value.ln() } else { value };
                let (low, high) = (scale(float.low()), scale(float.high()));
                ((scale(internal) - low) / (high - low) * 20.0).floor().min(19.0)
            }
            _ => (internal * 1e9).round() / 1e9,
        }
    }

    /// Two samples of one distribution: the chi-square test of homogeneity, to one error in a million.
    #[test]
    fn values_are_distributed_as_optunas() {
        for case in cases(include_str!("../../tests/fixtures/random.json")) {
            let distribution = Distribution::from_json(case["distribution"].as_str().unwrap()).unwrap();
            let space = Space::new([("x".to_string(), Parameter::always(distribution.clone()))]).unwrap();
            let (history, fixed, sampler) = (History::default(), Params::new(), RandomSampler::new(7));
            let mut counts: BTreeMap<u64, (f64, f64)> = BTreeMap::new();
            let key = |bin: f64| (bin + 1e6).to_bits();
            for pair in case["counts"].as_array().unwrap() {
                let pair = numbers(pair);
                counts.entry(key(pair[0])).or_default().1 = pair[1];
            }
            let draws = case["draws"].as_u64().unwrap();
            for number in 0..draws {
                let directions = [Direction::Minimize];
                let request = Request {
                    space: &space,
                    directions: &directions,
                    history: &history,
                    number,
                    fixed: &fixed,
                };
                let value = sampler.sample(&request).unwrap().shift_remove("x").unwrap();
                counts
                    .entry(key(bin(&distribution, distribution.to_internal(&value).unwrap())))
                    .or_default()
                    .0 += 1.0;
            }
            let statistic: f64 =
                counts.values().map(|(ours, theirs)| (ours - theirs).powi(2) / (ours + theirs)).sum();
            let freedom = (counts.len() - 1) as f64;
            // Wilson and Hilferty's approximation of the quantile.
            let limit =
                freedom * (1.0 - 2.0 / (9.0 * freedom) + 4.753 * (2.0 / (9.0 * freedom)).sqrt()).powi(3);
            assert!(statistic < limit, "{distribution}: {statistic} of at most {limit}");
            assert!(counts.len() > 3, "{distribution}");
        }
    }
}
