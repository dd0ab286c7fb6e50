//! The focal loss.

use super::{shape, weight_of};
use ocelli_data::Mixing;
use ocelli_kernels::softmax::softmax_with_logarithm;

/// The focal loss: −(1 − p)^γ ln p of the right class's softmax probability p. It is Lin et al., "Focal Loss for Dense Object
/// Detection" (2017), equation 4, with the softmax over all classes in place of the sigmoid of two; what torchvision calls
/// `sigmoid_focal_loss` is the sigmoid's. With γ = 0 it is [`CrossEntropy`](super::CrossEntropy).
#[derive(Clone, Debug, PartialEq)]
pub struct Focal {
    /// γ, at least 0: how little is made of images that are right already (default 2).
    pub gamma: f64,
    /// What an image of each class counts, relative to others: the paper's α (default: all the same). The mean is over the
    /// images' weights.
    pub weight: Option<Vec<f32>>,
}

impl Default for Focal {
    fn default() -> Self {
        Focal { gamma: 2.0, weight: None }
    }
}

impl Focal {
    /// The mean loss of a batch. Writes its gradient with respect to the logits into `gradient`. Where all of a batch's images
    /// weigh nothing, both are 0.
    ///
    /// `logits` and `gradient` are images × classes; `labels` has one class for each image.
    ///
    /// # Panics
    /// If the lengths do not fit, or a label is no class.
    pub fn forward(&self, logits: &[f32], labels: &[u32], gradient: &mut [f32]) -> f64 {
        shape(logits, labels, self.weight.as_ref(), gradient);
        let total = labels.iter().map(|label| weight_of(self.weight.as_ref(), *label)).sum();
        self.summed(
            logits,
            |image| [(labels[image], 1.0), (labels[image], 0.0)],
            labels.len(),
            total,
            gradient,
        )
    }

    /// The same of images that were mixed: `share` of the loss with each image's own label and the rest with its partner's. The
    /// mean is over images, not over their weights.
    ///
    /// # Panics
    /// As [`Focal::forward`], and if there is not one partner for each label.
    pub fn forward_mixed(
        &self,
        logits: &[f32],
        labels: &[u32],
        mixing: &Mixing,
        gradient: &mut [f32],
    ) -> f64 {
        let (images, _) = shape(logits, labels, self.weight.as_ref(), gradient);
        assert_eq!(labels.len(), mixing.partners.len(), "partners of {} labels", labels.len());
        let own = f64::from(mixing.share);
        let truth = |image: usize| [(labels[image], own), (mixing.partners[image], 1.0 - own)];
        self.summed(logits, truth, images, images as f64, gradient)
    }

    /// The sum over images and their labels of share × weight × loss, over `total`.
    fn summed(
        &self,
        logits: &[f32],
        truth: impl Fn(usize) -> [(u32, f64); 2],
        images: usize,
        total: f64,
        gradient: &mut [f32],
    ) -> f64 {
        if total <= 0.0 {
            gradient.fill(0.0);
            return 0.0;
        }
        let classes = logits.len() / images;
        let rows = logits.chunks_exact(classes).zip(gradient.chunks_exact_mut(classes));
        let mut loss = 0.0;
        for (image, (row, gradient)) in rows.enumerate() {
            let logarithm = softmax_with_logarithm(row, gradient);
            let mut slopes = [(0, 0.0); 2];
            for ((label, share), slope) in truth(image).into_iter().zip(&mut slopes) {
                let class = label as usize;
                let scale = share * weight_of(self.weight.as_ref(), label) / total;
                if scale > 0.0 {
                    // 1 − p as a sum: it is small where p is near 1.
                    let rest = gradient.iter().enumerate().filter(|(other, _)| *other != class);
                    let rest: f64 = rest.map(|(_, p)| f64::from(*p)).sum();
                    let (value, by_logit) = self.of(f64::from(row[class]) - logarithm, rest);
                    loss += scale * value;
                    *slope = (class, scale * by_logit);
                }
            }
            let together: f64 = slopes.iter().map(|(_, slope)| slope).sum();
            gradient.iter_mut().for_each(|p| *p = (-together * f64::from(*p)) as f32);
            slopes.iter().for_each(|(class, slope)| gradient[*class] += *slope as f32);
        }
        loss
    }

    /// The loss of a class of logarithmic probability `logarithm` whose complement is `rest`, and p × its derivative by p.
    fn of(&self, logarithm: f64, rest: f64) -> (f64, f64) {
        let gamma = self.gamma;
        let factor = rest.powf(gamma);
        // γ p (1 − p)^(γ − 1) ln p goes to 0 with 1 − p, though a part of it may not.
        let bent =
            if rest > 0.0 && gamma > 0.0 { gamma * factor / rest * logarithm * logarithm.exp() } else { 0.0 };
        (-factor * logarithm, bent - factor)
    }
}

#[cfg(test)]
mod tests {
    use super::super::CrossEntropy;
    use super::*;

    #[test]
    fn gamma_0_is_cross_entropy() {
        let logits = [0.1, -2.0, 1.0, 0.3, 0.2, 40.0];
        let weight = Some(vec![1.0, 0.5, 2.0]);
        let (mut one, mut other) = ([0.0; 6], [0.0; 6]);
        let focal = Focal { gamma: 0.0, weight: weight.clone() }.forward(&logits, &[1, 2], &mut one);
        let plain = CrossEntropy { weight, label_smoothing: 0.0 }.forward(&logits, &[1, 2], &mut other);
        assert!((focal - plain).abs() < 1e-6, "{focal} {plain}");
        assert!(one.iter().zip(other).all(|(a, b)| (a - b).abs() < 1e-6), "{one:?} {other:?}");
    }

    #[test]
    fn what_is_certain_has_no_gradient() {
        let mut gradient = [1.0; 2];
        let loss = Focal { gamma: 0.5, weight: None }.forward(&[200.0, -200.0], &[0], &mut gradient);
        assert_eq!((loss, gradient), (0.0, [0.0; 2]));
        let hopeless = Focal::default().forward(&[200.0, -200.0], &[1], &mut gradient);
        assert!((hopeless - 400.0).abs() < 1e-3 && gradient == [1.0, -1.0], "{hopeless} {gradient:?}");
    }

    #[test]
    #[should_panic(expected = "a gradient for each logit")]
    fn a_gradient_must_have_room_for_all_logits() {
        Focal::default().forward(&[0.0; 4], &[0, 1], &mut [0.0; 2]);
    }
}
