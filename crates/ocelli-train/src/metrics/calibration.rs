//! Whether probabilities are what they say: the expected calibration error and the reliability diagram's bins.

use super::{Predictions, share};
use serde::Serialize;

/// Images whose likeliest class has a probability above `from` and up to `to`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Bin {
    /// Where the bin begins (the first has 0 too).
    pub from: f64,
    /// Where it ends.
    pub to: f64,
    /// Images in it.
    pub images: u64,
    /// Their mean probability; 0 without images.
    pub confidence: f64,
    /// The share of them that is right; 0 without images.
    pub accuracy: f64,
}

/// How far probabilities are from the shares of right answers.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Calibration {
    /// The expected calibration error: the mean of |confidence − accuracy| over bins, by their images.
    pub error: f64,
    /// The largest |confidence − accuracy| of a bin.
    pub max_error: f64,
    /// Bins of equal width.
    pub bins: Vec<Bin>,
}

/// The calibration of the likeliest class's probability over `bins` bins of equal width, at least one: Guo et al., "On
/// Calibration of Modern Neural Networks" (2017); the bins are those of scikit-learn's `calibration_curve`.
pub fn calibration(predictions: &Predictions, bins: usize) -> Calibration {
    let bins = bins.max(1);
    let edge = |number: usize| if number == bins { 1.0 } else { number as f64 * (1.0 / bins as f64) };
    let inner: Vec<f64> = (1..bins).map(edge).collect();
    let mut sums = vec![(0_u64, 0.0, 0.0); bins];
    for image in 0..predictions.len() {
        let confidence = f64::from(predictions.confidence(image));
        let sum = &mut sums[inner.partition_point(|edge| *edge < confidence)];
        sum.0 += 1;
        sum.1 += confidence;
        sum.2 += if predictions.is_right(image) { 1.0 } else { 0.0 };
    }
    let bin = |(number, (images, confidence, right)): (usize, (u64, f64, f64))| Bin {
        from: edge(number),
        to: edge(number + 1),
        images,
        confidence: share(confidence, images as f64),
        accuracy: share(right, images as f64),
    };
    let bins: Vec<Bin> = sums.into_iter().enumerate().map(bin).collect();
    let gap = |bin: &Bin| (bin.confidence - bin.accuracy).abs();
    let total: f64 = bins.iter().map(|bin| bin.images as f64 * gap(bin)).sum();
    Calibration {
        error: share(total, predictions.len() as f64),
        max_error: bins.iter().map(gap).fold(0.0, f64::max),
        bins,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edges_belong_to_the_bin_below() {
        let mut predictions = Predictions::new(2, 3);
        predictions.push(0, 0, &[0.5, 0.5]);
        predictions.push(1, 1, &[0.0, 1.0]);
        predictions.push(2, 0, &[0.25, 0.75]);
        let found = calibration(&predictions, 4);
        let images: Vec<u64> = found.bins.iter().map(|bin| bin.images).collect();
        assert_eq!(images, [0, 1, 1, 1]);
        assert!((found.error - (0.5 + 0.75) / 3.0).abs() < 1e-12 && found.max_error == 0.75, "{found:?}");
        assert_eq!(calibration(&Predictions::new(2, 0), 0).error, 0.0);
    }
}
