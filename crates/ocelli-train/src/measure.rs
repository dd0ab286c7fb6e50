//! Measuring a classifier on labelled images, wherever it came from.

use crate::error::TrainError;
use crate::evaluate::evaluate;
use crate::events::Evaluation;
use ocelli_data::dataset::Stretch;
use ocelli_data::{
    DataError, Dataset, Extent, Image, ImageView, Loader, LoaderOptions, Problem, Source, SourceOptions,
};
use ocelli_model::Classifier;
use ocelli_nn::suggest::nearest;
use std::borrow::Cow;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;

/// How to measure a classifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MeasureOptions {
    /// Images that go through the network at once, at least 1 (default 64).
    pub batch_size: usize,
    /// Threads (default: one for each core). The figures do not depend on it.
    pub threads: usize,
}

impl Default for MeasureOptions {
    fn default() -> Self {
        let threads = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        MeasureOptions { batch_size: 64, threads }
    }
}

/// Measures `classifier` on `images`, whose classes are matched with its own by name.
///
/// Returns the figures, and the images that could not be loaded and are not in them.
///
/// # Errors
/// The images have a class that the classifier does not know, not one of them can be loaded, or the network cannot be run.
pub fn measure(
    classifier: &Classifier,
    images: Arc<dyn Dataset>,
    options: MeasureOptions,
) -> Result<(Evaluation, Vec<Problem>), TrainError> {
    let threads = options.threads.max(1);
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build()
        .map_err(|source| TrainError::Threads { threads, source })?;
    let images = Relabelled::new(images, classifier.classes())?;
    let batch_size = options.batch_size.clamp(1, images.len().max(1));
    // Every image is seen once: nothing need be kept.
    let keep = SourceOptions { cache_bytes: 0, ..SourceOptions::default() };
    let source = Source::new(Arc::new(images), classifier.transforms(), &keep).map_err(TrainError::Data)?;
    let order = LoaderOptions { workers: threads, ..LoaderOptions::in_order(batch_size) };
    let mut loader =
        Loader::new(Arc::new(source), classifier.transforms(), &order).map_err(TrainError::Data)?;
    let (network, weights) = (classifier.network(), classifier.weights());
    let rows = batch_size * loader.views();
    let found = pool.install(|| evaluate(network, weights, rows, loader.epoch(0)));
    let problems = loader.take_problems();
    match found {
        Ok(found) => Ok((found, problems)),
        Err(error) => Err(error.with_problems(problems, &loader)),
    }
}

/// A dataset whose labels count in a classifier's classes.
struct Relabelled {
    images: Arc<dyn Dataset>,
    classes: Vec<String>,
    /// The classifier's class for each class of the images.
    labels: Vec<u32>,
}

impl Relabelled {
    fn new(images: Arc<dyn Dataset>, classes: &[String]) -> Result<Self, TrainError> {
        let place = |name: &String| {
            let found = classes.iter().position(|class| class == name);
            found.map(|place| place as u32).ok_or_else(|| TrainError::UnknownClass {
                name: name.clone(),
                suggestion: nearest(name, classes.iter().map(String::as_str)).map(str::to_string),
            })
        };
        let labels = images.classes().iter().map(place).collect::<Result<_, _>>()?;
        Ok(Relabelled { images, classes: classes.to_vec(), labels })
    }
}

impl Dataset for Relabelled {
    fn len(&self) -> usize {
        self.images.len()
    }

    fn classes(&self) -> &[String] {
        &self.classes
    }

    fn label(&self, index: usize) -> u32 {
        self.labels[self.images.label(index) as usize]
    }

    fn weight(&self, index: usize) -> f32 {
        self.images.weight(index)
    }

    fn name(&self, index: usize) -> Cow<'_, str> {
        self.images.name(index)
    }

    fn path(&self, index: usize) -> Option<&Path> {
        self.images.path(index)
    }

    fn load(&self, index: usize) -> Result<Image, DataError> {
        self.images.load(index)
    }

    fn encoded(&self, index: usize) -> Result<Option<Vec<u8>>, DataError> {
        self.images.encoded(index)
    }

    fn key(&self, index: usize) -> Option<u128> {
        self.images.key(index)
    }

    fn stretches(&self) -> &[Stretch] {
        self.images.stretches()
    }

    fn view(&self, index: usize) -> Option<ImageView<'_>> {
        self.images.view(index)
    }

    fn extent(&self) -> Extent {
        self.images.extent()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ocelli_data::dataset::{MemoryDataset, contract};

    fn images(classes: &[&str]) -> Arc<dyn Dataset> {
        let classes: Vec<String> = classes.iter().map(|name| name.to_string()).collect();
        let labels = (0..classes.len() as u32).collect();
        let pixels = vec![7; classes.len() * 4];
        Arc::new(MemoryDataset::new("m", classes, labels, (2, 2, 1), pixels).unwrap())
    }

    #[test]
    fn classes_are_matched_by_name() {
        let classes = ["ant", "bee", "cat"].map(String::from);
        let relabelled = Relabelled::new(images(&["cat", "ant"]), &classes).unwrap();
        assert_eq!((relabelled.label(0), relabelled.label(1)), (2, 0));
        contract::check(&relabelled);
        let error = Relabelled::new(images(&["ants"]), &classes).err().unwrap().to_string();
        assert!(error.contains("class ants") && error.contains("did you mean ant?"), "{error}");
    }
}
