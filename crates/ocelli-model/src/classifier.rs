//! The classifier: everything that turns an image into class probabilities.

use crate::archive::{self, Archive};
use crate::error::ModelError;
use crate::origin::Origin;
use crate::predict::{PredictOptions, Prediction, Predictor};
use crate::readout::Readout;
use ocelli_data::{Channels, Compiled, DataError, Division, Image, Transform};
use ocelli_nn::{Network, Shape, Weights};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashSet};
use std::ops::RangeInclusive;
use std::path::Path;

/// Where the description lies in the file's header.
pub(crate) const KEY: &str = "ocelli";
/// The versions of the file's format that are read. Raised when older programs could not use what newer ones write.
const FORMATS: RangeInclusive<u32> = 1..=2;
/// What the names of an [`Attachment`]'s tensors begin with: no layer's name has a slash.
pub(crate) const ATTACHED: &str = "attached/";
/// The most classes a model may have.
const MAX_CLASSES: usize = 1 << 20;

/// Preprocessing, network, weights and class names: what training makes, and all that predicting needs.
///
/// On disk it is one `.safetensors` file: the tensors bear PyTorch's names and layouts, and the header describes the rest.
#[derive(Clone, Debug)]
pub struct Classifier {
    network: Network,
    weights: Weights,
    transforms: Vec<Transform>,
    classes: Vec<String>,
    metrics: BTreeMap<String, f64>,
    division: Option<Division>,
    origin: Origin,
    image_channels: Option<Channels>,
    temperature: Option<f64>,
    reject: Option<f32>,
    /// Of a multi-label classifier: the probability from which an image has each class.
    thresholds: Option<Vec<f32>>,
}

/// Data that travels in a classifier's file without being part of it, such as what a training run needs to go on.
#[derive(Clone, Debug, Default)]
pub struct Attachment {
    /// Anything that JSON can say.
    pub note: serde_json::Value,
    /// Named tensors.
    pub tensors: Weights,
}

/// The header's description of everything but the tensors.
#[derive(Serialize, Deserialize)]
struct Description {
    format: u32,
    version: String,
    network: Network,
    transforms: Vec<Transform>,
    classes: Vec<String>,
    #[serde(default)]
    metrics: BTreeMap<String, f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    division: Option<Division>,
    #[serde(default)]
    origin: Origin,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    image_channels: Option<Channels>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    temperature: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reject: Option<f32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    thresholds: Option<Vec<f32>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    attachment: Option<serde_json::Value>,
}

/// The part of the description that all versions of the format share.
#[derive(Deserialize)]
struct Version {
    format: u32,
    version: String,
}

impl Classifier {
    /// Puts a classifier together. `classes` are in the order of the network's outputs.
    ///
    /// # Errors
    /// The parts do not fit: the network takes no images or not the ones that `transforms` make, has not one output for
    /// each class, or the weights are not its own.
    pub fn new(
        network: Network,
        weights: Weights,
        transforms: Vec<Transform>,
        classes: Vec<String>,
    ) -> Result<Self, ModelError> {
        check_parts(&network, &transforms, &classes)?;
        weights.check(&network).map_err(|error| ModelError::mismatch(error.to_string()))?;
        Ok(Self {
            network,
            weights,
            transforms,
            classes,
            metrics: BTreeMap::new(),
            division: None,
            origin: Origin::default(),
            image_channels: None,
            temperature: None,
            reject: None,
            thresholds: None,
        })
    }

    /// Notes figures about the classifier, such as its validation accuracy; they travel in the file.
    pub fn with_metrics(mut self, metrics: BTreeMap<String, f64>) -> Self {
        self.metrics = metrics;
        self
    }

    /// Notes how its training divided the data, so that images it was not trained on can be told; it travels in the file.
    pub fn with_division(mut self, division: Division) -> Self {
        self.division = Some(division);
        self
    }

    /// Notes where it comes from.
    pub fn with_origin(mut self, origin: Origin) -> Self {
        self.origin = origin;
        self
    }

    /// Notes what images were brought to before the transforms, where these change the channels, as `Grayscale` does; it
    /// travels in the file. Default: the channels of the network's input.
    pub fn with_image_channels(mut self, channels: Channels) -> Self {
        self.image_channels = Some(channels);
        self
    }

