//! The area under the ROC curve of one class.

use super::ranked;

/// The area under the ROC curve: how likely an image of the class has a higher score than one that is none, ties counting
/// half. `None` where there are not images of both kinds, of which scikit-learn's `roc_auc_score` warns.
///
/// `scored` has each image's score, and whether it is an image of the class.
pub fn roc_auc(scored: Vec<(f32, bool)>) -> Option<f64> {
    let positives = scored.iter().filter(|(_, positive)| *positive).count() as f64;
    let negatives = scored.len() as f64 - positives;
    if positives == 0.0 || negatives == 0.0 {
        return None;
    }
    let scored = ranked(scored);
    let (mut above, mut area) = (0.0, 0.0);
    for tied in scored.chunk_by(|a, b| a.0 == b.0) {
        let own = tied.iter().filter(|(_, positive)| *positive).count() as f64;
        let others = tied.len() as f64 - own;
        area += others * (above + own / 2.0);
        above += own;
    }
    Some(area / (positives * negatives))
}

#[cfg(test)]
mod tests {
    use super::roc_auc;

    #[test]
    fn ranks_and_ties() {
        // sklearn's own example: y = [0, 0, 1, 1], scores [0.1, 0.4, 0.35, 0.8].
        let found = roc_auc(vec![(0.1, false), (0.4, false), (0.35, true), (0.8, true)]);
        assert_eq!(found, Some(0.75));
        assert_eq!(roc_auc(vec![(0.5, false), (0.5, true), (0.5, true)]), Some(0.5));
        assert_eq!(roc_auc(vec![(0.5, true)]), None);
        assert_eq!(roc_auc(vec![(0.5, false), (0.7, false)]), None);
        assert_eq!(roc_auc(Vec::new()), None);
    }
}
