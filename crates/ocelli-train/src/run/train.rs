//! Training a prepared run from its beginning.

use super::prepare::{Parts, Run};
use super::resume::deciding;
use super::session::Session;
use crate::averages::Averaging;
use crate::checkpoint::{DataMark, Folder, PartMark};
use crate::error::TrainError;
use crate::events::{Observer, Outcome};
use crate::metrics::EVEN;
use crate::trainer::{TrainOptions, Trainer};
use ocelli_data::{Channels, Loader, Source};
use ocelli_model::{Classifier, Origin};
use ocelli_nn::Weights;
use std::path::Path;
use std::sync::Arc;

impl Run {
    /// Trains and leaves in `folder`: `model.safetensors` (the best epoch, or the averaged weights that the recipe asks for),
    /// `last.safetensors` (the newest checkpoint, with all that [`Resume`](super::Resume) needs), `checkpoints/` (those before
    /// it), `recipe.toml` (every setting resolved) and `metrics.jsonl`.
    ///
    /// # Errors
    /// The folder already holds a run, a file cannot be written, no image can be loaded, the loss is no longer a number, or
    /// the observer asked to stop.
    pub fn train(&self, folder: &Path, observer: &mut (dyn Observer + Send)) -> Result<Outcome, TrainError> {
        self.train_in(&Folder::create(folder)?, observer)
    }

    /// Trains in a folder that has no checkpoint yet.
    pub(super) fn train_in(
        &self,
        folder: &Folder,
        observer: &mut (dyn Observer + Send),
    ) -> Result<Outcome, TrainError> {
        let batches = self.train_loader()?;
        let trainer = self.first_trainer(&batches)?;
        // A run that is killed before its first checkpoint can be begun again from its recipe.
        folder.save_recipe(self.recipe())?;
        Session::new(self, folder, trainer, &batches, observer).train(batches)
    }

    /// A trainer at the run's beginning.
    pub(super) fn first_trainer(&self, batches: &Loader) -> Result<Trainer, TrainError> {
        match self.start() {
            Some(start) => self.trainer(&start.weights, batches),
            None => self.trainer(&self.first_weights()?, batches),
        }
    }

    /// The weights that training begins with where they come from no file.
    fn first_weights(&self) -> Result<Weights, TrainError> {
        let mut weights = self.network().init(self.recipe().seed);
        if let Some(whiten) = &self.recipe().model.whiten {
            let mut batches = self.train_loader()?;
            let batches = batches.epoch(0);
            self.pool.install(|| whiten.fill(self.network(), &mut weights, batches))?;
        }
        Ok(weights)
    }

    pub(super) fn trainer(&self, weights: &Weights, batches: &Loader) -> Result<Trainer, TrainError> {
        let recipe = self.recipe();
        let options = TrainOptions {
            epochs: recipe.train.epochs,
            steps_per_epoch: self.steps_per_epoch(batches),
            batch_size: batches.options().batch_size.min(batches.samples()),
            lr: recipe.train.lr.unwrap_or_else(|| recipe.train.optimizer.usual_lr()),
            optimizer: recipe.train.optimizer.clone(),
            schedule: recipe.train.schedule.clone(),
            warmup: recipe.train.warmup,
            clip_norm: recipe.train.clip_norm,
            clip_value: recipe.train.clip_value,
            accumulate: recipe.train.accumulate,
            sam: recipe.train.sam,
            averaging: Averaging {
                ema_decay: recipe.train.ema_decay,
                swa_start: recipe.train.swa_start,
                lookahead: recipe.train.lookahead,
            },
            freeze: recipe.train.freeze.clone(),
            unfreeze: recipe.train.unfreeze.clone(),
            groups: recipe.train.groups.clone(),
            decay_norms_and_biases: recipe.train.decay_norms_and_biases,
            loss: self.loss.clone(),
            seed: recipe.seed,
        };
        self.pool.install(|| {
            let trainer = Trainer::new(self.network(), weights, options)?;
            match self.teacher() {
                Some(teacher) => trainer.with_teacher(teacher),
                None => Ok(trainer),
            }
        })
    }

