//! Points that fill the space evenly.

use super::{Request, Sampler, SamplerError};
use crate::Params;
use ocelli_kernels::random::Philox;

/// How many dimensions and points the sequence has.
const DIMENSIONS: u32 = sobol_burley::NUM_DIMENSIONS;
const POINTS: u64 = 1 << 16;

/// Owen-scrambled Sobol points (Burley, "Practical Hash-based Owen Scrambling", JCGT 2020), as Optuna's `QMCSampler` with `sobol` and
/// `scramble`. A trial's number is its point's, and a parameter's place in the space is its dimension, so that several workers draw
/// different points of one sequence. Powers of two of trials fill the space most evenly. After 65,536 trials, another scrambling begins.
#[derive(Clone, Copy, Debug)]
pub struct SobolSampler {
    seed: u64,
}

impl SobolSampler {
    /// With a scrambling of this seed.
    pub fn new(seed: u64) -> Self {
        SobolSampler { seed }
    }
}

impl Sampler for SobolSampler {
    fn sample(&self, request: &Request<'_>) -> Result<Params, SamplerError> {
        if let Some((name, _)) = request.space.iter().nth(DIMENSIONS as usize) {
            return Err(SamplerError::Space {
                sampler: "SobolSampler",
                parameter: name.to_string(),
                problem: format!(
                    "the sequence has {DIMENSIONS} dimensions; search fewer parameters, or at random"
                ),
            });
        }
        let round = request.number / POINTS;
        let seed = Philox::new(self.seed).block([round as u32, (round >> 32) as u32, 0, 0])[0];
        let point = (request.number % POINTS) as u32;
        let places: Vec<&str> = request.space.iter().map(|(name, _)| name).collect();
        request.fill(|name, distribution| {
            let dimension = places.iter().position(|other| *other == name).unwrap_or_default();
            Ok(distribution.at(f64::from(sobol_burley::sample(point, dimension as u32, seed))))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{History, Space};

    /// Of each power of two of points, every interval of that size has one, in every dimension.
    #[test]
    fn points_are_evenly_spread() {
        let text: String = (0..12)
            .map(|index| format!("p{index:02} = {{ type = \"float\", low = 0, high = 1 }}\n"))
            .collect();
        let space = Space::parse(&text).unwrap();
        let (history, fixed) = (History::default(), Params::new());
        for seed in 0..4 {
            let sampler = SobolSampler::new(seed);
            let mut counts = vec![[0_u32; 64]; space.len()];
            for number in 0..64 {
                let request =
                    Request { space: &space, directions: &[], history: &history, number, fixed: &fixed };
                for (dimension, value) in sampler.sample(&request).unwrap().values().enumerate() {
                    counts[dimension][(value.as_f64().unwrap() * 64.0) as usize] += 1;
                }
            }
            assert!(counts.iter().flatten().all(|count| *count == 1), "seed {seed}: {counts:?}");
        }
    }
}
