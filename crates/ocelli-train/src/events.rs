//! What a run tells while it goes: typed events, for whoever shows, stores or judges them.

use crate::metrics::Confusion;
use ocelli_data::Problem;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// Something that happened in a run.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// Training begins (or, after a resume, goes on).
    Started(&'a Started),
    /// One step was made.
    Batch(&'a BatchDone),
    /// An epoch ended and was validated; its checkpoint is written.
    Epoch(&'a EpochDone),
    /// Parameters that were frozen learn from the epoch that begins on.
    Thawed(&'a Thawed),
    /// Training images have another size from the epoch that begins on.
    Resized(&'a Resized),
    /// Training diverged and went back to a checkpoint, as the recipe asked.
    BackedOff(&'a BackedOff),
    /// An image could not be loaded; it is left out, and told once.
    Problem(&'a Problem),
    /// Training ends after this epoch, before the last: for as many epochs as the recipe's patience the monitored figure was not better.
    OutOfPatience(&'a EpochDone),
    /// Training ended; the best weights are in place.
    Finished(&'a Outcome),
}

/// Receives a run's [`Event`]s. Any `FnMut(&Event)` is one.
pub trait Observer {
    /// Called for each event, in order, from the thread that trains.
    fn event(&mut self, event: &Event<'_>);

    /// Asked after every batch. `true` stops the run: its checkpoint is written, and it ends with
    /// [`TrainError::Stopped`](crate::TrainError::Stopped).
    fn wants_stop(&mut self) -> bool {
        false
    }
}

impl<F: FnMut(&Event<'_>)> Observer for F {
    fn event(&mut self, event: &Event<'_>) {
        self(event);
    }
}

/// How long the run is, where it begins.
#[derive(Clone, Debug, PartialEq)]
pub struct Started {
    /// Epochs that were done before: 0 unless the run is resumed.
    pub epochs_done: u64,
    /// Images of the next epoch that were trained on before: 0 unless the run was stopped within it.
    pub images_done: u64,
    /// Epochs of the whole run.
    pub epochs: u64,
    /// Steps in an epoch.
    pub batches: u64,
    /// Images in an epoch.
    pub images: u64,
}

/// One step, with the epoch's averages so far.
#[derive(Clone, Debug, PartialEq)]
pub struct BatchDone {
    /// The epoch, from 1.
    pub epoch: u64,
    /// The batch in the epoch, from 1.
    pub batch: u64,
    /// Images of the epoch trained on so far.
    pub images: u64,
    /// This batch's mean loss.
    pub loss: f64,
    /// The epoch's mean loss so far.
    pub mean_loss: f64,
    /// The epoch's share of right answers so far, as the weights were when each batch came (dropout on).
    pub accuracy: f64,
    /// The learning rate of the step.
    pub lr: f64,
    /// The norm of all gradients together before they were clipped; absent unless `train.clip_norm` is set.
    pub grad_norm: Option<f64>,
}

/// An epoch's figures; one line of `metrics.jsonl`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct EpochDone {
    /// The epoch, from 1.
    pub epoch: u64,
    /// Steps made since the run began.
    pub step: u64,
    /// The learning rate of the epoch's last step.
    pub lr: f64,
    /// Mean loss over the epoch's images, as the weights were when each batch came (dropout on).
    pub train_loss: f64,
    /// Share of right answers over the epoch's images, 0 to 1, the same way.
    pub train_accuracy: f64,
    /// Mean loss on the validation images; absent when there are none.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub val_loss: Option<f64>,
    /// Share of right answers on the validation images, 0 to 1; absent when there are none.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub val_accuracy: Option<f64>,
    /// Whether these weights are the best so far.
    pub best: bool,
    /// Images trained on per second.
    pub images_per_second: f64,
    /// Seconds in which training waited for images: where it is much of the epoch, loading them decides how long that takes.
    #[serde(default)]
    pub waited_seconds: f64,
    /// Seconds that the epoch took, validation and checkpoint included.
    pub seconds: f64,
}

/// Parameters that were frozen begin to learn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Thawed {
    /// The epoch that begins, from 1.
    pub epoch: u64,
    /// The parameters' names.
    pub parameters: Vec<String>,
    /// How many values they have.
    pub values: u64,
}

/// Training images change their size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resized {
    /// The epoch that begins, from 1.
    pub epoch: u64,
    /// Height and width.
    pub size: [usize; 2],
}

/// Training diverged and went back to a checkpoint with a lower learning rate; one line of `metrics.jsonl`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BackedOff {
    /// How often the run did so, this time included.
    pub back_off: u64,
    /// The epoch in which it diverged, from 1.
    pub epoch: u64,
    /// The batch in the epoch, from 1.
    pub batch: u64,
    /// What was found there, and where it began.
    pub reason: String,
    /// Steps done at the checkpoint that it went back to.
    pub back_to_step: u64,
    /// What the schedule's learning rates are multiplied by from there on.
    pub lr_scale: f64,
}

/// What evaluation found.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Evaluation {
    /// Images evaluated.
    pub images: u64,
    /// Mean cross-entropy; of images that may have several labels, binary cross-entropy.
    pub loss: f64,
    /// Share of right answers, 0 to 1; of images that may have several labels, those of which all are right.
    pub accuracy: f64,
    /// Counts by true class (row) and predicted class (column); none where images may have several labels.
    pub confusion: Confusion,
}

/// What a run came to.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// Where the model and its companions are.
    pub folder: PathBuf,
    /// The best epoch's classifier, or the averaged one that the recipe asked for: `model.safetensors` in the folder.
    pub model: PathBuf,
    /// The best epoch by what `train.monitor` says (without validation images: the last); of averaged weights, the last epoch with
    /// their figures.
    pub best: EpochDone,
    /// The best weights on the test images, where there are any.
    pub test: Option<Evaluation>,
    /// Seconds from start to end.
    pub seconds: f64,
}
