//! The logarithm of the expected improvement.

use std::f64::consts::{FRAC_1_SQRT_2, PI};

/// Below this, the expected improvement is a difference of nearly equal numbers, and is summed as a series instead.
const TAIL: f64 = -15.0;
/// Terms of that series; at [`TAIL`] the next would be 10⁻¹⁹.
const TERMS: i32 = 14;

/// log E[max(0, z − x)] for a standard normal x, and its derivative, Φ(z) over the expectation (Ament et al., "Unexpected improvements to
/// expected improvement for Bayesian optimization", 2023).
///
/// Neither underflows, however small the expectation is. Relative error below 10⁻¹² for the logarithm, 10⁻¹¹ for the derivative.
pub(super) fn log_expected_improvement(z: f64) -> (f64, f64) {
    let log_density = -0.5 * (z * z + (2.0 * PI).ln());
    if z < TAIL {
        let (mills, improvement) = tail(z);
        return (log_density - 2.0 * (-z).ln() + improvement.ln(), -z * mills / improvement);
    }
    let density = log_density.exp();
    let below = 0.5 * libm::erfc(-z * FRAC_1_SQRT_2);
    let improvement = density + z * below;
    (improvement.ln(), below / improvement)
}

/// −z·Φ(z)/φ(z) and z²·(φ(z) + z·Φ(z))/φ(z): the asymptotic series 1 − 1/z² + 3/z⁴ − … and 1 − 3/z² + 15/z⁴ − …, the second made of the
/// terms of the first, so that no digits are lost.
fn tail(z: f64) -> (f64, f64) {
    let (mut mills, mut improvement, mut term) = (0.0, 0.0, 1.0);
    for k in 0..TERMS {
        let factor = f64::from(2 * k + 1);
        mills += term;
        improvement += term * factor;
        term *= -factor / (z * z);
    }
    (mills, improvement)
}
