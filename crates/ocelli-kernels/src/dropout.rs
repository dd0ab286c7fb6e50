//! Dropout's masks (Srivastava et al., 2014), and what Alpha Dropout does with them.

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

/// Alpha Dropout (Klambauer et al., 2017, arXiv:1706.02515): what is dropped takes the value that SELU goes to far below
/// zero, and an affine map keeps mean 0 and variance 1.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct AlphaDropout {
    /// What stays is multiplied with this.
    scale: f32,
    /// Added to what stays.
    stays: f32,
    /// Added to what is dropped.
    dropped: f32,
}

impl AlphaDropout {
    /// That drops with probability `p`, below 1.
    #[must_use]
    pub fn new(p: f32) -> Self {
        // SELU's scale times its alpha.
        const ALPHA: f64 = 1.758_099_340_847_376_6;
        let p = f64::from(p);
        let scale = 1.0 / ((ALPHA * ALPHA * p + 1.0) * (1.0 - p)).sqrt();
        let stays = ALPHA * scale * p;
        Self { scale: scale as f32, stays: stays as f32, dropped: (stays - ALPHA * scale) as f32 }
    }

    /// `y` is `x` where a [mask](fill_mask) is zero dropped, scaled and shifted.
    ///
    /// # Panics
    /// If the slices differ in length.
    pub fn forward(&self, mask: &[f32], x: &[f32], y: &mut [f32]) {
        assert!(mask.len() == x.len() && x.len() == y.len());
        for ((y, x), mask) in y.iter_mut().zip(x).zip(mask) {
            // As in PyTorch, what is dropped is multiplied with zero.
            *y = if *mask == 0.0 { x * 0.0 + self.dropped } else { x * self.scale + self.stays };
        }
    }

    /// `dx` is the gradient of `x` from `dy`, that of the output, or is added to it if `add`.
    ///
    /// # Panics
    /// If the slices differ in length.
    pub fn backward(&self, mask: &[f32], dy: &[f32], dx: &mut [f32], add: bool) {
        assert!(mask.len() == dy.len() && dy.len() == dx.len());
        for ((dx, dy), mask) in dx.iter_mut().zip(dy).zip(mask) {
            let gradient = dy * if *mask == 0.0 { 0.0 } else { self.scale };
            *dx = if add { *dx + gradient } else { gradient };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alpha_dropout_keeps_mean_and_variance() {
        for p in [0.0, 0.1, 0.5, 0.9] {
            let (mut mask, mut stream) = (vec![0.0; 100_000], Stream::new(5, 6, 7, 8));
            fill_mask(&mut stream, p, &mut mask);
            let x: Vec<f32> = mask.iter().map(|_| stream.normal()).collect();
            let mut y = vec![0.0; x.len()];
            AlphaDropout::new(p).forward(&mask, &x, &mut y);
            let mean = y.iter().map(|&v| f64::from(v)).sum::<f64>() / 1e5;
            let variance = y.iter().map(|&v| (f64::from(v) - mean).powi(2)).sum::<f64>() / 1e5;
            assert!(mean.abs() < 0.02 && (variance - 1.0).abs() < 0.04, "{mean} and {variance} for {p}");
        }
    }

    #[test]
    fn alpha_dropouts_values_are_pytorchs() {
        // torch.nn.functional.alpha_dropout(torch.ones(…), 0.3, True) has these two.
        let mut y = [0.0; 2];
        let alpha = AlphaDropout::new(0.3);
        alpha.forward(&[1.0, 0.0], &[1.0, 1.0], &mut y);
        assert!((y[0] - 1.315_044_7).abs() < 1e-6 && (y[1] + 1.059_548_1).abs() < 1e-6, "{y:?}");
        let mut dx = [1.0; 2];
        alpha.backward(&[1.0, 0.0], &[2.0, 2.0], &mut dx, true);
        assert!((dx[0] - 1.0 - 2.0 * 0.860_952_6).abs() < 1e-6 && dx[1] == 1.0, "{dx:?}");
    }

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
