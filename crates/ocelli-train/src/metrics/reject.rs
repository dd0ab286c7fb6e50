//! Answers that are given only where they are sure enough: coverage and accuracy.

use super::{Predictions, share};
use serde::Serialize;

/// What is answered at a threshold, and how well.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Covered {
    /// The probability that the likeliest class needs for an answer.
    pub threshold: f32,
    /// Images that are answered.
    pub images: u64,
    /// Their share of all, 0 to 1; 0 without images.
    pub coverage: f64,
    /// The share of right answers among them; `None` where none is answered.
    pub accuracy: Option<f64>,
}

/// What is answered where the likeliest class must have a probability of at least `threshold`.
pub fn covered(predictions: &Predictions, threshold: f32) -> Covered {
    let sure = (0..predictions.len()).filter(|image| predictions.confidence(*image) >= threshold);
    let (images, right) = sure
        .fold((0, 0), |(images, right), image| (images + 1, right + u64::from(predictions.is_right(image))));
    point(threshold, images, right, predictions.len())
}

/// From all images to a twentieth of them, by steps of a twentieth: the highest threshold that covers as many, with what it
/// covers, which is more where several images have its very probability.
pub fn coverage_curve(predictions: &Predictions) -> Vec<Covered> {
    let mut sure: Vec<(f32, bool)> = (0..predictions.len())
        .map(|image| (predictions.confidence(image), predictions.is_right(image)))
        .collect();
    sure.sort_unstable_by(|a, b| b.0.total_cmp(&a.0));
    let right: Vec<u64> = sure
        .iter()
        .scan(0, |right, (_, is_right)| {
            *right += u64::from(*is_right);
            Some(*right)
        })
        .collect();
    let step = |twentieths: usize| {
        let threshold = sure.get((sure.len() * twentieths).div_ceil(20).checked_sub(1)?)?.0;
        let images = sure.partition_point(|(confidence, _)| *confidence >= threshold);
        let right = right.get(images.checked_sub(1)?)?;
        Some(point(threshold, images as u64, *right, sure.len()))
    };
    let mut curve: Vec<Covered> = (1..=20).rev().filter_map(step).collect();
    curve.dedup();
    curve
}

fn point(threshold: f32, images: u64, right: u64, all: usize) -> Covered {
    Covered {
        threshold,
        images,
        coverage: share(images as f64, all as f64),
        accuracy: (images > 0).then(|| right as f64 / images as f64),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn predictions() -> Predictions {
        let mut predictions = Predictions::new(2, 4);
        for (label, confidence) in [(0, 0.9), (0, 0.8), (1, 0.8), (1, 0.6)] {
            predictions.push(0, label, &[confidence, 1.0 - confidence]);
        }
        predictions
    }

    #[test]
    fn what_is_sure_enough_is_covered() {
        let found = covered(&predictions(), 0.8);
        assert_eq!((found.images, found.coverage, found.accuracy), (3, 0.75, Some(2.0 / 3.0)));
        assert_eq!(covered(&predictions(), 0.95).accuracy, None);
        assert_eq!(covered(&Predictions::new(2, 0), 0.5).coverage, 0.0);
    }

    #[test]
    fn the_curve_goes_from_all_to_the_surest() {
        let curve = coverage_curve(&predictions());
        let points: Vec<(f32, u64)> = curve.iter().map(|point| (point.threshold, point.images)).collect();
        assert_eq!(points, [(0.6, 4), (0.8, 3), (0.9, 1)]);
        assert_eq!(curve[0].accuracy, Some(0.5));
        assert!(curve.iter().all(|point| covered(&predictions(), point.threshold) == *point));
        assert!(coverage_curve(&Predictions::new(2, 0)).is_empty());
    }
}
