//! How many answers were right.

use crate::metrics::argmax;
use ocelli_data::{Batch, Mixing};

/// How many images of a batch are answered rightly by logits (images × classes).
pub(crate) fn right(logits: &[f32], batch: &Batch) -> f64 {
    match batch.targets() {
        Some(targets) => all_right(logits, targets, targets.len() / batch.len()),
        None => at_labels(logits, batch.labels(), batch.mixing()),
    }
}

/// How many rows of `logits` are at least 0 just where the image has the class; mixed images have it from a half on.
pub(crate) fn all_right(logits: &[f32], targets: &[f32], classes: usize) -> f64 {
    let rows = logits.chunks_exact(classes).zip(targets.chunks_exact(classes));
    let right = |(logits, targets): &(&[f32], &[f32])| {
        logits.iter().zip(*targets).all(|(logit, target)| (*logit >= 0.0) == (*target >= 0.5))
    };
    rows.filter(right).count() as f64
}

/// How many rows of `logits` (images × classes) have their largest value at their label; of mixed images, how much of their
/// labels lies there.
fn at_labels(logits: &[f32], labels: &[u32], mixing: Option<&Mixing>) -> f64 {
    let classes = (logits.len() / labels.len().max(1)).max(1);
    let (partners, share) =
        mixing.map_or((labels, 1.0), |mixing| (&mixing.partners[..], f64::from(mixing.share)));
    let (mut at_own, mut at_partners) = (0_u64, 0_u64);
    let answers = logits.chunks_exact(classes).map(argmax);
    for (answer, (label, partner)) in answers.zip(labels.iter().zip(partners)) {
        at_own += u64::from(answer == *label as usize);
        at_partners += u64::from(answer == *partner as usize);
    }
    share * at_own as f64 + (1.0 - share) * at_partners as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_right_answers() {
        assert_eq!(at_labels(&[1.0, 2.0, 3.0, 0.0], &[1, 0], None), 2.0);
        assert_eq!(at_labels(&[1.0, 2.0, 3.0, 0.0], &[0, 0], None), 1.0);
        let mixing = Mixing { partners: vec![1, 1], share: 0.75 };
        assert_eq!(at_labels(&[1.0, 2.0, 3.0, 0.0], &[0, 0], Some(&mixing)), 0.75 + 0.25);
    }

    #[test]
    fn of_several_labels_all_must_be_right() {
        let logits = [1.0, -1.0, 2.0, 1.0, -1.0, -2.0];
        assert_eq!(all_right(&logits, &[1.0, 0.0, 1.0, 1.0, 0.0, 0.0], 3), 2.0);
        assert_eq!(all_right(&logits, &[1.0, 0.25, 1.0, 1.0, 0.75, 0.0], 3), 1.0);
    }
}
