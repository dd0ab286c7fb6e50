//! What images of each class count in the loss.

use serde::{Deserialize, Serialize};

/// Weights for the classes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum ClassWeights {
    /// Weights that are worked out.
    Rule(ClassWeightRule),
    /// A weight for each class, in their order.
    Each(Vec<f32>),
}

/// How weights for the classes are worked out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ClassWeightRule {
    /// All classes count the same in sum: images / (classes × images of the class), as scikit-learn has it.
    Balanced,
}

impl ClassWeights {
    /// The weights of classes that have so many training images; a class without one weighs nothing.
    ///
    /// # Errors
    /// If there is not one weight for each class.
    pub fn of(&self, images: &[u64]) -> Result<Vec<f32>, String> {
        match self {
            Self::Each(weights) if weights.len() == images.len() => Ok(weights.clone()),
            Self::Each(weights) => {
                Err(format!("has {} weights, but the data has {} classes", weights.len(), images.len()))
            }
            Self::Rule(ClassWeightRule::Balanced) => {
                let (all, classes) = (images.iter().sum::<u64>() as f64, images.len() as f64);
                let weight = |&count: &u64| if count == 0 { 0.0 } else { all / (classes * count as f64) };
                Ok(images.iter().map(|count| weight(count) as f32).collect())
            }
        }
    }

    /// What having a class counts beside not having it, where each image may have several: of `all` images so many have each class.
    /// Balanced, both count the same in sum: images without the class / images with it. A class that none has counts nothing, and one
    /// that all have counts 1: there is nothing to balance, and with 0 it would not be learned.
    ///
    /// # Errors
    /// If there is not one weight for each class.
    pub fn of_several(&self, images: &[u64], all: u64) -> Result<Vec<f32>, String> {
        let Self::Rule(ClassWeightRule::Balanced) = self else { return self.of(images) };
        let weight = |&count: &u64| match count {
            0 => 0.0,
            count if count == all => 1.0,
            count => (all - count) as f64 / count as f64,
        };
        Ok(images.iter().map(|count| weight(count) as f32).collect())
    }

    pub(super) fn check(&self) -> Result<(), String> {
        let Self::Each(weights) = self else { return Ok(()) };
        if let Some(wrong) = weights.iter().find(|weight| !(weight.is_finite() && **weight >= 0.0)) {
            return Err(format!("has {wrong}, but weights must be at least 0"));
        }
        if weights.iter().all(|weight| *weight == 0.0) {
            return Err("has no weight above 0".into());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn balanced_classes_count_the_same_in_sum() {
        let balanced = ClassWeights::Rule(ClassWeightRule::Balanced);
        // sklearn.utils.class_weight.compute_class_weight("balanced", ...) on 8 and 2 of two classes.
        assert_eq!(balanced.of(&[8, 2]).unwrap(), [0.625, 2.5]);
        assert_eq!(balanced.of(&[5, 0, 5]).unwrap()[1], 0.0);
        assert_eq!(balanced.of_several(&[5, 0, 2, 10], 10).unwrap(), [1.0, 0.0, 4.0, 1.0]);
        let each = ClassWeights::Each(vec![1.0, 2.0]);
        assert_eq!(each.of(&[1, 9]).unwrap(), [1.0, 2.0]);
        assert!(each.of(&[1]).unwrap_err().contains("2 weights, but the data has 1 classes"));
    }

    #[test]
    fn weights_that_cannot_be_are_refused() {
        for (weights, said) in
            [(vec![1.0, -1.0], "has -1"), (vec![f32::NAN], "has NaN"), (vec![0.0], "above 0")]
        {
            assert!(ClassWeights::Each(weights).check().unwrap_err().contains(said));
        }
    }
}
