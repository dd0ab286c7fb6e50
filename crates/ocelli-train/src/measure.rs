//! Measuring a classifier on labelled images, wherever it came from.

use crate::error::TrainError;
use crate::evaluate::{collect, collect_several};
use crate::metrics::{MultiLabelPredictions, Predictions, at_temperature};
use crate::views::View;
use ocelli_data::dataset::Stretch;
use ocelli_data::{
    Batch, DataError, Dataset, Extent, Image, ImageView, Loader, LoaderOptions, Problem, Source,
    SourceOptions,
};
use ocelli_model::Classifier;
use ocelli_nn::suggest::nearest;
use std::borrow::Cow;
use std::collections::HashSet;
use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// How to measure a classifier.
#[derive(Clone, Debug, PartialEq)]
pub struct MeasureOptions {
    /// Images that go through the network at once, at least 1 (default 64).
    pub batch_size: usize,
    /// Threads (default: one for each core). The figures do not depend on it.
    pub threads: usize,
    /// Ways to see each image beside the classifier's own; probabilities are averaged (default: none).
    pub views: Vec<View>,
    /// Decides what random transforms among the views draw (default 0).
    pub seed: u64,
}

impl Default for MeasureOptions {
    fn default() -> Self {
        let threads = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        MeasureOptions { batch_size: 64, threads, views: Vec::new(), seed: 0 }
    }
}

/// Asks `classifier` what `images` show, whose classes are matched with its own by name.
///
/// Returns what it says, at its temperature, which takes 4 bytes for each image and class; and the images that could not be loaded
/// and are not in it. With views, what is decoded is kept in memory up to 1 GiB from one to the next.
///
/// # Errors
/// The classifier or the images have several labels an image, the images have a class that the classifier does not know, not one of
/// them can be loaded, a view cannot be, or the network cannot be run.
pub fn measure(
    classifier: &Classifier,
    images: Arc<dyn Dataset>,
    options: &MeasureOptions,
) -> Result<(Predictions, Vec<Problem>), TrainError> {
    measure_watched(classifier, images, options, |_| ControlFlow::Continue(()))
}

/// As [`measure`]; `watch` is told with each batch how many images of it go through the network: in all as many as can be loaded,
/// for each list of views; and says whether to go on.
///
/// # Errors
/// As [`measure`]; [`TrainError::MeasuringStopped`] if `watch` said so.
pub fn measure_watched(
    classifier: &Classifier,
    images: Arc<dyn Dataset>,
    options: &MeasureOptions,
    watch: impl Fn(u64) -> ControlFlow<()> + Sync,
) -> Result<(Predictions, Vec<Problem>), TrainError> {
    if classifier.is_multi_label() {
        let reason = "the classifier tells several labels an image: measure it with measure_multi_label";
        return Err(TrainError::Labels { reason });
    }
    if images.is_multi_label() {
        let reason = "the images have several labels, but the classifier tells one an image: take one that was trained on such";
        return Err(TrainError::Labels { reason });
    }
    let images: Arc<dyn Dataset> = Arc::new(Relabelled::new(images, classifier.classes())?);
    let (said, problems) = ask(classifier, &images, options, |index| images.label(index), watch)?;
    Ok((at_temperature(said, classifier.temperature().unwrap_or(1.0)), problems))
}

/// As [`measure`], for a classifier of images that may have several labels; `images` may have one each as well. What it says takes 8
/// bytes for each image and class: what a probability lacks of one is kept beside it, so that the loss is that of the logits.
///
/// # Errors
/// The classifier tells one label an image, or as [`measure`].
pub fn measure_multi_label(
    classifier: &Classifier,
    images: Arc<dyn Dataset>,
    options: &MeasureOptions,
) -> Result<(MultiLabelPredictions, Vec<Problem>), TrainError> {
    measure_multi_label_watched(classifier, images, options, |_| ControlFlow::Continue(()))
}

