//! What a checkpoint has beside the weights.

use crate::averages::AverageKind;
use crate::error::TrainError;
use crate::events::{BackedOff, EpochDone};
use crate::recipe::Recipe;
use crate::run::SwaDone;
use crate::schedule::PlateauState;
use crate::trainer::{Position, TrainerState};
use ocelli_data::dataset::{Dataset, fingerprint};
use ocelli_model::{Attachment, Classifier};
use ocelli_nn::Weights;
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};
use std::fmt;
use std::path::{Path, PathBuf};

/// What the names of the optimizer's tensors begin with.
const OPTIMIZER: &str = "optimizer";

/// How far a run has come, as a checkpoint notes it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Progress {
    /// Epochs, steps and batches done, and the sums of the epoch under way. Random numbers and the order of the samples
    /// are functions of the seed and of these.
    pub(crate) position: Position,
    /// Seconds that the epoch under way has taken.
    pub(crate) epoch_seconds: f64,
    /// Whether the run is over, test included.
    pub(crate) finished: bool,
    /// The data that it trains on.
    pub(crate) data: DataMark,
    /// What the teacher is known by, if there is one: a resume with another is refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) teacher: Option<String>,
    /// The lines of the metrics that training goes on from: the epochs that are done, and where it went back. What comes at the end
    /// of a run is made again.
    pub(crate) lines: Vec<Line>,
    /// Where a schedule stands that results move.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) plateau: Option<PlateauState>,
    /// The resolved recipe.
    pub(crate) recipe: Recipe,
}

/// A line of `metrics.jsonl`.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub(crate) enum Line {
    /// Training diverged and went back.
    BackedOff(BackedOff),
    /// An epoch was done.
    Epoch(EpochDone),
    /// The mean of the last epochs' weights became the model.
    Swa(SwaDone),
    /// The model was tested.
    Test(TestDone),
}

/// What the model came to on the test images: the last line of `metrics.jsonl`, where there are some.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TestDone {
    /// The epoch that the model is of, from 1.
    pub epoch: u64,
    /// How many images were tested.
    pub test_images: u64,
    /// Their mean loss.
    pub test_loss: f64,
    /// The share of right answers, 0 to 1.
    pub test_accuracy: f64,
}

/// A line is of the kind that has a field of this name, so that what else it lacks can be told; serde would only say that it is of none.
impl<'de> Deserialize<'de> for Line {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let line = serde_json::Value::deserialize(deserializer)?;
        let has = |field| line.get(field).is_some();
        let read = if has("back_off") {
            serde_json::from_value(line).map(Line::BackedOff)
        } else if has("swa_epochs") {
            serde_json::from_value(line).map(Line::Swa)
        } else if has("test_images") {
            serde_json::from_value(line).map(Line::Test)
        } else {
            serde_json::from_value(line).map(Line::Epoch)
        };
        read.map_err(D::Error::custom)
    }
}

impl Line {
    /// The epoch, if it is about one that is done.
    pub(crate) fn epoch(&self) -> Option<&EpochDone> {
        match self {
            Line::Epoch(done) => Some(done),
            Line::BackedOff(_) | Line::Swa(_) | Line::Test(_) => None,
        }
    }
}

/// What data was trained on: a resume on other data is refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct DataMark {
    train: PartMark,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    val: Option<PartMark>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    test: Option<PartMark>,
}

/// One part of the data, so that it can be known again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartMark {
    /// How many images there are.
    pub images: usize,
    /// Their [fingerprint](ocelli_data::dataset::fingerprint): 32 hexadecimal digits.
    pub fingerprint: String,
}

impl DataMark {
    pub(crate) fn of(train: &dyn Dataset, val: Option<&dyn Dataset>, test: Option<&dyn Dataset>) -> Self {
        DataMark { train: PartMark::of(train), val: val.map(PartMark::of), test: test.map(PartMark::of) }
    }

