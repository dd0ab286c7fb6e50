//! The sections of a recipe, with their defaults and ranges.

use super::{ClassWeights, LossChoice, RecipeError};
use crate::averages::Lookahead;
use crate::batch_size::MOST;
use crate::groups::{Freeze, Group, Unfreeze};
use crate::optimizer::{AdamW, Optimizer};
use crate::run::{Resize, check_resize};
use crate::sam::Sam;
use crate::schedule::{OneCycle, Schedule, Warmup};
use crate::whiten::Whiten;
use ocelli_data::Sampler;
use ocelli_nn::init::Rule;
use serde::{Deserialize, Serialize};

/// `[data]`: what to train on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DataSection {
    /// A folder (class per folder, with or without `train/`, `val/` and `test/`; IDX files; CIFAR-10 or CIFAR-100 binary), a
    /// manifest (CSV, JSON Lines), or the name of a data set that ships with Ocelli (default `sample`).
    pub path: String,
    /// Train on CIFAR-100's 20 superclasses, not its 100 classes (default false).
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub coarse_labels: bool,
    /// The share of the training images, of every class alike, that validates when the data has no `val` part (default 0.1).
    pub validation: f64,
    /// The share of the images that is kept for the test when the data is one tree without parts (default 0.1).
    pub test: f64,
    /// What stands between the labels of an image in the column `labels` of a manifest (default `|`).
    #[serde(skip_serializing_if = "is_bar")]
    pub label_separator: char,
    /// Refuse data with files that cannot be used, instead of leaving them out and naming each (default false).
    pub strict: bool,
    /// A folder for decoded and resized images, where later epochs and later runs find them (default: none; what fits into 1
    /// GiB of memory is kept there in any case).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache: Option<String>,
    /// The most bytes that one file in that folder may take (default 32 GiB).
    pub cache_bytes: u64,
    /// Decode JPEG files at a half, a quarter or an eighth of their size where a random crop is at least four times as long and wide
    /// as what becomes of it, and neither memory nor `cache` takes all images (default true).
    #[serde(skip_serializing_if = "is_true")]
    pub reduced_jpeg: bool,
    /// Which training images an epoch has: each once (`uniform`, the default), all classes equally often (`balanced`), drawn by
    /// the weights that a manifest gives them (`weighted`), or those of small classes several times (`oversample`, with `to`,
    /// the part of the largest class that each class comes to, default 1).
    #[serde(skip_serializing_if = "is_default")]
    pub sampler: Sampler,
}

fn is_bar(separator: &char) -> bool {
    *separator == '|'
}

fn is_true(value: &bool) -> bool {
    *value
}

fn is_one(value: &u64) -> bool {
    *value == 1
}

pub(super) fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

impl Default for DataSection {
    fn default() -> Self {
        DataSection {
            path: "sample".into(),
            coarse_labels: false,
            validation: 0.1,
            test: 0.1,
            label_separator: '|',
            strict: false,
            cache: None,
            cache_bytes: 32 << 30,
            reduced_jpeg: true,
            sampler: Sampler::Uniform,
        }
    }
}

/// `[model]`: what to train.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ModelSection {
    /// A network by name (see [`ocelli_nn::zoo::NAMES`]) or a TOML file that lists its layers (default `lesson-bn`).
    pub network: String,
    /// A file of weights to begin with: what `torch.save` wrote, safetensors, or a model of Ocelli's. What fits is loaded; a
    /// last layer for other classes begins anew (default: all weights begin anew).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weights: Option<String>,
    /// How its weights begin: rules after the network's own, of which later ones win, such as
    /// `[[model.init]]` with `pattern = "fc.weight"`, `init = "orthogonal"` (default: none).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub init: Vec<Rule>,
    /// A first convolution that begins with filters that whiten patches of the training images (default: none).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub whiten: Option<Whiten>,
}

impl Default for ModelSection {
    fn default() -> Self {
        ModelSection { network: "lesson-bn".into(), weights: None, init: Vec::new(), whiten: None }
    }
}