/// As [`measure_multi_label`], with `watch` as in [`measure_watched`].
///
/// # Errors
/// As [`measure_multi_label`]; [`TrainError::MeasuringStopped`] if `watch` said so.
pub fn measure_multi_label_watched(
    classifier: &Classifier,
    images: Arc<dyn Dataset>,
    options: &MeasureOptions,
    watch: impl Fn(u64) -> ControlFlow<()> + Sync,
) -> Result<(MultiLabelPredictions, Vec<Problem>), TrainError> {
    if !classifier.is_multi_label() {
        return Err(TrainError::Labels {
            reason: "the classifier tells one label an image: measure it with measure",
        });
    }
    let images: Arc<dyn Dataset> = Arc::new(Relabelled::new(images, classifier.classes())?);
    ask(classifier, &images, options, |index| images.labels(index).into_owned(), watch)
}

/// What the network says of images of which `label` says what is known, before any temperature.
fn ask<T>(
    classifier: &Classifier,
    images: &Arc<dyn Dataset>,
    options: &MeasureOptions,
    label: impl Fn(usize) -> T + Sync,
    watch: impl Fn(u64) -> ControlFlow<()> + Sync,
) -> Result<(Predictions<T>, Vec<Problem>), TrainError>
where
    T: Send,
{
    let threads = options.threads.max(1);
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build()
        .map_err(|source| TrainError::Threads { threads, source })?;
    let batch_size = options.batch_size.clamp(1, images.len().max(1));
    let lists = View::lists(&options.views, classifier.transforms(), classifier.network().input())?;
    // Where every image is seen once, nothing need be kept.
    let cache_bytes = if lists.len() > 1 { SourceOptions::default().cache_bytes } else { 0 };
    let keep = SourceOptions { cache_bytes, ..SourceOptions::default() };
    let source = Arc::new(Source::new(Arc::clone(images), &lists[0], &keep).map_err(TrainError::Data)?);
    let order = LoaderOptions { workers: threads, seed: options.seed, ..LoaderOptions::in_order(batch_size) };
    let mut problems: Vec<Problem> = Vec::new();
    let mut mean = None;
    for (number, list) in (0..).zip(&lists) {
        let mut loader = Loader::new(Arc::clone(&source), list, &order).map_err(TrainError::Data)?;
        let (network, weights, rows) =
            (classifier.network(), classifier.weights(), batch_size * loader.views());
        // A temperature is for the mean over all views.
        let readout = classifier.readout().at_temperature(1.0);
        let stopped = AtomicBool::new(false);
        let goes_on = |batch: &Result<Batch, DataError>| {
            let told = batch.as_ref().map(|batch| watch(batch.indices().count() as u64));
            let goes_on = !matches!(told, Ok(ControlFlow::Break(())));
            stopped.fetch_or(!goes_on, Ordering::Relaxed);
            goes_on
        };
        let batches = loader.epoch(number).take_while(goes_on);
        let found = pool.install(|| match classifier.is_multi_label() {
            true => collect_several(network, weights, rows, batches, &label),
            false => collect(network, weights, readout, rows, batches, &label),
        });
        if stopped.into_inner() {
            return Err(TrainError::MeasuringStopped);
        }
        let told = loader.take_problems();
        let found = found.map_err(|error| error.with_problems(told.clone(), &loader))?;
        problems.extend(told.into_iter().filter(|problem| !problems.contains(problem)).collect::<Vec<_>>());
        add(&mut mean, found, lists.len() as f32);
    }
    let mean = mean.unwrap_or_else(|| Predictions::new(classifier.classes().len(), 0));
    Ok((mean, problems))
}

