//! One version of a model, loaded.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant, SystemTime};

use ocelli_data::{Channels, Compiled, Image, ImageView, Key, Workspace, decode};
use ocelli_model::{Classifier, ModelError};
use ocelli_nn::Shape;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use super::batcher::{Batcher, Job};
use super::{Bounds, Failure, Picture, Shared};
use crate::ModelSource;
use crate::metrics::{Metrics, ModelLabels};

/// A classifier whose network waits, planned, on a thread of its own. That thread ends when the last who has the model lets it go, so
/// that what was asked is answered even when the file has changed meanwhile.
pub(crate) struct Model {
    classifier: Classifier,
    channels: Channels,
    transforms: Compiled,
    pub(crate) name: String,
    pub(crate) version: u64,
    /// When it was loaded.
    pub(crate) loaded: SystemTime,
    bounds: Bounds,
    decoders: Arc<Semaphore>,
    metrics: Arc<Metrics>,
    labels: ModelLabels,
    /// One for each image that may wait.
    places: Arc<Semaphore>,
    /// Images that are being decoded: what a batch may wait for.
    coming: Arc<AtomicUsize>,
    jobs: mpsc::Sender<Job>,
    thread: std::thread::JoinHandle<()>,
}

/// What a model says of a picture.
#[derive(Debug)]
pub(crate) struct Answer {
    /// Of each class.
    pub(crate) probabilities: Vec<f32>,
    /// How long it took.
    pub(crate) timing: Timing,
}

/// How long the parts of an answer took.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Timing {
    /// Decoding, and the transforms.
    pub(crate) prepare: Duration,
    /// Waiting for others, and for the network.
    pub(crate) wait: Duration,
    /// The network.
    pub(crate) infer: Duration,
    /// Images that went through it together.
    pub(crate) batch: usize,
}

impl Model {
    /// Loads a model's file, plans its network, and starts its thread.
    pub(crate) fn load(source: &ModelSource, shared: &Shared) -> Result<Self, ModelError> {
        let classifier = Classifier::load(&source.path)?;
        let Shape::Map { channels, height, width } = classifier.network().input() else {
            unreachable!("a classifier's network takes images")
        };
        let transforms = Compiled::new(classifier.transforms(), (height, width, channels));
        let transforms = transforms.map_err(ModelError::Image)?;
        let coming = Arc::new(AtomicUsize::new(0));
        let labels = ModelLabels { model: source.name.clone(), version: source.version };
        let (jobs, queue) = mpsc::channel();
        let batcher = Batcher::new(&classifier, &transforms, shared, queue, coming.clone(), labels.clone())?;
        let thread = std::thread::Builder::new()
            .name(format!("batch-{}", source.name))
            .spawn(move || batcher.run())
            .map_err(|source_| ModelError::Io {
                path: source.path.clone(),
                doing: "served",
                source: source_,
            })?;
        Ok(Self {
            channels: classifier.image_channels().map_err(ModelError::Image)?,
            classifier,
            transforms,
            name: source.name.clone(),
            version: source.version,
            loaded: SystemTime::now(),
            bounds: shared.bounds,
            decoders: shared.decoders.clone(),
            metrics: shared.metrics.clone(),
            labels,
            places: Arc::new(Semaphore::new(shared.bounds.queue)),
            coming,
            jobs,
            thread,
        })
    }

    /// The classifier.
    pub(crate) fn classifier(&self) -> &Classifier {
        &self.classifier
    }

    /// Channels of images before the transforms.
    pub(crate) fn image_channels(&self) -> usize {
        self.channels.count()
    }

    /// Height, width and channels of what the network takes.
    pub(crate) fn input(&self) -> (usize, usize, usize) {
        self.transforms.shape()
    }

    /// Whether its thread is there: it is gone only if it panicked.
    pub(crate) fn is_alive(&self) -> bool {
        !self.thread.is_finished()
    }

