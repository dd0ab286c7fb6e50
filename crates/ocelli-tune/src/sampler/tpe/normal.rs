//! The normal distribution between two bounds, in logarithms, where densities would be zero.

use std::f64::consts::{LN_2, SQRT_2};

/// The logarithm of the square root of 2π.
const LOG_SQRT_TAU: f64 = 0.918_938_533_204_672_8;

/// The logarithm of the standard normal density.
pub(super) fn log_density(x: f64) -> f64 {
    -x * x / 2.0 - LOG_SQRT_TAU
}

/// The standard normal cumulative distribution function.
fn cdf(x: f64) -> f64 {
    0.5 * libm::erfc(-x / SQRT_2)
}

/// The logarithm of [`cdf`], right in the far left tail too.
fn log_cdf(x: f64) -> f64 {
    if x > 6.0 {
        return -cdf(-x);
    }
    if x > -20.0 {
        return cdf(x).ln();
    }
    // Φ(x) = φ(x)/−x · (1 − 1/x² + 3/x⁴ − 15/x⁶ …), whose terms shrink at once this far out.
    let (mut sum, mut term, square) = (1.0, 1.0, x * x);
    for index in 1..20 {
        term *= -f64::from(2 * index - 1) / square;
        sum += term;
        if term.abs() < f64::EPSILON {
            break;
        }
    }
    log_density(x) - (-x).ln() + sum.ln()
}

/// log(1 − exp(x)) for x below zero.
fn log_one_minus_exp(x: f64) -> f64 {
    if x > -LN_2 { (-x.exp_m1()).ln() } else { (-x.exp()).ln_1p() }
}

/// The logarithm of the standard normal probability between two bounds.
pub(super) fn log_mass(low: f64, high: f64) -> f64 {
    if high <= 0.0 {
        let log_high = log_cdf(high);
        log_high + log_one_minus_exp(log_cdf(low) - log_high)
    } else if low > 0.0 {
        // The left tail is where logarithms are right.
        log_mass(-high, -low)
    } else {
        (-cdf(low) - cdf(-high)).ln_1p()
    }
}

/// The point of the standard normal distribution between two bounds that has a share of `share`, 0 to 1, below it.
pub(super) fn quantile(share: f64, low: f64, high: f64) -> f64 {
    if low >= 0.0 && high > low {
        return -quantile(1.0 - share, -high, -low);
    }
    let (log_low, log_share) = (log_cdf(low), share.ln() + log_mass(low, high));
    let (greater, smaller) = if log_low > log_share { (log_low, log_share) } else { (log_share, log_low) };
    let log_sum =
        if smaller == f64::NEG_INFINITY { greater } else { greater + (smaller - greater).exp().ln_1p() };
    let point = inverse_log_cdf(log_sum.min(0.0));
    // Not a number where there is no mass at all: the middle is as good as any.
    if point.is_nan() { 0.5 * (low + high) } else { point.clamp(low, high) }
}

/// Where [`log_cdf`] has a value of 0 or less: Newton's method, from an approximation.
fn inverse_log_cdf(value: f64) -> f64 {
    // Near 1, the share above is what has digits.
    let flip = value > -1e-2;
    let target = if flip { log_one_minus_exp(value) } else { value };
    let mut x = if target < -5.0 {
        -(-2.0 * (target + LOG_SQRT_TAU)).sqrt()
    } else {
        -3_f64.sqrt() / std::f64::consts::PI * (-target).exp_m1().ln()
    };
    for _ in 0..100 {
        let log_cdf = log_cdf(x);
        let step = (log_cdf - target) * (log_cdf - log_density(x)).exp();
        x -= step;
        if step.abs() < 1e-9 * x.abs() {
            break;
        }
    }
    if flip { -x } else { x }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From SciPy 1.17: `norm.logcdf`.
    #[test]
    fn tails_are_right() {
        for (x, expected) in [
            (-40.0, -804.608_442_013_753_8),
            (-20.0, -203.917_155_370_973_66),
            (-5.0, -15.064_998_393_988_726),
            (0.0, -LN_2),
            (3.0, -0.001_350_809_964_748_202_2),
            (8.0, -6.220_960_574_271_786e-16),
        ] {
            let found = log_cdf(x);
            assert!((found - expected).abs() <= 1e-12 * f64::abs(expected), "{x}: {found}, {expected}");
        }
    }

    #[test]
    fn quantiles_are_where_the_mass_says() {
        for (low, high) in [
            (-1.0, 2.0),
            (-30.0, -28.0),
            (5.0, 5.5),
            (0.0, 1e-3),
            (-1e-9, 1e-9),
            (20.0, 400.0),
            (-400.0, 3.0),
        ] {
            for share in [1e-12, 0.01, 0.3, 0.5, 0.9, 1.0 - 1e-9] {
                let point = quantile(share, low, high);
                assert!((low..=high).contains(&point), "{low} {high} {share}: {point}");
                let found = (log_mass(low, point) - log_mass(low, high)).exp();
                assert!((found - share).abs() < 1e-7, "{low} {high} {share}: {found}");
            }
        }
    }
}
