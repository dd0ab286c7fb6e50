//! Precision, recall and F1 of each class, and their means.

use super::{Confusion, share};
use serde::Serialize;

/// How well one class is found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct ClassScores {
    /// Of the images taken for the class, the share that is of it; 0 where none is taken for it.
    pub precision: f64,
    /// Of the images of the class, the share taken for it; 0 where there are none.
    pub recall: f64,
    /// The harmonic mean of the two; 0 where both are.
    pub f1: f64,
    /// Images of the class.
    pub support: u64,
    /// Images taken for the class.
    pub predicted: u64,
}

impl ClassScores {
    /// Of `support` images of a class and `predicted` taken for it, `right` are both.
    pub fn of(right: u64, support: u64, predicted: u64) -> Self {
        let [right, images, taken] = [right, support, predicted].map(|count| count as f64);
        ClassScores {
            precision: share(right, taken),
            recall: share(right, images),
            f1: share(2.0 * right, images + taken),
            support,
            predicted,
        }
    }

    /// Whether any image is of the class, or is taken for it.
    pub fn occurs(&self) -> bool {
        self.support > 0 || self.predicted > 0
    }
}

/// Means over classes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Averaged {
    /// The mean precision.
    pub precision: f64,
    /// The mean recall.
    pub recall: f64,
    /// The mean F1.
    pub f1: f64,
}

/// Every class's scores, and their means.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PerClass {
    /// Each class, in order.
    pub classes: Vec<ClassScores>,
    /// Over the classes that [occur](ClassScores::occurs), all the same: `average="macro"`.
    #[serde(rename = "macro")]
    pub macro_average: Averaged,
    /// By the classes' images: `average="weighted"`.
    #[serde(rename = "weighted")]
    pub weighted_average: Averaged,
    /// The mean recall over the classes that have images: `balanced_accuracy_score`.
    pub balanced_accuracy: f64,
}

/// Precision, recall and F1 of each class: scikit-learn's `precision_recall_fscore_support`, with 0 where there is nothing to
/// divide by and means over the classes that occur, as by its defaults.
pub fn per_class(confusion: &Confusion) -> PerClass {
    let classes = 0..confusion.classes();
    let predicted = |class: usize| classes.clone().map(|truth| confusion.count(truth, class)).sum();
    let of = |class: usize| {
        ClassScores::of(confusion.count(class, class), confusion.images_of(class), predicted(class))
    };
    PerClass::new(classes.clone().map(of).collect())
}

impl PerClass {
    pub(super) fn new(classes: Vec<ClassScores>) -> Self {
        PerClass {
            macro_average: Averaged::over(&classes, |class| if class.occurs() { 1.0 } else { 0.0 }),
            weighted_average: Averaged::over(&classes, |class| class.support as f64),
            balanced_accuracy: Averaged::over(&classes, |class| if class.support > 0 { 1.0 } else { 0.0 })
                .recall,
            classes,
        }
    }
}

impl Averaged {
    /// The means by a weight for each class.
    pub(super) fn over(classes: &[ClassScores], weight: impl Fn(&ClassScores) -> f64) -> Self {
        let total: f64 = classes.iter().map(&weight).sum();
        let mean = |value: fn(&ClassScores) -> f64| {
            share(classes.iter().map(|class| weight(class) * value(class)).sum(), total)
        };
        Averaged {
            precision: mean(|class| class.precision),
            recall: mean(|class| class.recall),
            f1: mean(|class| class.f1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_that_do_not_occur_count_in_no_mean() {
        let mut confusion = Confusion::new(4);
        for (truth, predicted) in [(0, 0), (0, 0), (0, 3), (1, 0)] {
            confusion.add(truth, predicted);
        }
        let found = per_class(&confusion);
        assert_eq!(found.classes[2], ClassScores::default());
        assert_eq!(found.classes[3], ClassScores { predicted: 1, ..ClassScores::default() });
        // sklearn: precision_recall_fscore_support([0, 0, 0, 1], [0, 0, 3, 0], average="macro", zero_division=0).
        let (third, averaged) = (2.0 / 9.0, found.macro_average);
        assert!(
            (averaged.precision - third).abs() < 1e-12 && (averaged.f1 - third).abs() < 1e-12,
            "{averaged:?}"
        );
        assert!((found.balanced_accuracy - 1.0 / 3.0).abs() < 1e-12);
        assert!((found.weighted_average.recall - 0.5).abs() < 1e-12);
    }
}
