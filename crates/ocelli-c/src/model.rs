//! A classifier made ready: what a handle of C's points to.

use std::ffi::CString;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::thread::JoinHandle;

use ocelli_data::{Channels, Compiled, Image, Key, Limits, Workspace, decode};
use ocelli_model::{Classifier, ModelError, Readout};
use ocelli_nn::Shape;
use ocelli_nn::plan::{InferPlan, PlanOptions};
use rayon::ThreadPool;

use crate::error::Failure;

/// The most threads of a model: more are a mistake.
const MAX_THREADS: usize = 1024;

/// A classifier, its network planned for one image and its threads started. Callers decode and resize on their own threads, all at a
/// time; the network is behind a lock, and has all the model's threads for one image after the other.
pub(crate) struct Model {
    /// The names of the classes.
    pub(crate) classes: Vec<CString>,
    /// What the likeliest class needs for an answer, where it was set.
    pub(crate) reject: Option<f32>,
    /// From which probability on an image has each class, where it may have several.
    pub(crate) thresholds: Option<Vec<f32>>,
    channels: Channels,
    transforms: Compiled,
    readout: Readout,
    plan: Mutex<InferPlan>,
    workers: Workers,
}

impl Model {
    /// Makes a classifier ready, with so many threads; 0 is one for each core. The weights are kept once, as the plan has them.
    pub(crate) fn new(classifier: &Classifier, threads: u32) -> Result<Self, Failure> {
        let workers = Workers::start(threads as usize)?;
        let name = |class: &String| {
            let reason =
                format!("class {class:?} has a zero byte in its name, where the name would end in C");
            CString::new(class.as_str()).map_err(|_| ModelError::Mismatch { reason })
        };
        let Shape::Map { channels, height, width } = classifier.network().input() else {
            unreachable!("a classifier's network takes images")
        };
        let transforms = Compiled::new(classifier.transforms(), (height, width, channels))?;
        let options = PlanOptions { batch: transforms.views(), ..PlanOptions::default() };
        let plan =
            workers.pool.install(|| InferPlan::new(classifier.network(), classifier.weights(), options));
        Ok(Self {
            classes: classifier.classes().iter().map(name).collect::<Result<_, _>>()?,
            reject: classifier.reject(),
            thresholds: classifier.thresholds().map(<[f32]>::to_vec),
            channels: classifier.image_channels()?,
            transforms,
            readout: classifier.readout(),
            plan: Mutex::new(plan.map_err(ModelError::Plan)?),
            workers,
        })
    }

    /// What images are brought to before the transforms.
    pub(crate) fn channels(&self) -> Channels {
        self.channels
    }

    /// The probability of each class for an image file.
    pub(crate) fn predict_file(&self, path: &Path, probabilities: &mut [f32]) -> Result<(), Failure> {
        self.predict(&decode::read(path, self.channels, &Limits::default())?, probabilities)
    }

    /// The same for one in memory.
    pub(crate) fn predict_bytes(&self, bytes: &[u8], probabilities: &mut [f32]) -> Result<(), Failure> {
        let image = decode::decode(bytes, "the image", self.channels, &Limits::default())?;
        self.predict(&image, probabilities)
    }

    /// The same for an image of the model's channels. `probabilities` has a place for each class.
    pub(crate) fn predict(&self, image: &Image, probabilities: &mut [f32]) -> Result<(), Failure> {
        let (height, width, channels) = self.transforms.shape();
        let mut input = vec![0.0; self.transforms.views() * height * width * channels];
        self.transforms.run(image.view(), Key::default(), &mut Workspace::default(), &mut input)?;
        // A call that panicked left nothing that the next one reads.
        let mut plan = self.plan.lock().unwrap_or_else(PoisonError::into_inner);
        let plan = &mut *plan;
        let outputs = self.workers.pool.install(|| plan.run(&input));
        self.readout.probabilities(outputs, probabilities);
        Ok(())
    }
}

/// A model's threads. Dropped, it waits until they have ended, so that the library may be unloaded then.
struct Workers {
    // Fields are dropped in their order: what lets the threads end, then what waits for them.
    pool: ThreadPool,
    _threads: Threads,
}

struct Threads(Vec<JoinHandle<()>>);

impl Drop for Threads {
    fn drop(&mut self) {
        for thread in self.0.drain(..) {
            // One that panicked has ended too.
            let _ = thread.join();
        }
    }
}

impl Workers {
    fn start(threads: usize) -> Result<Self, Failure> {
        if threads > MAX_THREADS {
            let reason =
                format!("{threads} threads, but a model has {MAX_THREADS} at most; 0 is one for each core");
            return Err(Failure::Argument(reason));
        }
        let cores = || std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        let threads = if threads == 0 { cores() } else { threads };
        let mut started = Threads(Vec::with_capacity(threads));
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .spawn_handler(|thread| {
                let named = std::thread::Builder::new().name(format!("ocelli-{}", thread.index()));
                started.0.push(named.spawn(|| thread.run())?);
                Ok(())
            })
            .build()
            .map_err(|source| ModelError::Threads { threads, source })?;
        Ok(Self { pool, _threads: started })
    }
}
