//! The focal loss of images that may have several labels.

/// The focal loss of each class by itself: α (1 − p)^γ × −ln p where an image has the class, (1 − α) p^γ × −ln(1 − p) where it has
/// not, p being the sigmoid of the logit; averaged over images and classes. It is Lin et al., "Focal Loss for Dense Object Detection"
/// (2017), equation 5, as torchvision's `sigmoid_focal_loss(alpha, gamma, reduction="mean")` has it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SigmoidFocal {
    /// γ, at least 0: how little is made of what is right already (default 2).
    pub gamma: f64,
    /// α, 0 to 1: what having a class counts, beside 1 − α for not having it; −1 for 1 both (default 0.25).
    pub alpha: f64,
}

impl Default for SigmoidFocal {
    fn default() -> Self {
        SigmoidFocal { gamma: 2.0, alpha: 0.25 }
    }
}

impl SigmoidFocal {
    /// The mean loss of a batch. Writes its gradient with respect to the logits into `gradient`.
    ///
    /// `logits`, `targets` (0 to 1: how much of each class an image has) and `gradient` are images × classes.
    ///
    /// # Panics
    /// If the lengths do not fit.
    pub fn forward(&self, logits: &[f32], targets: &[f32], gradient: &mut [f32]) -> f64 {
        assert!(!logits.is_empty() && logits.len() == targets.len(), "a target for each logit");
        assert_eq!(gradient.len(), logits.len(), "a gradient for each logit");
        let count = logits.len() as f64;
        let mut loss = 0.0;
        for ((x, t), gradient) in logits.iter().zip(targets).zip(gradient.iter_mut()) {
            let (value, slope) = self.of(f64::from(*x), f64::from(*t));
            loss += value;
            *gradient = (slope / count) as f32;
        }
        loss / count
    }

    /// The loss of a logit, and its derivative.
    fn of(&self, x: f64, t: f64) -> (f64, f64) {
        // ln(1 + exp(−|x|)) and 1 / (1 + exp(−|x|)), which nothing makes overflow; p and 1 − p are exact where they are small.
        let power = (-x.abs()).exp();
        let (soft, sure, unsure) = (power.ln_1p(), 1.0 / (1.0 + power), power / (1.0 + power));
        let (p, not_p) = if x >= 0.0 { (sure, unsure) } else { (unsure, sure) };
        let entropy = t * (soft + (-x).max(0.0)) + (1.0 - t) * (soft + x.max(0.0));
        // How wrong it is, and how much more so with x.
        let wrong = t * not_p + (1.0 - t) * p;
        let more_wrong = (1.0 - 2.0 * t) * p * not_p;
        let weight = if self.alpha < 0.0 { 1.0 } else { self.alpha * t + (1.0 - self.alpha) * (1.0 - t) };
        let factor = weight * wrong.powf(self.gamma);
        // Where nothing is wrong the first term goes to 0, though a part of it may not.
        let bent = if wrong > 0.0 { self.gamma * factor / wrong * more_wrong * entropy } else { 0.0 };
        (factor * entropy, bent + factor * (p - t))
    }
}

#[cfg(test)]
mod tests {
    use super::super::BinaryCrossEntropy;
    use super::*;

    #[test]
    fn gamma_0_without_alpha_is_binary_cross_entropy() {
        let (logits, targets) = ([0.3, -2.0, 50.0, -50.0], [1.0, 0.25, 0.0, 0.0]);
        let (mut one, mut other) = ([0.0; 4], [0.0; 4]);
        let focal = SigmoidFocal { gamma: 0.0, alpha: -1.0 }.forward(&logits, &targets, &mut one);
        let plain = BinaryCrossEntropy::default().forward(&logits, &targets, &mut other);
        assert!((focal - plain).abs() < 1e-9, "{focal} {plain}");
        assert!(one.iter().zip(other).all(|(a, b)| (a - b).abs() < 1e-6), "{one:?} {other:?}");
    }

    #[test]
    fn what_is_certain_has_no_gradient_and_what_is_hopeless_a_finite_one() {
        let mut gradient = [1.0; 2];
        let half = SigmoidFocal { gamma: 0.5, alpha: 0.25 };
        let loss = half.forward(&[2000.0, -2000.0], &[1.0, 0.0], &mut gradient);
        assert_eq!((loss, gradient), (0.0, [0.0; 2]));
        let loss = half.forward(&[-2000.0, 2000.0], &[1.0, 0.0], &mut gradient);
        assert_eq!((loss, gradient), (1000.0, [-0.125, 0.375]));
    }

    #[test]
    #[should_panic(expected = "a gradient for each logit")]
    fn a_gradient_must_have_room_for_all_logits() {
        SigmoidFocal::default().forward(&[0.0; 2], &[1.0; 2], &mut [0.0]);
    }
}