/// `[train]`: how to train.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TrainSection {
    /// Passes over the training images, at least 1 (default 40).
    pub epochs: u64,
    /// Images in one step, at least 1 (default 64). The last batch of an epoch takes what is left.
    pub batch_size: usize,
    /// The learning rate (with one-cycle, the highest). Left out: what suits the optimizer
    /// ([`Optimizer::usual_lr`]).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lr: Option<f64>,
    /// What turns gradients into steps (default AdamW with weight decay 0.1).
    pub optimizer: Optimizer,
    /// How the learning rate changes over the run (default one-cycle).
    pub schedule: Schedule,
    /// A lower learning rate before the schedule begins, such as `{ length = 5 }` (default: none).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub warmup: Option<Warmup>,
    /// Gradients are scaled down so that all together they have at most this norm, as by PyTorch's `clip_grad_norm_` (default:
    /// none).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clip_norm: Option<f64>,
    /// Every gradient is brought into this distance of 0, as by PyTorch's `clip_grad_value_` (default: none).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clip_value: Option<f64>,
    /// What training makes small: `"cross-entropy"`, or `"focal"` with `gamma`, or, where images may have several labels,
    /// `"binary-cross-entropy"`, or `"sigmoid-focal"` with `gamma` and `alpha` (default: the cross-entropy that suits the data).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub loss: Option<LossChoice>,
    /// How much of each label cross-entropy spreads evenly over all classes, 0 to 1 (default 0). Validation and test measure the
    /// plain cross-entropy.
    pub label_smoothing: f64,
    /// What an image of each class counts in the training loss: `"balanced"` (all classes the same in sum: images / (classes ×
    /// images of the class)), or a list in the order of the classes (default: every image the same). Where images may have several
    /// labels: what having a class counts beside not having it (`"balanced"`: images without it / images with it).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub class_weights: Option<ClassWeights>,
    /// Parameters that stay as they are, by patterns over their names in the `state_dict`: `*` is any run of characters, `?`
    /// one. Entries count in order; one that begins with `!` takes back what came before it, so that `["*", "!fc.*"]`
    /// trains the layer `fc` alone (default: none). As with PyTorch's `requires_grad = False`, a BatchNorm that is frozen
    /// still normalises by the batch in training, and its running averages still move.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub freeze: Vec<Freeze>,
    /// Parameters that are frozen until an epoch alone, such as `{ pattern = "layer4.*", epoch = 3 }` (default: none).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unfreeze: Vec<Unfreeze>,
    /// Parameters with a learning rate or weight decay of their own (default: none).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<Group>,
    /// Whether weight decay is for biases, normalisations and other factors too, as in PyTorch, and not for the weights of
    /// convolutions and linear layers alone (default false). A group's own weight decay is for all that it matches.
    pub decay_norms_and_biases: bool,
    /// Batches of which one step takes the mean gradient, at least 1 (default 1): as a batch so many times as large, but that each
    /// is normalised by itself.
    #[serde(skip_serializing_if = "is_one")]
    pub accumulate: u64,
    /// Smaller training images in the first epochs, such as `{ size = [16, 16], until = 4 }` (default: none).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub resize: Vec<Resize>,
    /// Gradients from the sharpest point nearby: sharpness-aware minimisation (default: none). A step takes twice as long.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sam: Option<Sam>,
    /// The decay of an exponential moving average of the weights, more than 0 and less than 1, such as 0.999: it is what is evaluated
    /// and saved as the model (default: none).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ema_decay: Option<f64>,
    /// Epochs after which stochastic weight averaging begins, less than `epochs`: the mean of the weights after each later one is the
    /// model, with BatchNorm's running averages made anew for it (default: none).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub swa_start: Option<u64>,
    /// Slow weights that the optimizer begins from again every `k` steps (default: none).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lookahead: Option<Lookahead>,
    /// Which validation figure says which epoch is the best, and how long patience lasts (default `val_loss`).
    #[serde(skip_serializing_if = "is_default")]
    pub monitor: Monitor,
    /// Epochs without a better figure after which training ends, at least 1 (default: it goes on to the last).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub patience: Option<u64>,
    /// By how much a figure must be better to count for `patience` (default 0: by anything).
    #[serde(skip_serializing_if = "is_default")]
    pub min_delta: f64,
    /// What happens where the loss is no longer a number: `"stop"` ends the run with the last good checkpoint kept (the
    /// default), `"back-off"` goes back to the last checkpoint of an epoch or of `checkpoint_steps` with half the learning rate, at most
    /// 5 times.
    #[serde(skip_serializing_if = "is_default")]
    pub on_divergence: OnDivergence,
    /// Steps after which a checkpoint is written, besides the one at the end of each epoch (default: none).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub checkpoint_steps: Option<u64>,
    /// Minutes after which a checkpoint is written, besides those; 0 for never (default 5). Results do not depend on it.
    pub checkpoint_minutes: f64,
    /// How many of the newest checkpoints stay, at least 1 (default 2). The best epoch's weights stay in any case.
    pub keep_checkpoints: usize,
}

