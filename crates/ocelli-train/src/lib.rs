//! Training: recipes, optimizers, schedules, the trainer, checkpoints, metrics and evaluation.
//!
//! - A [`Recipe`] is the one description of a run. [`Run::prepare`] opens its data, builds its network and resolves what
//!   was left open; [`Run::train`] trains it and tells an [`Observer`] what happens; [`Resume`] goes on with a run
//!   that was stopped or killed, wherever it was.
//! - [`Trainer`] is the loop inside: batches in, steps made. [`evaluate`] and [`measure`] are its counterparts, and [`metrics`]
//!   says what their predictions are worth.
//! - [`Optimizer`]s such as [`Sgd`] and [`AdamW`], [`Schedule`]s and [losses](Loss) have PyTorch's names, defaults and
//!   arithmetic, and serve a training loop written by hand as well. A [`Teacher`] is a classifier that a trainer learns from
//!   beside the labels.
//!
//! The same recipe on the same data gives the same weights, bit for bit, whatever the number of threads.

mod averages;
mod batch_size;
mod checkpoint;
mod distill;
mod divergence;
mod error;
mod evaluate;
mod events;
mod groups;
mod lint;
mod loss;
mod lr_find;
mod measure;
pub mod metrics;
mod objective;
mod optimizer;
mod recipe;
mod run;
mod sam;
mod schedule;
mod trainer;
mod views;
mod whiten;

pub use averages::{AverageKind, Averaging, Lookahead, update_bn};
pub use batch_size::{BatchLimit, BatchMemory, BatchSizes, BatchSpeed, Measuring};
pub use checkpoint::{PartMark, TestDone};
pub use distill::{Distillation, Teacher, TeacherError, Teaching};
pub use divergence::{Cause, Divergence};
pub use error::TrainError;
pub use evaluate::{collect, evaluate};
pub use events::{
    BackedOff, BatchDone, EpochDone, Evaluation, Event, Observer, Outcome, Resized, Started, Thawed,
};
pub use groups::{Freeze, Group, Unfreeze};
pub use lint::lint;
pub use loss::{BinaryCrossEntropy, CrossEntropy, Focal, Loss, SigmoidFocal};
pub use lr_find::{Ending, LrCurve, LrFindOptions, Suggestion};
pub use measure::{
    MeasureOptions, measure, measure_multi_label, measure_multi_label_watched, measure_watched,
};
pub use metrics::{Confusion, Predictions, Report, ReportOptions};
pub use optimizer::{
    Adagrad, Adam, AdamW, AdamWWithin, AdjustLr, Lamb, Lion, Muon, NAdam, Optimizer, RAdam, RmsProp, Sgd,
};
pub use recipe::{
    ClassWeightRule, ClassWeights, DataSection, DistillSection, FocalChoice, LossChoice, ModelSection,
    Monitor, OnDivergence, Recipe, RecipeBuilder, RecipeError, SigmoidFocalChoice, TrainSection,
    TransformsSection,
};
pub use run::{
    DataInfo, Record, Resize, Resume, Run, RunOptions, SharedData, SwaDone, build_network, claim,
    has_checkpoint, resume,
};
pub use sam::Sam;
pub use schedule::{
    Anneal, By, Clock, Constant, ConstantFactor, Cosine, CosineRestarts, Cyclic, CyclicMode, Exponential,
    Lambda, Linear, Mode, MultiStep, OneCycle, Pace, Plateau, PlateauState, Polynomial, Rates, Schedule,
    Sequence, StepDecay, ThresholdMode, Warmup, WarmupMethod,
};
pub use trainer::{EpochSums, Position, TrainOptions, Trainer, TrainerState};
pub use views::View;
pub use whiten::Whiten;