    /// An answer for each picture, in order.
    ///
    /// # Errors
    /// There is no place for so many; nothing was begun then.
    pub(crate) async fn answer(
        self: &Arc<Self>,
        pictures: Vec<Picture>,
    ) -> Result<Vec<Result<Answer, Failure>>, Failure> {
        let asked = pictures.len();
        if asked > self.bounds.queue {
            return Err(Failure::TooMany { asked, queue: self.bounds.queue });
        }
        let places = u32::try_from(asked).unwrap_or(u32::MAX);
        let mut places = self.places.clone().try_acquire_many_owned(places).map_err(|_| Failure::Busy)?;
        let mut waiting = Vec::with_capacity(asked);
        for picture in pictures {
            let place = places.split(1).expect("there is a place for each");
            waiting.push(self.begin(picture, place).await);
        }
        let mut answers = Vec::with_capacity(asked);
        for answer in waiting {
            answers.push(answer.await.unwrap_or(Err(Failure::Lost)));
        }
        Ok(answers)
    }

    /// Has a picture prepared, as soon as a thread is free for it, and then batched.
    async fn begin(
        self: &Arc<Self>,
        picture: Picture,
        place: OwnedSemaphorePermit,
    ) -> oneshot::Receiver<Result<Answer, Failure>> {
        let coming = Coming::new(&self.coming);
        let (reply, answer) = oneshot::channel();
        let decoder = self.decoders.clone().acquire_owned().await;
        let model = self.clone();
        tokio::task::spawn_blocking(move || {
            let _decoder = decoder;
            if reply.is_closed() {
                return;
            }
            let begun = Instant::now();
            let prepared = model.prepare(&picture);
            let prepare = begun.elapsed();
            // Not after the job is sent: whoever takes it would wait for what has come already.
            drop(coming);
            match prepared {
                Ok(values) => {
                    model.metrics.prepared(&model.labels, prepare);
                    let job = Job { values, reply, prepare, since: Instant::now(), _place: place };
                    // Where the thread is gone, whoever waits learns of it by the loss of `reply`.
                    let _ = model.jobs.send(job);
                }
                // Whoever asked may have gone.
                Err(failure) => drop(reply.send(Err(failure))),
            }
        });
        answer
    }

    /// What the network takes for a picture, one after the other for several views.
    fn prepare(&self, picture: &Picture) -> Result<Vec<f32>, Failure> {
        let (height, width, channels) = self.transforms.shape();
        let run = |image: ImageView<'_>| {
            let mut values = vec![0.0; self.transforms.views() * height * width * channels];
            self.transforms.run(image, Key::default(), &mut Workspace::default(), &mut values)?;
            Ok(values)
        };
        match picture {
            Picture::File { bytes, name } => run(self.decode(bytes, name)?.view()),
            Picture::Pixels { height, width, bytes } => {
                run(ImageView::new(*height, *width, self.channels.count(), bytes))
            }
            Picture::Values(values) => Ok(values.channels_last(channels, height * width)?),
        }
    }

    /// An image file as the transforms take it.
    pub(crate) fn decode(&self, bytes: &[u8], name: &str) -> Result<Image, Failure> {
        Ok(decode::decode(bytes, name, self.channels, &self.bounds.limits)?)
    }

    /// Runs something that takes time for a picture, such as drawing, on a thread for that.
    pub(crate) async fn aside<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Self) -> T + Send + 'static,
    ) -> Result<T, Failure> {
        let decoder = self.decoders.clone().acquire_owned().await;
        let model = self.clone();
        let done = tokio::task::spawn_blocking(move || {
            let _decoder = decoder;
            work(&model)
        });
        done.await.map_err(|_| Failure::Lost)
    }
}

/// Counts one while it lives.
struct Coming(Arc<AtomicUsize>);

impl Coming {
    fn new(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count.clone())
    }
}

impl Drop for Coming {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