/// A figure of each epoch that says how good it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Monitor {
    /// The loss on the validation images: far less noisy over a few hundred of them than the accuracy.
    #[default]
    ValLoss,
    /// The accuracy on the validation images.
    ValAccuracy,
}

/// What happens where training diverges.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OnDivergence {
    /// The run ends.
    #[default]
    Stop,
    /// The run goes back to its last checkpoint, with half the learning rate.
    BackOff,
}

impl Default for TrainSection {
    fn default() -> Self {
        let adamw = AdamW { weight_decay: 0.1, ..AdamW::default() };
        TrainSection {
            epochs: 40,
            batch_size: 64,
            lr: None,
            optimizer: Optimizer::AdamW(adamw),
            schedule: Schedule::OneCycle(OneCycle::default()),
            warmup: None,
            clip_norm: None,
            clip_value: None,
            loss: None,
            label_smoothing: 0.0,
            class_weights: None,
            freeze: Vec::new(),
            unfreeze: Vec::new(),
            groups: Vec::new(),
            decay_norms_and_biases: false,
            accumulate: 1,
            resize: Vec::new(),
            sam: None,
            ema_decay: None,
            swa_start: None,
            lookahead: None,
            monitor: Monitor::ValLoss,
            patience: None,
            min_delta: 0.0,
            on_divergence: OnDivergence::Stop,
            checkpoint_steps: None,
            checkpoint_minutes: 5.0,
            keep_checkpoints: 2,
        }
    }
}

impl ModelSection {
    pub(super) fn check(&self) -> Result<(), RecipeError> {
        let Some(whiten) = &self.whiten else { return Ok(()) };
        if let Some(weights) = &self.weights {
            let problem =
                format!("would replace filters of model.weights ({weights}): leave one of the two out");
            return wrong("model.whiten", problem);
        }
        whiten.check()
    }
}

impl DataSection {
    pub(super) fn check(&self) -> Result<(), RecipeError> {
        if i64::try_from(self.cache_bytes).is_err() {
            return wrong(
                "data.cache_bytes",
                format!("is {}, but TOML holds numbers up to {}", self.cache_bytes, i64::MAX),
            );
        }
        if let Sampler::Oversample(oversample) = self.sampler
            && !(0.0..=1.0).contains(&oversample.to)
        {
            return wrong("data.sampler.to", format!("is {}, but must be 0 to 1", oversample.to));
        }
        fraction("data.validation", self.validation)?;
        fraction("data.test", self.test)
    }
}

