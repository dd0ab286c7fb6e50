//! The transforms of training and of everything after it.

use serde::{Deserialize, Serialize};

use super::{MeasureOptions, Normalize, Transform, compiled, measure};
use crate::{DataError, Source};

/// Two lists of transforms: for training, and for validation, testing, prediction and every export.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Pipeline {
    /// What training images go through.
    pub train: Vec<Transform>,
    /// What all other images go through.
    pub eval: Vec<Transform>,
}

impl Pipeline {
    /// Checks both lists.
    ///
    /// # Errors
    /// If a transform has impossible settings, Normalize is not last, or one of `eval` is random.
    pub fn check(&self) -> Result<(), DataError> {
        compiled::check(&self.train)?;
        compiled::check(&self.eval)?;
        if let Some(views) = self.train.iter().find(|t| t.views() > 1) {
            let reason =
                "gives several views of an image, whose probabilities are averaged: it is for evaluation";
            return Err(DataError::invalid(views.name(), reason));
        }
        match self.eval.iter().find(|t| !t.is_deterministic()) {
            None => Ok(()),
            Some(random) => {
                Err(DataError::invalid(random.name(), "is random and cannot be part of evaluation"))
            }
        }
    }

    /// Whether a `Normalize` still lacks its mean or std.
    pub fn needs_measuring(&self) -> bool {
        let lacks =
            |t: &Transform| matches!(t, Transform::Normalize(n) if n.mean.is_none() || n.std.is_none());
        self.train.iter().chain(&self.eval).any(lacks)
    }

    /// Fills in the mean and std that are not given, measured on the training images as `train` (which has this
    /// pipeline's training transforms) gives them. Measures nothing if nothing is lacking.
    ///
    /// # Errors
    /// If a list is wrong, or no training image can be loaded.
    pub fn resolve(&mut self, train: &Source, options: &MeasureOptions) -> Result<(), DataError> {
        self.check()?;
        if !self.needs_measuring() {
            return Ok(());
        }
        let measured = measure(train, options)?;
        for transform in self.train.iter_mut().chain(&mut self.eval) {
            if let Transform::Normalize(Normalize { mean, std }) = transform {
                mean.get_or_insert_with(|| measured.mean.clone());
                std.get_or_insert_with(|| measured.std.clone());
            }
        }
        Ok(())
    }
}
