//! Ocelli turns a folder of labelled images into a trained convolutional network, and runs it, on the CPU.
//!
//! Images flow one way: files become a [`Dataset`](data::Dataset), [`transforms`](data::transforms) make numbers of them,
//! a [`Loader`](data::Loader) makes batches, a [`TrainPlan`](nn::plan::TrainPlan) runs a
//! [`Network`](nn::Network) forward and backward, and an [optimizer](train::Optimizer) changes its weights. What comes out
//! is a [`Classifier`](model::Classifier): preprocessing, network, weights and class names in one `.safetensors` file.
//! Names, defaults and arithmetic are PyTorch's; tensors have its layouts.
//!
//! # Train on a folder, predict
//!
//! A folder with a folder of images for each class is enough. [`RecipeBuilder`](train::RecipeBuilder) says what to do,
//! [`Run`](train::Run) does it.
//!
//! ```no_run
//! use ocelli::prelude::*;
//! use std::path::Path;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let recipe = RecipeBuilder::new().set("data.path=photos")?.set("train.epochs=5")?.build()?;
//! let run = Run::prepare(recipe, RunOptions::default())?;
//! let outcome = run.train(Path::new("runs/photos"), &mut |_: &Event<'_>| {})?;
//!
//! let classifier = Classifier::load(outcome.model)?;
//! for answer in classifier.predict_files(&["holiday.jpg"])? {
//!     println!("{}", answer?.label);
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # A network and a training loop of your own
//!
//! The parts serve alone as well. Images in memory are channels-last, N×H×W×C, though shapes are spoken C×H×W.
//!
//! ```
//! use ocelli::prelude::*;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let network = Sequential::new(Shape::map(1, 8, 8))
//!     .conv2d(Conv2d::new(1, 4, 3).padding(1))
//!     .relu()
//!     .max_pool2d(2)
//!     .flatten()
//!     .linear(4 * 4 * 4, 2)
//!     .build("small")?;
//!
//! // Four images, dark (class 0) or light (class 1).
//! let images: Vec<f32> = (0..4 * 64).map(|pixel| (pixel / 64 % 2) as f32).collect();
//! let (labels, samples) = ([0, 1, 0, 1], [0, 1, 2, 3]);
//!
//! let mut plan = TrainPlan::new(&network, &network.init(1), PlanOptions { batch: 4, ..Default::default() })?;
//! let sgd = Sgd { lr: 0.1, momentum: 0.9, ..Sgd::default() };
//! let mut losses = Vec::new();
//! for epoch in 0..20 {
//!     let logits = plan.forward(&images, &SampleKeys { seed: 1, epoch, samples: &samples });
//!     let mut gradient = vec![0.0; logits.len()];
//!     losses.push(CrossEntropy::default().forward(logits, &labels, &mut gradient));
//!     plan.backward(&gradient);
//!     plan.step(&sgd);
//! }
//! assert!(losses[19] < losses[0] / 10.0, "{losses:?}");
//!
//! let mut plan = InferPlan::new(&network, &plan.weights(), PlanOptions { batch: 4, ..Default::default() })?;
//! let logits = plan.run(&images);
//! assert!(logits[0] > logits[1] && logits[2] < logits[3]);
//! # Ok(())
//! # }
//! ```
//!
//! # What is where
//!
//! - [`data`]: decoding, datasets, transforms, the loader.
//! - [`nn`]: layers, networks by builder, name or TOML file, weights, summaries, plans.
//! - [`train`]: recipes, runs, the trainer, optimizers, schedules, the loss, evaluation and its [figures](train::metrics).
//! - [`model`]: the classifier and its file.
//! - [`export`]: the classifier for other runtimes: ONNX, TorchScript and a page for browsers; and the check that it answers the same there.
//! - [`report`]: what a classifier has learnt, why it answers as it does, and how well: as pictures, and as one page;
//!   and what a search found.
//! - [`track`]: runs, their parameters, metrics and files, in MLflow's formats.
//! - [`tune`]: searches for good settings: spaces, samplers, pruners, studies in Optuna's journals.
//! - [`kernels`]: the arithmetic on slices, and the random streams.
//!
//! Results depend on the seed and on nothing else: any number of threads gives the same bits.

pub use ocelli_data as data;
pub use ocelli_export as export;
pub use ocelli_kernels as kernels;
pub use ocelli_model as model;
pub use ocelli_nn as nn;
pub use ocelli_report as report;
pub use ocelli_track as track;
pub use ocelli_train as train;
pub use ocelli_tune as tune;

pub mod prelude;

/// The document's code compiles.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/pretrained.md")]
struct Pretrained;

/// The document's code compiles.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/tracking.md")]
struct Tracking;

/// The document's code compiles.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/tuning.md")]
struct Tuning;

/// The document's code compiles.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/exporting.md")]
struct Exporting;