impl TrainSection {
    pub(super) fn check(&self) -> Result<(), RecipeError> {
        if !(1..=1_000_000).contains(&self.epochs) {
            return wrong("train.epochs", format!("is {}, but must be 1 to 1,000,000", self.epochs));
        }
        if !(1..=MOST).contains(&self.batch_size) {
            return wrong("train.batch_size", format!("is {}, but must be 1 to 65,536", self.batch_size));
        }
        if let Some(lr) = self.lr.filter(|lr| !(*lr > 0.0 && lr.is_finite())) {
            return wrong("train.lr", format!("is {lr}, but must be more than 0"));
        }
        for (key, limit) in [("train.clip_norm", self.clip_norm), ("train.clip_value", self.clip_value)] {
            if let Some(limit) = limit.filter(|limit| !(*limit > 0.0 && limit.is_finite())) {
                return wrong(key, format!("is {limit}, but must be more than 0"));
            }
        }
        self.check_loss()?;
        if let Some(problem) = self.groups.iter().find_map(|group| group.check().err()) {
            return wrong("train.groups", problem);
        }
        if let Some(problem) = self.unfreeze.iter().find_map(|entry| entry.check(self.epochs).err()) {
            return wrong("train.unfreeze", problem);
        }
        check_resize(&self.resize, self.epochs).or_else(|problem| wrong("train.resize", problem))?;
        self.check_averages()?;
        if self.patience == Some(0) {
            return wrong(
                "train.patience",
                "is 0, but must be at least 1; leave it out to train to the end".into(),
            );
        }
        if !(self.min_delta >= 0.0 && self.min_delta.is_finite()) {
            return wrong("train.min_delta", format!("is {}, but must be 0 or more", self.min_delta));
        }
        if self.checkpoint_steps == Some(0) {
            return wrong(
                "train.checkpoint_steps",
                "is 0, but must be at least 1; leave it out for none".into(),
            );
        }
        if !(self.checkpoint_minutes >= 0.0 && self.checkpoint_minutes.is_finite()) {
            return wrong(
                "train.checkpoint_minutes",
                format!("is {}, but must be 0 or more", self.checkpoint_minutes),
            );
        }
        if !(1..=1_000_000).contains(&self.keep_checkpoints) {
            return wrong(
                "train.keep_checkpoints",
                format!("is {}, but must be 1 to 1,000,000", self.keep_checkpoints),
            );
        }
        let named =
            |section: &str, (key, problem): (&str, String)| wrong(&format!("train.{section}.{key}"), problem);
        self.optimizer.check().or_else(|found| named("optimizer", found))?;
        self.schedule.check().or_else(|found| named("schedule", found))?;
        self.warmup.map_or(Ok(()), |warmup| warmup.check().or_else(|found| named("warmup", found)))
    }

    fn check_loss(&self) -> Result<(), RecipeError> {
        let TrainSection { loss, label_smoothing, class_weights, .. } = self;
        if !(0.0..=1.0).contains(label_smoothing) {
            return wrong("train.label_smoothing", format!("is {label_smoothing}, but must be 0 to 1"));
        }
        let checked = loss.map_or(Ok(()), |loss| loss.check(*label_smoothing > 0.0, class_weights.is_some()));
        checked.or_else(|(key, problem)| wrong(&format!("train.{key}"), problem))?;
        match class_weights.as_ref().and_then(|weights| weights.check().err()) {
            Some(problem) => wrong("train.class_weights", problem),
            None => Ok(()),
        }
    }
}

impl TrainSection {
    fn check_averages(&self) -> Result<(), RecipeError> {
        if !(1..=65_536).contains(&self.accumulate) {
            return wrong("train.accumulate", format!("is {}, but must be 1 to 65,536", self.accumulate));
        }
        if let Some(decay) = self.ema_decay.filter(|decay| !(*decay > 0.0 && *decay < 1.0)) {
            return wrong("train.ema_decay", format!("is {decay}, but must be more than 0 and less than 1"));
        }
        if let Some(start) = self.swa_start.filter(|start| *start >= self.epochs) {
            let problem = format!("is {start}, but must be less than train.epochs, {}", self.epochs);
            return wrong("train.swa_start", problem);
        }
        if self.swa_start.is_some() && self.ema_decay.is_some() {
            return wrong(
                "train.swa_start",
                "cannot be with train.ema_decay: each makes the model; leave one of them out".into(),
            );
        }
        let named =
            |section: &str, (key, problem): (&str, String)| wrong(&format!("train.{section}.{key}"), problem);
        self.lookahead
            .map_or(Ok(()), |lookahead| lookahead.check())
            .or_else(|found| named("lookahead", found))?;
        self.sam.map_or(Ok(()), |sam| sam.check()).or_else(|found| named("sam", found))
    }
}

fn wrong(key: &str, problem: String) -> Result<(), RecipeError> {
    Err(RecipeError::OutOfRange { key: key.into(), problem })
}

fn fraction(key: &str, value: f64) -> Result<(), RecipeError> {
    if (0.0..=0.9).contains(&value) {
        return Ok(());
    }
    wrong(key, format!("is {value}, but must be 0 to 0.9"))
}
