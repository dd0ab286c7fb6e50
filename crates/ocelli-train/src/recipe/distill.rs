//! `[distill]`: what to learn from beside the labels.

use super::RecipeError;
use crate::distill::Distillation;
use serde::{Deserialize, Serialize};

/// `[distill]`: a classifier that training learns from beside the labels.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DistillSection {
    /// The file of a trained classifier with the data's classes, for images of the same size and channels (default: none). It sees
    /// the batches that training sees, augmented and mixed, brought to its own mean and standard deviation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub teacher: Option<String>,
    /// T, above 0: both networks' logits are divided by it before they are compared (default 4).
    pub temperature: f64,
    /// α, 0 to 1: what the teacher counts, beside 1 − α for the labels (default 0.9).
    pub alpha: f64,
}

impl Default for DistillSection {
    fn default() -> Self {
        let Distillation { temperature, alpha } = Distillation::default();
        DistillSection { teacher: None, temperature, alpha }
    }
}

impl DistillSection {
    /// How much is made of the teacher.
    pub(crate) fn distillation(&self) -> Distillation {
        Distillation { temperature: self.temperature, alpha: self.alpha }
    }

    /// `resized` says that images are to change their size.
    pub(super) fn check(&self, resized: bool) -> Result<(), RecipeError> {
        let DistillSection { teacher, temperature, alpha } = self;
        let usual = Distillation::default();
        let (key, problem) = if !(*temperature > 0.0 && temperature.is_finite()) {
            ("temperature", format!("is {temperature}, but must be above 0"))
        } else if !(0.0..=1.0).contains(alpha) {
            ("alpha", format!("is {alpha}, but must be 0 to 1"))
        } else if teacher.is_none() && self.distillation() != usual {
            let key = if *temperature == usual.temperature { "alpha" } else { "temperature" };
            (key, "has no effect: no teacher is named; set distill.teacher (--teacher FILE) too".to_owned())
        } else if teacher.is_some() && resized {
            (
                "teacher",
                "cannot be with train.resize: it takes images of one size; leave one of them out".to_owned(),
            )
        } else {
            return Ok(());
        };
        Err(RecipeError::OutOfRange { key: format!("distill.{key}"), problem })
    }
}
