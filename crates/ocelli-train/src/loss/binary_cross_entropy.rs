//! Binary cross-entropy, for images that may have several labels.

/// Binary cross-entropy over logits, averaged over images and classes: PyTorch's `BCEWithLogitsLoss(pos_weight)`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct BinaryCrossEntropy {
    /// What an image that has a class counts, beside one that has it not, for each class (default: the same).
    pub pos_weight: Option<Vec<f32>>,
}

impl BinaryCrossEntropy {
    /// The mean loss of a batch. Writes its gradient with respect to the logits into `gradient`.
    ///
    /// `logits`, `targets` (0 to 1: how much of each class an image has) and `gradient` are images × classes.
    ///
    /// # Panics
    /// If the lengths do not fit.
    pub fn forward(&self, logits: &[f32], targets: &[f32], gradient: &mut [f32]) -> f64 {
        assert!(!logits.is_empty() && logits.len() == targets.len(), "a target for each logit");
        assert_eq!(gradient.len(), logits.len(), "a gradient for each logit");
        let one = [1.0];
        let weights = self.pos_weight.as_deref().unwrap_or(&one);
        assert!(logits.len().is_multiple_of(weights.len()), "a weight for each class");
        let count = logits.len() as f64;
        let mut loss = 0.0;
        let pairs = logits.iter().zip(targets).zip(weights.iter().cycle());
        for (((x, t), weight), gradient) in pairs.zip(gradient.iter_mut()) {
            let [x, t, weight] = [*x, *t, *weight].map(f64::from);
            let (has, has_not) = (weight * t, 1.0 - t);
            // ln(1 + exp(−|x|)) and 1 / (1 + exp(−|x|)), which nothing makes overflow.
            let power = (-x.abs()).exp();
            let (soft, sure) = (power.ln_1p(), 1.0 / (1.0 + power));
            loss += has * (soft + (-x).max(0.0)) + has_not * (soft + x.max(0.0));
            let p = if x >= 0.0 { sure } else { 1.0 - sure };
            *gradient = ((has_not * p - has * (1.0 - p)) / count) as f32;
        }
        loss / count
    }
}

#[cfg(test)]
mod tests {
    use super::BinaryCrossEntropy;

    #[test]
    fn of_even_odds_it_is_ln_2() {
        let mut gradient = [0.0; 2];
        let loss = BinaryCrossEntropy::default().forward(&[0.0, 0.0], &[1.0, 0.0], &mut gradient);
        assert_eq!((loss, gradient), (std::f64::consts::LN_2, [-0.25, 0.25]));
        let weighted = BinaryCrossEntropy { pos_weight: Some(vec![3.0, 9.0]) };
        let loss = weighted.forward(&[0.0, 0.0], &[1.0, 0.0], &mut gradient);
        assert_eq!((loss, gradient), (2.0 * std::f64::consts::LN_2, [-0.75, 0.25]));
    }

    #[test]
    #[should_panic(expected = "a gradient for each logit")]
    fn a_gradient_must_have_room_for_all_logits() {
        BinaryCrossEntropy::default().forward(&[0.0; 2], &[1.0; 2], &mut [0.0]);
    }
}
