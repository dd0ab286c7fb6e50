//! Thresholds that suit each class.

use super::super::ranked;
use super::{EVEN, MultiLabelPredictions, scored};

/// For each class the threshold at which its F1 is highest, in the middle between two probabilities that occur; the highest of
/// equally good ones. A class that no image has keeps 0.5.
pub fn fit_thresholds(predictions: &MultiLabelPredictions) -> Vec<f32> {
    (0..predictions.classes()).map(|class| fit(scored(predictions, class))).collect()
}

fn fit(scored: Vec<(f32, bool)>) -> f32 {
    let scored = ranked(scored);
    let positives = scored.iter().filter(|(_, positive)| *positive).count() as f64;
    let (mut right, mut taken) = (0.0, 0.0);
    let (mut best, mut threshold) = (0.0, EVEN);
    let mut groups = scored.chunk_by(|a, b| a.0 == b.0).peekable();
    while let Some(tied) = groups.next() {
        taken += tied.len() as f64;
        right += tied.iter().filter(|(_, positive)| *positive).count() as f64;
        let f1 = 2.0 * right / (positives + taken);
        if f1 > best {
            let below = groups.peek().map_or(0.0, |next| next[0].0);
            let middle = f32::midpoint(tied[0].0, below);
            // Between neighbours there is no middle.
            (best, threshold) = (f1, if middle > below { middle } else { tied[0].0 });
        }
    }
    threshold
}

#[cfg(test)]
mod tests {
    use super::fit;

    #[test]
    fn thresholds_lie_where_f1_is_highest() {
        assert_eq!(fit(vec![(0.9, true), (0.3, true), (0.1, false)]), f32::midpoint(0.3, 0.1));
        assert_eq!(fit(vec![(0.9, false), (0.3, true)]), 0.15);
        assert_eq!(fit(vec![(0.9, false)]), 0.5);
        let (low, high) = (0.5_f32, 0.5_f32.next_up());
        assert_eq!(fit(vec![(high, true), (low, false)]), high);
    }
}
