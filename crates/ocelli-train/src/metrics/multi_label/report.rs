//! All figures of images with several labels.

use super::super::per_class::{Averaged, ClassScores};
use super::super::predictions::loss;
use super::super::{OneVsRest, average_precision, roc_auc, share};
use super::{EVEN, MultiLabelPredictions, scored};
use serde::Serialize;

/// How figures are worked out.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MultiLabelOptions {
    /// The probability from which an image has a class, for each class (default: 0.5 for all).
    pub thresholds: Option<Vec<f32>>,
}

/// Precision, recall and F1 of each class, and their means.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct MultiLabelScores {
    /// Each class, in order.
    pub classes: Vec<ClassScores>,
    /// Of all pairs of images and classes together: `average="micro"`.
    pub micro: Averaged,
    /// The mean over all classes: `average="macro"`. A class without images that none is taken for counts 0.
    #[serde(rename = "macro")]
    pub macro_average: Averaged,
    /// The mean by the classes' images: `average="weighted"`.
    #[serde(rename = "weighted")]
    pub weighted_average: Averaged,
}

/// Every figure of a multi-label classifier's predictions. Definitions are scikit-learn's for label indicators.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct MultiLabelReport {
    /// Images measured.
    pub images: u64,
    /// The mean number of labels of an image.
    pub labels_per_image: f64,
    /// The probability from which an image has a class, for each class.
    pub thresholds: Vec<f32>,
    /// The share of images whose labels are all found and nothing else: `accuracy_score`.
    pub subset_accuracy: f64,
    /// The share of pairs of images and classes that are wrong: `hamming_loss`.
    pub hamming_loss: f64,
    /// The mean binary cross-entropy over images and classes. A probability counts as the smallest normal `f32` at least (a loss of
    /// 87.3), and so does what one lacks of 1 where that was told (as [`measure_multi_label`](crate::measure_multi_label) does);
    /// where it was not, as 2⁻²⁵ at least (a loss of 17.3), which is what `f32` can tell.
    pub log_loss: f64,
    /// Precision, recall and F1.
    pub scores: MultiLabelScores,
    /// Average precision of each class; the macro mean is the mAP.
    pub average_precision: OneVsRest,
    /// The area under the ROC curve of each class.
    pub roc_auc: OneVsRest,
}

impl MultiLabelReport {
    /// Works out every figure.
    ///
    /// # Panics
    /// If there are thresholds, but not one for each class.
    pub fn of(predictions: &MultiLabelPredictions, options: &MultiLabelOptions) -> Self {
        let classes = predictions.classes();
        let thresholds = options.thresholds.clone().unwrap_or_else(|| vec![EVEN; classes]);
        assert_eq!(thresholds.len(), classes, "a threshold for each class");
        let (mut counts, mut wrong) = (vec![[0; 3]; classes], vec![false; predictions.len()]);
        let (mut sum, mut mistakes) = (0.0, 0);
        let (mut areas, mut precisions) = (Vec::with_capacity(classes), Vec::with_capacity(classes));
        for (class, counts) in counts.iter_mut().enumerate() {
            let scored = scored(predictions, class);
            for (image, ((p, has), wrong)) in scored.iter().zip(&mut wrong).enumerate() {
                let taken = *p >= thresholds[class];
                counts[0] += u64::from(*has && taken);
                counts[1] += u64::from(*has);
                counts[2] += u64::from(taken);
                mistakes += u64::from(*has != taken);
                *wrong |= *has != taken;
                sum += loss(if *has { f64::from(*p) } else { predictions.complement(image, class) });
            }
            areas.push(roc_auc(scored.clone()));
            precisions.push(average_precision(scored));
        }
        let images: Vec<u64> = counts.iter().map(|counts| counts[1]).collect();
        let (count, pairs) = (predictions.len() as f64, (predictions.len() * classes) as f64);
        MultiLabelReport {
            images: predictions.len() as u64,
            labels_per_image: share(images.iter().sum::<u64>() as f64, count),
            subset_accuracy: share(wrong.iter().filter(|wrong| !**wrong).count() as f64, count),
            hamming_loss: share(mistakes as f64, pairs),
            log_loss: share(sum, pairs),
            scores: MultiLabelScores::new(&counts),
            average_precision: OneVsRest::new(precisions, &images),
            roc_auc: OneVsRest::new(areas, &images),
            thresholds,
        }
    }
}

impl MultiLabelScores {
    /// From, for each class, the images that have it and are taken for it, those that have it, and those taken for it.
    fn new(counts: &[[u64; 3]]) -> Self {
        let classes: Vec<ClassScores> =
            counts.iter().map(|&[right, images, taken]| ClassScores::of(right, images, taken)).collect();
        let [right, images, taken] = [0, 1, 2].map(|kind| counts.iter().map(|counts| counts[kind]).sum());
        let ClassScores { precision, recall, f1, .. } = ClassScores::of(right, images, taken);
        MultiLabelScores {
            micro: Averaged { precision, recall, f1 },
            macro_average: Averaged::over(&classes, |_| 1.0),
            weighted_average: Averaged::over(&classes, |class| class.support as f64),
            classes,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_certainty_loses_what_is_known_of_it() {
        let loss = |predictions: &MultiLabelPredictions| {
            MultiLabelReport::of(predictions, &MultiLabelOptions::default()).log_loss
        };
        let mut rounded = MultiLabelPredictions::new(1, 0);
        rounded.push(0, Vec::new(), &[1.0]);
        assert!((loss(&rounded) - 25.0 * std::f64::consts::LN_2).abs() < 1e-12);
        let mut told = MultiLabelPredictions::new(1, 0);
        told.push_with_complements(0, Vec::new(), &[1.0], &[(-40_f32).exp()]);
        assert!((loss(&told) - 40.0).abs() < 1e-6);
    }
}