/// Adds what is said of one list's images to a mean over `lists`; an image that is not in all of them is in none.
fn add<T>(mean: &mut Option<Predictions<T>>, mut found: Predictions<T>, lists: f32) {
    if lists > 1.0 {
        found.divide(lists);
    }
    let Some(sum) = mean else {
        *mean = Some(found);
        return;
    };
    if sum.ids() != found.ids() {
        let [known, new]: [HashSet<u64>; 2] =
            [&*sum, &found].map(|part| part.ids().iter().copied().collect());
        for (part, other) in [(&mut *sum, &new), (&mut found, &known)] {
            let ids = part.ids().to_vec();
            part.retain(|image| other.contains(&ids[image]));
        }
    }
    // Both have the data set's order.
    sum.sum(&found);
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
        if self.is_multi_label() {
            // The classifier's classes have another order: which of several labels is the first may change.
            return self.labels(index).first().copied().unwrap_or(0);
        }
        self.labels[self.images.label(index) as usize]
    }

    fn is_multi_label(&self) -> bool {
        self.images.is_multi_label()
    }

    fn labels(&self, index: usize) -> Cow<'_, [u32]> {
        if !self.is_multi_label() {
            return Cow::Borrowed(std::slice::from_ref(&self.labels[self.images.label(index) as usize]));
        }
        let own = self.images.labels(index);
        let mut labels: Vec<u32> = own.iter().map(|label| self.labels[*label as usize]).collect();
        labels.sort_unstable();
        Cow::Owned(labels)
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
    use crate::evaluate::evaluate;
    use crate::metrics::{MultiLabelOptions, MultiLabelReport};
    use ocelli_data::Transform;
    use ocelli_data::dataset::{MemoryDataset, contract};
    use ocelli_nn::{Sequential, Shape};
    use std::sync::atomic::AtomicU64;

    fn images(classes: &[&str]) -> Arc<dyn Dataset> {
        let classes: Vec<String> = classes.iter().map(|name| name.to_string()).collect();
        let labels = (0..classes.len() as u32).collect();
        let pixels = vec![7; classes.len() * 4];
        Arc::new(MemoryDataset::new("m", classes, labels, (2, 2, 1), pixels).unwrap())
    }

    #[test]
    fn the_mean_has_the_images_that_every_view_has() {
        let said = |images: &[(u64, f32)]| {
            let mut predictions = Predictions::new(2, 0);
            images.iter().for_each(|(id, p)| predictions.push(*id, 0, &[*p, 1.0 - p]));
            predictions
        };
        let mut mean = None;
        add(&mut mean, said(&[(3, 1.0), (5, 0.5), (6, 0.5)]), 2.0);
        add(&mut mean, said(&[(4, 0.0), (5, 1.0), (6, 0.0)]), 2.0);
        let mean = mean.unwrap();
        assert_eq!((mean.ids(), mean.probabilities()), (&[5, 6][..], &[0.75, 0.25, 0.25, 0.75][..]));
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

    #[test]
    fn one_label_and_several_are_not_taken_for_each_other() {
        let network = Sequential::new(Shape::map(1, 2, 2)).flatten().linear(4, 2).build("n").unwrap();
        let classes = ["ant", "bee"].map(String::from).to_vec();
        let list = vec![Transform::resize((2, 2)), Transform::normalize_with(&[0.5], &[0.5])];
        let one = Classifier::new(network.clone(), network.init(1), list, classes).unwrap();
        let several = one.clone().with_thresholds(vec![0.5; 2]).unwrap();
        let (images, options) = (images(&["ant", "bee"]), MeasureOptions::default());
        let said = measure(&several, Arc::clone(&images), &options).unwrap_err().to_string();
        assert!(said.contains("measure_multi_label"), "{said}");
        let error = measure_multi_label(&one, Arc::clone(&images), &options).unwrap_err();
        assert!(error.is_request() && error.to_string().contains("measure it with measure"), "{error}");
        assert_eq!(measure(&one, Arc::clone(&images), &options).unwrap().0.len(), 2);
        // One label each is a case of several.
        assert_eq!(measure_multi_label(&several, Arc::clone(&images), &options).unwrap().0.len(), 2);
        // Whoever watches may have enough.
        let (one_each, seen) = (MeasureOptions { batch_size: 1, ..options }, AtomicU64::new(0));
        let stop = |images| {
            seen.fetch_add(images, Ordering::Relaxed);
            ControlFlow::Break(())
        };
        let stopped = measure_watched(&one, Arc::clone(&images), &one_each, stop);
        assert!(matches!(stopped, Err(TrainError::MeasuringStopped)) && seen.load(Ordering::Relaxed) == 1);
        let stopped = measure_multi_label_watched(&several, images, &one_each, stop);
        assert!(matches!(stopped, Err(TrainError::MeasuringStopped)) && seen.load(Ordering::Relaxed) == 2);
    }

    /// Images that may have several labels, and have one each.
    struct Several(Arc<dyn Dataset>);

    impl Dataset for Several {
        fn len(&self) -> usize {
            self.0.len()
        }

        fn classes(&self) -> &[String] {
            self.0.classes()
        }

        fn label(&self, index: usize) -> u32 {
            self.0.label(index)
        }

        fn is_multi_label(&self) -> bool {
            true
        }

        fn name(&self, index: usize) -> Cow<'_, str> {
            self.0.name(index)
        }

        fn load(&self, index: usize) -> Result<Image, DataError> {
            self.0.load(index)
        }

        fn extent(&self) -> Extent {
            self.0.extent()
        }
    }

    /// A network says these logits of two images, the first of the first class and the second of the second: the loss in training and
    /// that of what `measure_multi_label` says, at `crops` views of an image.
    fn losses(logits: [f32; 2], with_sigmoid: bool, crops: Option<Transform>) -> [f64; 2] {
        let layers = Sequential::new(Shape::map(1, 2, 2)).flatten().linear(4, 2);
        let network =
            if with_sigmoid { layers.layer(ocelli_nn::Layer::Sigmoid) } else { layers }.build("n").unwrap();
        let mut weights = network.init(1);
        let names: Vec<String> = weights.names().map(str::to_owned).collect();
        let [bias, weight] =
            ["bias", "weight"].map(|end| names.iter().find(|name| name.ends_with(end)).unwrap());
        weights.insert(weight, ocelli_nn::Tensor::f32([2, 4], vec![0.0; 8]));
        weights.insert(bias, ocelli_nn::Tensor::f32([2], logits.to_vec()));
        let mut list = vec![Transform::resize((2, 2)), Transform::normalize_with(&[0.5], &[0.5])];
        list.splice(1..1, crops);
        let images: Arc<dyn Dataset> = Arc::new(Several(images(&["ant", "bee"])));
        let source = Source::new(Arc::clone(&images), &list, &SourceOptions::default()).unwrap();
        let mut loader = Loader::new(Arc::new(source), &list, &LoaderOptions::in_order(2)).unwrap();
        let rows = 2 * loader.views();
        let trained = evaluate(&network, &weights, rows, loader.epoch(0)).unwrap();
        let classes = images.classes().to_vec();
        let classifier = Classifier::new(network, weights, list, classes).unwrap();
        let classifier = classifier.with_thresholds(vec![0.5; 2]).unwrap();
        let (said, _) = measure_multi_label(&classifier, images, &MeasureOptions::default()).unwrap();
        let report = MultiLabelReport::of(&said, &MultiLabelOptions::default());
        assert_eq!((trained.images, report.images), (2, 2));
        assert_eq!(trained.accuracy, report.subset_accuracy);
        [trained.loss, report.log_loss]
    }

    #[test]
    fn a_wrong_certainty_costs_as_much_as_in_training() {
        // Of each class one image has it and the other has not.
        let exact = |[a, b]: [f64; 2]| {
            let loss = |x: f64| f64::midpoint((-x).exp().ln_1p(), (-x).exp().ln_1p() + x);
            f64::midpoint(loss(a), loss(b))
        };
        let crops = || Some(ocelli_data::transforms::FiveCrop { size: (2, 2).into() }.into());
        for logits in [[0.0, 0.0], [3.0, -2.0], [17.5, 20.0], [60.0, -60.0]] {
            let expected = exact(logits.map(f64::from));
            for crops in [None, crops()] {
                let [trained, measured] = losses(logits, false, crops);
                assert!((trained - expected).abs() < 1e-5, "{logits:?}: {trained}, {expected}");
                assert!((measured - expected).abs() < 1e-5, "{logits:?}: {measured}, {expected}");
            }
        }
        // Of a network that ends in a sigmoid f32 has rounded away what is beyond a loss of 17.3.
        for crops in [None, crops()] {
            let [trained, measured] = losses([60.0, 60.0], true, crops);
            assert!((trained - 12.5 * std::f64::consts::LN_2).abs() < 1e-5, "{trained}");
            assert!((measured - trained).abs() < 1e-5, "{measured}, {trained}");
        }
    }
}
