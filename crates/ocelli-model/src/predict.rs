//! Predicting: images in, class probabilities out.

use crate::classifier::Classifier;
use crate::error::ModelError;
use ocelli_data::{Compiled, DataError, Image, ImageView, Key, Limits, Workspace, decode};
use ocelli_nn::plan::{InferPlan, PlanOptions};
use rayon::prelude::*;
use serde::Serialize;
use std::num::NonZeroUsize;
use std::path::Path;

/// How to predict.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PredictOptions {
    /// Images that go through the network at once, at least 1 (default 32). Memory grows with it.
    pub batch: usize,
    /// Threads (default: one for each core). Answers do not depend on it.
    pub threads: usize,
    /// Classes named in each [`Prediction`], the likeliest first, at least 1 (default 5; never more than there are).
    pub top_k: usize,
    /// What an image file may ask for before it is refused.
    pub limits: Limits,
}

impl Default for PredictOptions {
    fn default() -> Self {
        let threads = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        PredictOptions { batch: 32, threads, top_k: 5, limits: Limits::default() }
    }
}

/// What an image shows.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Prediction {
    /// The likeliest class.
    pub label: String,
    /// Its probability, 0 to 1.
    pub probability: f32,
    /// Whether that is less than the classifier asks of an answer ([`Classifier::reject`]).
    pub rejected: bool,
    /// Of a multi-label classifier: all classes that the image has, with their probabilities, the likeliest first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub labels: Option<Vec<(String, f32)>>,
    /// The likeliest classes with their probabilities, the likeliest first.
    pub top: Vec<(String, f32)>,
}

/// A classifier made ready to predict many times: its network planned, its threads started, its buffers there.
pub struct Predictor<'a> {
    classifier: &'a Classifier,
    transforms: Compiled,
    plan: InferPlan,
    pool: rayon::ThreadPool,
    options: PredictOptions,
    /// One batch, images × views × height × width × channels.
    input: Vec<f32>,
}

impl std::fmt::Debug for Predictor<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Predictor").field("options", &self.options).finish_non_exhaustive()
    }
}

impl<'a> Predictor<'a> {
    pub(crate) fn new(classifier: &'a Classifier, options: PredictOptions) -> Result<Self, ModelError> {
        let options =
            PredictOptions { batch: options.batch.max(1), threads: options.threads.max(1), ..options };
        let threads = options.threads;
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .map_err(|source| ModelError::Threads { threads, source })?;
        let (height, width, channels) = classifier.input();
        let transforms =
            Compiled::new(classifier.transforms(), (height, width, channels)).map_err(ModelError::Image)?;
        let rows = options.batch * transforms.views();
        let plan = PlanOptions { batch: rows, ..PlanOptions::default() };
        let plan = pool
            .install(|| InferPlan::new(classifier.network(), classifier.weights(), plan))
            .map_err(ModelError::Plan)?;
        let input = vec![0.0; rows * height * width * channels];
        Ok(Predictor { classifier, transforms, plan, pool, options, input })
    }

    /// Says what each image shows, in order. Images may have any size; the classifier's transforms bring them to the
    /// network's.
    ///
    /// # Errors
    /// An image has other channels than the network.
    pub fn predict(&mut self, images: &[Image]) -> Result<Vec<Prediction>, ModelError> {
        let answers = self.answer(images, |transforms, image, space, out| {
            transforms.run(image.view(), Key::default(), space, out)
        });
        answers.into_iter().map(|answer| answer.map_err(ModelError::Image)).collect()
    }

    /// Says what each image file shows: one answer for each path, in order. A file that cannot be read is an error in its
    /// own place and does not touch the others.
    pub fn predict_files<P: AsRef<Path> + Sync>(
        &mut self,
        paths: &[P],
    ) -> Vec<Result<Prediction, DataError>> {
        let (limits, channels) = (self.options.limits, self.classifier.image_channels());
        self.answer(paths, |transforms, path, space, out| {
            let image = decode::read(path, channels.clone()?, &limits)?;
            transforms.run(ImageView::from(&image), Key::default(), space, out)
        })
    }

    /// Runs `prepare` for each input and the network over those that it could prepare, batch by batch.
    fn answer<T: Sync>(
        &mut self,
        inputs: &[T],
        prepare: impl Fn(&Compiled, &T, &mut Workspace, &mut [f32]) -> Result<(), DataError> + Sync,
    ) -> Vec<Result<Prediction, DataError>> {
        let Predictor { classifier, transforms, plan, pool, options, input } = self;
        let image = input.len() / options.batch;
        let mut answers = Vec::with_capacity(inputs.len());
        for chunk in inputs.chunks(options.batch) {
            let prepared: Vec<Result<(), DataError>> = pool.install(|| {
                let places = chunk.par_iter().zip(input.par_chunks_exact_mut(image));
                let ready = places.map_init(Workspace::default, |space, (item, out)| {
                    let done = prepare(transforms, item, space, out);
                    // A place that was not filled goes through the network as nothing and its answer is not read.
                    done.inspect_err(|_| out.fill(0.0))
                });
                ready.collect()
            });
            let outputs = pool.install(|| plan.run(&input[..chunk.len() * image]));
            let each = outputs.chunks_exact(classifier.classes().len() * transforms.views());
            answers.extend(
                prepared
                    .into_iter()
                    .zip(each)
                    .map(|(ready, output)| ready.map(|()| explain(classifier, output, options.top_k))),
            );
        }
        answers
    }
}

/// The network's output for the views of one image as a [`Prediction`].
fn explain(classifier: &Classifier, output: &[f32], top_k: usize) -> Prediction {
    let mut probabilities = vec![0.0; classifier.classes().len()];
    classifier.readout().probabilities(output, &mut probabilities);
    classifier.prediction(&probabilities, top_k)
}

impl Classifier {
    /// What an image shows by the probability of each class, as [`readout`](Classifier::readout) gives them, with as many classes
    /// named as `top_k` says, at least 1.
    ///
    /// # Panics
    /// If there is not one probability for each class.
    pub fn prediction(&self, probabilities: &[f32], top_k: usize) -> Prediction {
        assert_eq!(probabilities.len(), self.classes().len(), "one probability for each class");
        let mut order: Vec<usize> = (0..probabilities.len()).collect();
        // Equal probabilities keep the order of the classes.
        order.sort_by(|a, b| probabilities[*b].total_cmp(&probabilities[*a]));
        let name = |class: usize| (self.classes()[class].clone(), probabilities[class]);
        let has = |thresholds: &[f32]| {
            let taken = order.iter().filter(|class| probabilities[**class] >= thresholds[**class]);
            taken.map(|class| name(*class)).collect()
        };
        let labels = self.thresholds().map(has);
        let top: Vec<_> = order.iter().copied().take(top_k.max(1)).map(name).collect();
        let (label, probability) = top[0].clone();
        let rejected = self.reject().is_some_and(|least| probability < least);
        Prediction { label, probability, rejected, labels, top }
    }
}