    /// Steps in an epoch of the training images.
    pub(super) fn steps_per_epoch(&self, batches: &Loader) -> u64 {
        (batches.batches() as u64).div_ceil(self.recipe().train.accumulate)
    }

    /// The data, so that it can be known again.
    pub(super) fn data_mark(&self) -> &DataMark {
        self.mark.get_or_init(|| {
            let Parts { train, val, test } = &self.parts;
            let of = |part: &Option<Arc<Source>>| part.as_ref().map(|part| Arc::clone(part.dataset()));
            let (val, test) = (of(val), of(test));
            DataMark::of(train.dataset().as_ref(), val.as_deref(), test.as_deref())
        })
    }

    /// What the parts of its data, `train`, `val` and `test`, are known by.
    pub fn data_parts(&self) -> impl Iterator<Item = (&'static str, &PartMark)> {
        self.data_mark().parts()
    }

    /// What its teacher is known by, if it has one.
    pub(super) fn teacher_mark(&self) -> Option<String> {
        self.teacher().map(|teacher| format!("{:032x}", teacher.digest()))
    }

    pub(super) fn classifier(&self, weights: Weights) -> Result<Classifier, TrainError> {
        let transforms = self.pipeline.eval.clone();
        let classifier =
            Classifier::new(self.network().clone(), weights, transforms, self.classes().to_vec())?;
        let channels = Channels::from_count(self.parts.train.dataset().extent().channels);
        let channels = channels.map_err(TrainError::Data)?;
        let classifier = if self.data().multi_label {
            classifier.with_thresholds(vec![EVEN; self.classes().len()])?
        } else {
            classifier
        };
        let origin = Origin {
            version: Some(env!("CARGO_PKG_VERSION").to_owned()),
            recipe: Some(deciding(self.recipe()).to_toml()),
            data: self
                .data_parts()
                .find(|(name, _)| *name == "train")
                .map(|(_, mark)| mark.fingerprint.clone()),
        };
        Ok(classifier.with_division(self.division).with_origin(origin).with_image_channels(channels))
    }
}

/// Makes the folder for a run and checks that it can be written to and holds no run. [`Run::train`] does so too, but only
/// when all the data has been read.
///
/// # Errors
/// The folder holds a file that a run would overwrite, or cannot be made or written to.
pub fn claim(folder: &Path) -> Result<(), TrainError> {
    Folder::claim(folder)
}

/// Whether a folder holds a run that [`Resume`](super::Resume) can go on with: a checkpoint.
pub fn has_checkpoint(folder: &Path) -> bool {
    Folder::newest(folder).is_ok_and(|found| found.is_some())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Recipe, RecipeBuilder, RecipeError, RunOptions};
    use ocelli_nn::plan::{InferPlan, PlanOptions};
    use std::fs;

    /// IDX files of 40 images of 9×9 pixels in two classes: waves, each with its own lengths.
    fn write_waves(folder: &Path) {
        for part in ["train", "t10k"] {
            let mut pixels = vec![0, 0, 8, 3];
            let mut labels = vec![0, 0, 8, 1];
            for size in [40_u32, 9, 9] {
                pixels.extend(size.to_be_bytes());
            }
            labels.extend(40_u32.to_be_bytes());
            for image in 0..40_u8 {
                labels.push(image % 2);
                let wave = |x: u8, y: u8| {
                    (f64::from(x) * f64::from(image) * 0.11).sin()
                        + (f64::from(y) * 0.7 * f64::from(image)).cos()
                };
                pixels.extend((0..81).map(|place| (127.0 + 60.0 * wave(place % 9, place / 9)) as u8));
            }
            fs::write(folder.join(format!("{part}-images-idx3-ubyte")), pixels).unwrap();
            fs::write(folder.join(format!("{part}-labels-idx1-ubyte")), labels).unwrap();
        }
    }

    const NETWORK: &str = r#"
