//! Dropout's masks (Srivastava et al., 2014).

use crate::random::Stream;

/// Fills `mask` with factors: 0 with probability `p`, and `1 / (1 − p)` otherwise.
pub fn fill_mask(stream: &mut Stream, p: f32, mask: &mut [f32]) {
    // A word is below the threshold with probability p, to within 2⁻³².
    let threshold = (f64::from(p) * 4_294_967_296.0) as u64;
    let keep = if p < 1.0 { 1.0 / (1.0 - p) } else { 0.0 };
    for factor in mask {
        *factor = if u64::from(stream.next_u32()) < threshold { 0.0 } else { keep };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masks_keep_the_mean() {
        for p in [0.0, 0.2, 0.5, 1.0] {
            let mut mask = vec![0.0; 100_000];
            fill_mask(&mut Stream::new(1, 2, 3, 4), p, &mut mask);
            let zeros = mask.iter().filter(|&&m| m == 0.0).count() as f32 / 1e5;
            // Five standard errors.
            assert!((zeros - p).abs() <= 5.0 * (p * (1.0 - p) / 1e5).sqrt(), "{zeros} for {p}");
            assert!(mask.iter().all(|&m| m == 0.0 || (m - 1.0 / (1.0 - p)).abs() < 1e-6));
        }
    }
}
