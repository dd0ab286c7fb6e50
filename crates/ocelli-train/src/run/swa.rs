//! The model of stochastic weight averaging: the mean of the weights of the last epochs.

use super::session::{Session, metrics};
use crate::averages::update_bn;
use crate::checkpoint::Line;
use crate::error::TrainError;
use crate::events::EpochDone;
use ocelli_data::Loader;
use serde::{Deserialize, Serialize};

/// The mean of the last epochs' weights became the model; one line of `metrics.jsonl`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SwaDone {
    /// How many epochs it is the mean of: the last ones.
    pub swa_epochs: u64,
    /// Its mean loss on the validation images; absent when there are none.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub val_loss: Option<f64>,
    /// Its share of right answers on the validation images, 0 to 1; absent when there are none.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub val_accuracy: Option<f64>,
}

impl Session<'_> {
    /// Makes BatchNorm's running averages for the mean of the weights, validates it and saves it as the model: its figures in
    /// place of those of the last epoch. `None` if no weights were averaged.
    pub(super) fn save_swa(
        &mut self,
        batches: &mut Loader,
        val: Option<&mut Loader>,
    ) -> Result<Option<EpochDone>, TrainError> {
        let (Some(mean), Some(start)) = (self.trainer.swa_weights(), self.run.recipe().train.swa_start)
        else {
            return Ok(None);
        };
        let position = *self.trainer.position();
        let (run, epoch, seed) = (self.run, position.epoch, self.run.recipe().seed);
        if self.size != self.run.full_size() {
            // Patience ended the run before its images had grown.
            *batches = self.run.train_loader()?;
        }
        let size = batches.options().batch_size.min(batches.samples());
        let made =
            run.pool.install(|| update_bn(run.network(), &mean, size, (seed, epoch), batches.epoch(epoch)));
        let weights = self.tell_problems(batches, made)?;
        let validation = match val.map(|val| self.evaluate(&weights, val)).transpose()? {
            Some(None) => return Err(self.stop(position)?),
            found => found.flatten(),
        };
        let mut done = self.epochs().next_back().cloned().unwrap_or_default();
        done.val_loss = validation.as_ref().map(|found| found.loss);
        done.val_accuracy = validation.as_ref().map(|found| found.accuracy);
        run.classifier(weights)?.with_metrics(metrics(&done)).save(self.folder.model())?;
        let (val_loss, val_accuracy) = (done.val_loss, done.val_accuracy);
        self.folder.add(&Line::Swa(SwaDone { swa_epochs: epoch - start, val_loss, val_accuracy }))?;
        Ok(Some(done))
    }
}