    /// Lets its probabilities be at a temperature: in proportion to their powers of 1/`temperature`, so that above 1 they are less
    /// sure and below it surer, and answers stay the same. It travels in the file. Default: 1.
    ///
    /// # Errors
    /// It is not a number above 0, or images may have several classes.
    pub fn with_temperature(mut self, temperature: f64) -> Result<Self, ModelError> {
        if !(temperature > 0.0 && temperature.is_finite()) {
            return Err(ModelError::mismatch(format!("temperature is {temperature}, but must be above 0")));
        }
        self.check_one_class("a temperature")?;
        self.temperature = Some(temperature);
        Ok(self)
    }

    /// Says which probability the likeliest class needs: answers below are told as [rejected](Prediction::rejected). It travels
    /// in the file. Default: none are.
    ///
    /// # Errors
    /// It is not 0 to 1, or images may have several classes.
    pub fn with_reject(mut self, least: f32) -> Result<Self, ModelError> {
        if !(0.0..=1.0).contains(&least) {
            return Err(ModelError::mismatch(format!("reject is {least}, but must be 0 to 1")));
        }
        self.check_one_class("a reject threshold")?;
        self.reject = Some(least);
        Ok(self)
    }

    fn check_one_class(&self, what: &str) -> Result<(), ModelError> {
        if self.is_multi_label() {
            return Err(ModelError::mismatch(format!(
                "{what} is for images of one class, but they may have several"
            )));
        }
        Ok(())
    }

    /// Makes it a multi-label classifier, for images that have any number of classes: of each a sigmoid, not a softmax over all,
    /// and the probability from which an image has it. They travel in the file.
    ///
    /// # Errors
    /// There is not one threshold for each class, one is not 0 to 1, or the classifier has a temperature or a reject threshold,
    /// which are for images of one class.
    pub fn with_thresholds(mut self, thresholds: Vec<f32>) -> Result<Self, ModelError> {
        let wrong = thresholds.iter().find(|threshold| !(0.0..=1.0).contains(*threshold));
        let reason = match wrong {
            Some(wrong) => format!("thresholds have {wrong}, but must be 0 to 1"),
            None if thresholds.len() != self.classes.len() => {
                format!("{} thresholds, but there are {} classes", thresholds.len(), self.classes.len())
            }
            None if self.temperature.is_some() || self.reject.is_some() => {
                "temperature and reject are for images of one class, thresholds for several".to_owned()
            }
            None => {
                self.thresholds = Some(thresholds);
                return Ok(self);
            }
        };
        Err(ModelError::mismatch(reason))
    }

    /// The network.
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// The weights, in PyTorch's names and layouts.
    pub fn weights(&self) -> &Weights {
        &self.weights
    }

    /// What happens to an image before the network sees it.
    pub fn transforms(&self) -> &[Transform] {
        &self.transforms
    }

    /// The names of the classes, in the order of the network's outputs.
    pub fn classes(&self) -> &[String] {
        &self.classes
    }

    /// Figures that were noted when it was trained.
    pub fn metrics(&self) -> &BTreeMap<String, f64> {
        &self.metrics
    }

    /// How its training divided the data, if that was noted.
    pub fn division(&self) -> Option<&Division> {
        self.division.as_ref()
    }

    /// Where it comes from, as far as that was noted.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// What image files are brought to before the transforms.
    ///
    /// # Errors
    /// It was not noted, and the network takes images of neither 1 channel nor 3.
    pub fn image_channels(&self) -> Result<Channels, DataError> {
        self.image_channels.map_or_else(|| Channels::from_count(self.input().2), Ok)
    }

    /// The temperature of its probabilities, where one was fitted.
    pub fn temperature(&self) -> Option<f64> {
        self.temperature
    }

    /// The probability that the likeliest class needs for an answer, where one was set.
    pub fn reject(&self) -> Option<f32> {
        self.reject
    }

    /// Of a multi-label classifier, the probability from which an image has each class.
    pub fn thresholds(&self) -> Option<&[f32]> {
        self.thresholds.as_deref()
    }

    /// Whether images may have any number of its classes.
    pub fn is_multi_label(&self) -> bool {
        self.thresholds.is_some()
    }

    /// How the network's outputs become probabilities.
    pub fn readout(&self) -> Readout {
        if self.is_multi_label() {
            return Readout::multi_label(&self.network);
        }
        Readout::of(&self.network).at_temperature(self.temperature.unwrap_or(1.0))
    }

    /// Height, width and channels of the network's input.
    pub(crate) fn input(&self) -> (usize, usize, usize) {
        match self.network.input() {
            Shape::Map { channels, height, width } => (height, width, channels),
            Shape::Features(count) => (1, 1, count),
        }
    }