    /// The parts that there are, by name.
    pub(crate) fn parts(&self) -> impl Iterator<Item = (&'static str, &PartMark)> {
        let parts = [("train", Some(&self.train)), ("val", self.val.as_ref()), ("test", self.test.as_ref())];
        parts.into_iter().filter_map(|(name, part)| Some((name, part?)))
    }

    /// How `now` differs from this, if it does.
    pub(crate) fn difference(&self, now: &DataMark) -> Option<String> {
        let parts = [
            ("training", Some(&self.train), Some(&now.train)),
            ("validation", self.val.as_ref(), now.val.as_ref()),
            ("test", self.test.as_ref(), now.test.as_ref()),
        ];
        let (name, was, is) = parts.into_iter().find(|(_, was, is)| was != is)?;
        let images = |part: Option<&PartMark>| part.map_or(0, |part| part.images);
        let (was, is) = (images(was), images(is));
        Some(if was == is {
            format!(
                "the {is} {name} images are others than those that it was trained with: their names, classes, sizes or pixels \
                 differ"
            )
        } else {
            format!("it was trained with {was} {name} images, but the data now has {is}")
        })
    }
}

impl PartMark {
    fn of(part: &dyn Dataset) -> Self {
        PartMark { images: part.len(), fingerprint: format!("{:032x}", fingerprint(part)) }
    }
}

/// A checkpoint as it was read.
#[derive(Debug)]
pub(crate) struct Checkpoint {
    pub(crate) path: PathBuf,
    pub(crate) classifier: Classifier,
    pub(crate) state: TrainerState,
    pub(crate) progress: Progress,
}

impl Checkpoint {
    /// # Errors
    /// The file cannot be read, is damaged, or is a model without a run.
    pub(crate) fn load(path: &Path) -> Result<Self, TrainError> {
        let broken = |reason: &dyn fmt::Display| {
            let reason = format!("cannot be gone on from: {reason}");
            TrainError::Resume { path: path.to_path_buf(), reason }
        };
        let (classifier, attachment) = Classifier::load_with(path)?;
        let attachment = attachment
            .ok_or_else(|| broken(&"it holds a model, but not what a run needs; give the run's folder"))?;
        let progress: Progress = serde_json::from_value(attachment.note).map_err(|error| broken(&error))?;
        if progress.lines.iter().any(|line| matches!(line, Line::Swa(_) | Line::Test(_))) {
            return Err(broken(&"its lines are not of epochs alone"));
        }
        let kinds = AverageKind::ALL.into_iter();
        let averages = kinds
            .map(|kind| (kind, part(&attachment.tensors, kind.name())))
            .filter(|(_, part)| !part.is_empty());
        let state = TrainerState {
            position: progress.position,
            weights: classifier.weights().clone(),
            optimizer: part(&attachment.tensors, OPTIMIZER),
            averages: averages.collect(),
            plateau: progress.plateau,
        };
        Ok(Checkpoint { path: path.to_path_buf(), classifier, state, progress })
    }

    /// What is attached to the weights in a checkpoint's file: the state's other tensors, whose names begin with what they are part of.
    /// They are moved, not copied: a checkpoint is when a run takes most memory.
    pub(super) fn attachment(progress: &Progress, state: TrainerState) -> serde_json::Result<Attachment> {
        let averages = state.averages.into_iter().map(|(kind, weights)| (kind.name(), weights));
        let parts = averages.chain([(OPTIMIZER, state.optimizer)]);
        let named = |(part, weights): (&'static str, Weights)| {
            weights.into_iter().map(move |(name, tensor)| (format!("{part}/{name}"), tensor))
        };
        Ok(Attachment { note: serde_json::to_value(progress)?, tensors: parts.flat_map(named).collect() })
    }
}

/// The tensors whose names begin with `part/`.
fn part(tensors: &Weights, part: &str) -> Weights {
    let own = |name: &str| name.strip_prefix(part)?.strip_prefix('/').map(str::to_string);
    tensors.iter().filter_map(|(name, tensor)| Some((own(name)?, tensor.clone()))).collect()
}