[[layers]]
name = "whiten"
type = "Conv2d"
out_channels = 10
kernel_size = [2, 2]
bias = false
[[layers]]
type = "Flatten"
[[layers]]
name = "head"
type = "Linear"
out_features = "classes"
"#;

    fn recipe(folder: &Path, whiten: &str) -> Recipe {
        fs::write(folder.join("network.toml"), NETWORK).unwrap();
        write_waves(folder);
        let text = format!(
            "[data]\npath = '{0}'\nvalidation = 0.0\n[model]\nnetwork = '{0}/network.toml'\nwhiten = {whiten}\n[transforms]\naugment = false\n",
            folder.display()
        );
        RecipeBuilder::new().text(&text, "test").unwrap().build().unwrap()
    }

    #[test]
    fn what_whitening_filters_put_out_is_uncorrelated_and_of_one_scale() {
        let folder = tempfile::tempdir().unwrap();
        let recipe = recipe(folder.path(), "{ layer = 'whiten', eps = 1e-9 }");
        let weights = |threads| {
            let run = Run::prepare(recipe.clone(), RunOptions { threads }).unwrap();
            (run.first_weights().unwrap(), run)
        };
        let (weights, run) = {
            assert_eq!(weights(1).0, weights(3).0);
            weights(2)
        };
        let drawn = run.network().init(run.recipe().seed);
        let of = |weights: &Weights, name: &str| weights.get(name).unwrap().as_f32().unwrap().to_vec();
        assert_eq!(of(&weights, "head.weight"), of(&drawn, "head.weight"));
        let (filters, before) = (of(&weights, "whiten.weight"), of(&drawn, "whiten.weight"));
        assert_eq!(filters[8 * 4..], before[8 * 4..], "two filters are left over");
        assert!((0..4 * 4).all(|place| filters[place] == -filters[4 * 4 + place]));

        let network = run.network().up_to(0);
        let mut plan = InferPlan::new(
            &network,
            &weights.select(&network),
            PlanOptions { batch: 64, ..PlanOptions::default() },
        )
        .unwrap();
        let mut sums = [[0.0; 4]; 4];
        let mut places = 0.0;
        for batch in run.train_loader().unwrap().epoch(0) {
            let batch = batch.unwrap();
            let outputs = plan.run(batch.images()).to_vec();
            // An image's map is 8 × 8 × 10.
            for map in outputs.chunks_exact(10 * 64) {
                for pixel in 0..64 {
                    let value = |filter: usize| f64::from(map[pixel * 10 + filter]);
                    (0..16).for_each(|pair| sums[pair / 4][pair % 4] += value(pair / 4) * value(pair % 4));
                    places += 1.0;
                }
            }
        }
        for pair in 0..16 {
            let expected = if pair / 4 == pair % 4 { 1.0 } else { 0.0 };
            let found = sums[pair / 4][pair % 4] / places;
            // The filters are rounded to f32, and eps takes at most a thousandth of the least variance here.
            assert!((found - expected).abs() < 2e-3, "{pair}: {found}");
        }
    }

    #[test]
    fn a_layer_that_cannot_whiten_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let said = |whiten: &str| {
            let error = Run::prepare(recipe(folder.path(), whiten), RunOptions::default()).unwrap_err();
            assert!(matches!(error, TrainError::Recipe(RecipeError::OutOfRange { .. })), "{error}");
            error.to_string()
        };
        assert!(
            said("{ layer = 'whitan' }").contains("did you mean whiten? (its images are read by: whiten)")
        );
        assert!(said("{ layer = 'head' }").contains("is \"head\", a Linear, but must be a Conv2d"));
        let error =
            |setting: &str| RecipeBuilder::new().set(setting).unwrap().build().unwrap_err().to_string();
        assert!(error("model.whiten={layer='a',images=0}").contains("model.whiten.images is 0"));
        assert!(error("model.whiten={layer='a',eps=0.0}").contains("model.whiten.eps is 0"));
    }
}