    /// Loads a classifier from the file that [`Classifier::save`] wrote.
    ///
    /// # Errors
    /// The file cannot be read, is no model, is damaged, or its parts do not fit each other. Nothing is allocated beyond
    /// what the file itself holds.
    pub fn load(path: impl AsRef<Path>) -> Result<Self, ModelError> {
        let path = path.as_ref();
        Self::read(path, Archive::open(path)?, false).map(|(classifier, _)| classifier)
    }

    /// Loads a classifier from what [`Classifier::save`] wrote, held in memory; errors call it "the model".
    ///
    /// # Errors
    /// As [`Classifier::load`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ModelError> {
        let path = Path::new("the model");
        Self::read(path, Archive::in_memory(path, bytes)?, false).map(|(classifier, _)| classifier)
    }

    /// Loads a classifier and what [`Classifier::save_with`] attached to it, if anything.
    ///
    /// # Errors
    /// As [`Classifier::load`].
    pub fn load_with(path: impl AsRef<Path>) -> Result<(Self, Option<Attachment>), ModelError> {
        let path = path.as_ref();
        Self::read(path, Archive::open(path)?, true)
    }

    /// Saves the classifier as one file, replacing what was there only when all is written.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<(), ModelError> {
        self.write(path.as_ref(), None)
    }

    /// Saves the classifier with data for [`Classifier::load_with`]; [`Classifier::load`] does not mind it.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn save_with(&self, path: impl AsRef<Path>, attachment: &Attachment) -> Result<(), ModelError> {
        self.write(path.as_ref(), Some(attachment))
    }

    /// Says what each image shows, with [`PredictOptions::default`]. For many calls, or files, keep a [`Predictor`].
    ///
    /// # Errors
    /// The network cannot be run here, or an image has other channels than the network.
    pub fn predict(&self, images: &[Image]) -> Result<Vec<Prediction>, ModelError> {
        let options = PredictOptions { batch: images.len().clamp(1, 32), ..PredictOptions::default() };
        self.predictor(options)?.predict(images)
    }

    /// Says what each image file shows, with [`PredictOptions::default`]: one answer for each path, in order.
    ///
    /// # Errors
    /// The network cannot be run here. A file that cannot be read is an error in its own place.
    pub fn predict_files<P: AsRef<Path> + Sync>(
        &self,
        paths: &[P],
    ) -> Result<Vec<Result<Prediction, DataError>>, ModelError> {
        let options = PredictOptions { batch: paths.len().clamp(1, 32), ..PredictOptions::default() };
        Ok(self.predictor(options)?.predict_files(paths))
    }

    /// Prepares to predict many times: plans the network and starts the threads once.
    ///
    /// # Errors
    /// The network cannot be run here, or the threads cannot be started.
    pub fn predictor(&self, options: PredictOptions) -> Result<Predictor<'_>, ModelError> {
        Predictor::new(self, options)
    }

    fn read(
        path: &Path,
        mut archive: Archive<'_>,
        attached: bool,
    ) -> Result<(Self, Option<Attachment>), ModelError> {
        let description = describe(path, archive.text(KEY))?;
        let Description {
            network,
            transforms,
            classes,
            metrics,
            division,
            origin,
            image_channels,
            temperature,
            reject,
            thresholds,
            attachment,
            ..
        } = description;
        check_parts(&network, &transforms, &classes).map_err(|error| error.in_file(path))?;
        check_shapes(path, &archive, &network)?;
        let mut weights = Weights::new();
        for parameter in network.parameters() {
            weights.insert(&parameter.name, archive.read(&parameter.name)?);
        }
        let mut tensors = Weights::new();
        for name in archive.names() {
            match name.strip_prefix(ATTACHED) {
                Some(inner) if attached => drop(tensors.insert(inner, archive.read(&name)?)),
                None if weights.get(&name).is_none() => drop(weights.insert(&name, archive.read(&name)?)),
                _ => {}
            }
        }
        let mut classifier =
            Self::new(network, weights, transforms, classes).map_err(|error| error.in_file(path))?;
        classifier.division = division;
        classifier.origin = origin;
        classifier.image_channels = image_channels;
        if let Some(thresholds) = thresholds {
            classifier = classifier.with_thresholds(thresholds).map_err(|error| error.in_file(path))?;
        }
        if let Some(temperature) = temperature {
            classifier = classifier.with_temperature(temperature).map_err(|error| error.in_file(path))?;
        }
        if let Some(least) = reject {
            classifier = classifier.with_reject(least).map_err(|error| error.in_file(path))?;
        }
        let attachment = attachment.map(|note| Attachment { note, tensors });
        Ok((classifier.with_metrics(metrics), attachment))
    }

    fn write(&self, path: &Path, attachment: Option<&Attachment>) -> Result<(), ModelError> {
        let description = Description {
            // A softmax over several labels would be wrong: programs that know none of them must refuse.
            format: if self.is_multi_label() { 2 } else { 1 },
            version: env!("CARGO_PKG_VERSION").to_string(),
            network: self.network.clone(),
            transforms: self.transforms.clone(),
            classes: self.classes.clone(),
            metrics: self.metrics.clone(),
            division: self.division,
            origin: self.origin.clone(),
            image_channels: self.image_channels,
            temperature: self.temperature,
            reject: self.reject,
            thresholds: self.thresholds.clone(),
            attachment: attachment.map(|attachment| attachment.note.clone()),
        };
        let text = serde_json::to_string(&description)
            .map_err(|error| ModelError::invalid(path, format!("cannot be described as JSON: {error}")))?;
        let own = self.weights.iter().map(|(name, tensor)| (name.to_string(), tensor));
        let attached = attachment.into_iter().flat_map(|attachment| attachment.tensors.iter());
        let attached = attached.map(|(name, tensor)| (format!("{ATTACHED}{name}"), tensor));
        archive::write(path, (KEY, text), own.chain(attached))
    }
}

