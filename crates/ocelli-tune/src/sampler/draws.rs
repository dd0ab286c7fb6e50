//! Random numbers in double precision, named by what they are for.

use ocelli_kernels::random::{Stream, hash};

/// The random numbers of one use: a pure function of its name.
pub(super) struct Draws(Stream);

impl Draws {
    /// For one parameter of one trial.
    pub(super) fn new(seed: u64, sampler: &str, number: u64, parameter: &str) -> Self {
        Draws(Stream::new(seed, hash(sampler), number, hash(parameter)))
    }

    /// Uniform in [0, 1), a multiple of 2⁻⁵³.
    pub(super) fn unit(&mut self) -> f64 {
        (self.0.next_u64() >> 11) as f64 * (-53_f64).exp2()
    }

    /// A whole number uniform in 0..n, for n of at least 1.
    pub(super) fn below(&mut self, n: usize) -> usize {
        ((self.unit() * n as f64) as usize).min(n - 1)
    }
}
