//! A figure of two kinds of images, taken for each class against all others.

use super::Predictions;
use serde::Serialize;

/// A figure for each class against all others, and its means.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct OneVsRest {
    /// The figure of each class; `None` where it has none, as a class without images.
    pub classes: Vec<Option<f64>>,
    /// The mean over the classes that have one.
    #[serde(rename = "macro")]
    pub macro_mean: Option<f64>,
    /// The mean over them by their images.
    #[serde(rename = "weighted")]
    pub weighted_mean: Option<f64>,
}

impl OneVsRest {
    /// The means of a figure for each class that has so many images.
    pub(super) fn new(classes: Vec<Option<f64>>, images: &[u64]) -> Self {
        let known = || classes.iter().zip(images).filter_map(|(figure, images)| Some(((*figure)?, *images)));
        let count = known().count() as f64;
        let total = known().map(|(_, images)| images as f64).sum::<f64>();
        let macro_mean = known().map(|(figure, _)| figure / count).sum();
        let weighted_mean = known().map(|(figure, images)| figure * images as f64 / total).sum();
        OneVsRest {
            macro_mean: (count > 0.0).then_some(macro_mean),
            weighted_mean: (total > 0.0).then_some(weighted_mean),
            classes,
        }
    }
}

/// Takes `figure` ([`roc_auc`](super::roc_auc()), [`average_precision`](super::average_precision())) of each class's
/// probabilities against all other classes: scikit-learn's `multi_class="ovr"`. Classes without the figure count in no mean,
/// where scikit-learn warns and answers no number, or 0.
pub fn one_vs_rest(predictions: &Predictions, figure: impl Fn(Vec<(f32, bool)>) -> Option<f64>) -> OneVsRest {
    let of =
        |class: usize| figure(predictions.rows().map(|(row, label)| (row[class], label == class)).collect());
    let mut images = vec![0; predictions.classes()];
    predictions.labels().iter().for_each(|label| images[*label as usize] += 1);
    OneVsRest::new((0..predictions.classes()).map(of).collect(), &images)
}