fn describe(path: &Path, text: Option<&str>) -> Result<Description, ModelError> {
    let text = text.ok_or_else(|| {
        let reason = "is a safetensors file of weights alone: it does not say which network, transforms and classes \
                      they belong to, as the files that `ocelli train` writes do";
        ModelError::invalid(path, reason)
    })?;
    let broken = |error| ModelError::invalid(path, format!("its description is broken: {error}"));
    let version: Version = serde_json::from_str(text).map_err(broken)?;
    if !FORMATS.contains(&version.format) {
        let reason = format!(
            "was written by ocelli {} in format {}, but this is ocelli {}, which reads formats {} to {}; \
             use that version, or train again",
            version.version,
            version.format,
            env!("CARGO_PKG_VERSION"),
            FORMATS.start(),
            FORMATS.end()
        );
        return Err(ModelError::invalid(path, reason));
    }
    serde_json::from_str(text).map_err(broken)
}

/// Compares the shapes in the header with the network's before any tensor is read.
fn check_shapes(path: &Path, archive: &Archive<'_>, network: &Network) -> Result<(), ModelError> {
    for parameter in network.parameters() {
        let reason = match archive.shape(&parameter.name) {
            None => format!("lacks the tensor {}, shape {:?}", parameter.name, parameter.shape),
            Some(found) if found != parameter.shape => {
                format!(
                    "tensor {} has shape {found:?}, but the network needs {:?}",
                    parameter.name, parameter.shape
                )
            }
            Some(_) => continue,
        };
        return Err(ModelError::invalid(path, reason));
    }
    Ok(())
}

fn check_parts(network: &Network, transforms: &[Transform], classes: &[String]) -> Result<(), ModelError> {
    let Shape::Map { channels, height, width } = network.input() else {
        let reason = format!("the network takes {} features, but a classifier takes images", network.input());
        return Err(ModelError::mismatch(reason));
    };
    let given = transforms.iter().fold(None, |size, transform| transform.output_size(size));
    if given != Some((height, width)) {
        let made =
            given.map_or("images of any size".into(), |(height, width)| format!("{height}×{width} images"));
        let reason =
            format!("the transforms make {made}, but the network takes {height}×{width}: resize to that");
        return Err(ModelError::mismatch(reason));
    }
    if let Some(random) = transforms.iter().find(|transform| !transform.is_deterministic()) {
        let reason = format!("{} is random and cannot be part of a classifier", random.name());
        return Err(ModelError::mismatch(reason));
    }
    Compiled::new(transforms, (height, width, channels))
        .map_err(|error| ModelError::mismatch(error.to_string()))?;
    if network.output() != Shape::Features(classes.len()) {
        let reason =
            format!("the network gives {}, but there are {} classes", network.output(), classes.len());
        return Err(ModelError::mismatch(reason));
    }
    if classes.is_empty() || classes.len() > MAX_CLASSES {
        return Err(ModelError::mismatch(format!(
            "{} classes, but 1 to {MAX_CLASSES} are needed",
            classes.len()
        )));
    }
    let mut seen = HashSet::new();
    match classes.iter().find(|name| !seen.insert(name.as_str())) {
        Some(twice) => Err(ModelError::mismatch(format!("two classes are called {twice}"))),
        None => Ok(()),
    }
}
