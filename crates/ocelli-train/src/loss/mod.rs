//! What training makes small: losses over logits, with their gradients. Names and arithmetic are PyTorch's.

mod binary_cross_entropy;
mod cross_entropy;
mod focal;
mod right;
mod sigmoid_focal;

pub use binary_cross_entropy::BinaryCrossEntropy;
pub use cross_entropy::CrossEntropy;
pub use focal::Focal;
pub use sigmoid_focal::SigmoidFocal;

pub(crate) use right::{all_right, right};

use ocelli_data::Batch;

/// A loss of a batch.
#[derive(Clone, Debug, PartialEq)]
pub enum Loss {
    /// Cross-entropy.
    CrossEntropy(CrossEntropy),
    /// Cross-entropy that makes little of what is right already.
    Focal(Focal),
    /// Binary cross-entropy, for images that may have several labels.
    BinaryCrossEntropy(BinaryCrossEntropy),
    /// The focal loss of images that may have several labels.
    SigmoidFocal(SigmoidFocal),
}

impl Default for Loss {
    fn default() -> Self {
        Loss::CrossEntropy(CrossEntropy::default())
    }
}

impl Loss {
    /// The mean loss of a batch whose logits (images × classes) these are. Writes its gradient with respect to the logits into
    /// `gradient`.
    ///
    /// # Panics
    /// If the lengths do not fit, a label is no class, or a loss of several labels an image is to be had of images that have one each.
    pub fn forward(&self, logits: &[f32], batch: &Batch, gradient: &mut [f32]) -> f64 {
        let (labels, mixing) = (batch.labels(), batch.mixing());
        match (self, mixing) {
            (Loss::CrossEntropy(loss), None) => loss.forward(logits, labels, gradient),
            (Loss::CrossEntropy(loss), Some(mixing)) => loss.forward_mixed(logits, labels, mixing, gradient),
            (Loss::Focal(loss), None) => loss.forward(logits, labels, gradient),
            (Loss::Focal(loss), Some(mixing)) => loss.forward_mixed(logits, labels, mixing, gradient),
            (Loss::BinaryCrossEntropy(loss), _) => loss.forward(logits, targets(batch), gradient),
            (Loss::SigmoidFocal(loss), _) => loss.forward(logits, targets(batch), gradient),
        }
    }

    /// What the loss of a batch is divided by: its images, or what they weigh.
    pub(crate) fn divisor(&self, batch: &Batch) -> f64 {
        let weight = match self {
            Loss::CrossEntropy(loss) => loss.weight.as_ref(),
            Loss::Focal(loss) => loss.weight.as_ref(),
            Loss::BinaryCrossEntropy(_) | Loss::SigmoidFocal(_) => None,
        };
        match (weight, batch.mixing()) {
            (Some(_), None) => batch.labels().iter().map(|label| weight_of(weight, *label)).sum(),
            _ => batch.len() as f64,
        }
    }

    /// Whether it is of images that may have several labels: each class has a sigmoid.
    pub(crate) fn is_multi_label(&self) -> bool {
        match self {
            Loss::CrossEntropy(_) | Loss::Focal(_) => false,
            Loss::BinaryCrossEntropy(_) | Loss::SigmoidFocal(_) => true,
        }
    }
}

/// What a batch's images have of each class.
fn targets(batch: &Batch) -> &[f32] {
    batch.targets().expect("data with several labels an image")
}

/// Images and classes of logits for these labels.
///
/// # Panics
/// If there are none, the logits are not whole rows, the gradient is of other length, or the weights are not one for each class.
fn shape(logits: &[f32], labels: &[u32], weight: Option<&Vec<f32>>, gradient: &[f32]) -> (usize, usize) {
    let images = labels.len();
    assert!(images > 0 && logits.len().is_multiple_of(images), "{} logits for {images} labels", logits.len());
    assert_eq!(gradient.len(), logits.len(), "a gradient for each logit");
    let classes = logits.len() / images;
    assert!(weight.is_none_or(|weight| weight.len() == classes), "a weight for each class");
    (images, classes)
}

/// What images of a class weigh.
fn weight_of(weight: Option<&Vec<f32>>, class: u32) -> f64 {
    weight.map_or(1.0, |weight| f64::from(weight[class as usize]))
}
