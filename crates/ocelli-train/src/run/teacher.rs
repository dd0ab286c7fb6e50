//! The teacher of a run, where its recipe names one.

use crate::distill::Teacher;
use crate::error::TrainError;
use crate::recipe::{DistillSection, RecipeError};
use ocelli_data::{Pipeline, Splits};
use ocelli_model::Classifier;
use ocelli_nn::Network;
use std::path::PathBuf;

/// Loads the teacher that `distill` names and fits it to the student.
///
/// # Errors
/// The file cannot be read or is no classifier, teacher and student do not fit, or images have several labels.
pub(super) fn load(
    distill: &DistillSection,
    student: &Network,
    splits: &Splits,
    pipeline: &Pipeline,
) -> Result<Option<Teacher>, TrainError> {
    let Some(path) = distill.teacher.as_ref().map(PathBuf::from) else { return Ok(None) };
    if splits.train.is_multi_label() {
        let problem = "is set, but images of this data have several labels: a teacher is for one label an image; leave it out";
        return Err(RecipeError::OutOfRange { key: "distill.teacher".into(), problem: problem.into() }.into());
    }
    let classifier = Classifier::load(&path)?;
    Teacher::new(classifier, student, &splits.classes, &pipeline.eval, distill.distillation())
        .map(Some)
        .map_err(|source| TrainError::Teacher { path, source })
}
