//! The gamma distribution, of which those of Beta and Dirichlet are made.

use ocelli_kernels::random::Stream;

/// A number of the gamma distribution of this shape and scale 1 (Marsaglia and Tsang, "A simple method for generating
/// gamma variables", 2000; for shapes below 1 with their correction).
pub(crate) fn gamma(shape: f64, stream: &mut Stream) -> f64 {
    if shape < 1.0 {
        return gamma(shape + 1.0, stream) * above_zero(stream).powf(1.0 / shape);
    }
    let d = shape - 1.0 / 3.0;
    let c = 1.0 / (9.0 * d).sqrt();
    loop {
        let normal = f64::from(stream.normal());
        let v = (1.0 + c * normal).powi(3);
        if v > 0.0 && above_zero(stream).ln() < 0.5 * normal * normal + d - d * v + d * v.ln() {
            // Of a tiny shape it may be too small for a number: then it is the smallest, so that sums are above 0.
            return (d * v).max(f64::MIN_POSITIVE);
        }
    }
}

/// A number of Beta(alpha, alpha): 0 to 1.
pub(crate) fn beta(alpha: f64, stream: &mut Stream) -> f64 {
    let (a, b) = (gamma(alpha, stream), gamma(alpha, stream));
    a / (a + b)
}

/// Uniform in (0, 1].
fn above_zero(stream: &mut Stream) -> f64 {
    1.0 - f64::from(stream.uniform())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_the_distributions() {
        let mut stream = Stream::new(3, 1, 0, 0);
        let n = 50_000;
        for shape in [0.2, 0.5, 1.0, 1.7, 8.0] {
            let drawn: Vec<f64> = (0..n).map(|_| gamma(shape, &mut stream)).collect();
            let mean = drawn.iter().sum::<f64>() / f64::from(n);
            let variance = drawn.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / f64::from(n);
            // Six standard errors: of the mean √(shape / n), of the variance √((μ₄ − shape²) / n), μ₄ = 3 shape² + 6 shape.
            let error = |square: f64| 6.0 * (square / f64::from(n)).sqrt();
            assert!((mean - shape).abs() < error(shape), "{shape}: mean {mean}");
            assert!(
                (variance - shape).abs() < error(2.0 * shape * shape + 6.0 * shape),
                "{shape}: {variance}"
            );
            let betas: Vec<f64> = (0..n).map(|_| beta(shape, &mut stream)).collect();
            let mean = betas.iter().sum::<f64>() / f64::from(n);
            let spread = 0.25 / (2.0 * shape + 1.0);
            assert!((mean - 0.5).abs() < error(spread), "Beta({shape}): mean {mean}");
            let variance = betas.iter().map(|x| (x - 0.5).powi(2)).sum::<f64>() / f64::from(n);
            assert!((variance - spread).abs() < 0.05 * spread, "Beta({shape}): variance {variance}");
        }
    }
}
