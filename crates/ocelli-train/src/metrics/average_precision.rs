//! Average precision: the area under the precision-recall curve of one class, by steps.

use super::ranked;

/// Σ (recallₙ − recallₙ₋₁) × precisionₙ over the thresholds from the highest down, images of one score together: scikit-learn's
/// `average_precision_score`. `None` where there is no image of the class, of which that warns and answers 0.
///
/// `scored` has each image's score, and whether it is an image of the class.
pub fn average_precision(scored: Vec<(f32, bool)>) -> Option<f64> {
    let positives = scored.iter().filter(|(_, positive)| *positive).count() as f64;
    if positives == 0.0 {
        return None;
    }
    let scored = ranked(scored);
    let (mut taken, mut right, mut area) = (0.0, 0.0, 0.0);
    for tied in scored.chunk_by(|a, b| a.0 == b.0) {
        let own = tied.iter().filter(|(_, positive)| *positive).count() as f64;
        taken += tied.len() as f64;
        right += own;
        area += own / positives * (right / taken);
    }
    Some(area)
}

#[cfg(test)]
mod tests {
    use super::average_precision;

    #[test]
    fn steps_and_ties() {
        // sklearn's own example: y = [0, 0, 1, 1], scores [0.1, 0.4, 0.35, 0.8].
        let found = average_precision(vec![(0.1, false), (0.4, false), (0.35, true), (0.8, true)]);
        assert!((found.unwrap() - 0.833_333_333).abs() < 1e-9, "{found:?}");
        assert_eq!(average_precision(vec![(0.5, false), (0.5, true)]), Some(0.5));
        assert_eq!(average_precision(vec![(0.5, true)]), Some(1.0));
        assert_eq!(average_precision(vec![(0.5, false)]), None);
    }
}
