//! A recipe made ready: data opened, network built, transforms resolved, nothing trained yet.

use super::resize::network_at;
use super::shared::{SharedData, behind};
use super::start::Start;
use super::{lists, network, teacher};
use crate::checkpoint::DataMark;
use crate::distill::Teacher;
use crate::error::TrainError;
use crate::groups::Groups;
use crate::loss::Loss;
use crate::recipe::{ClassWeights, DataSection, LossChoice, Recipe, RecipeError, TrainSection, derived};
use crate::trainer::check_sigmoid;
use ocelli_data::check::Classes;
use ocelli_data::dataset::{Format, address};
use ocelli_data::{
    CacheUse, DataError, Dataset, Division, Extent, Loader, LoaderOptions, MeasureOptions, Pipeline, Problem,
    Source, Splits, Transform,
};
use ocelli_model::Fit;
use ocelli_nn::{Network, ParameterSpec, Shape};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

/// How to run, without bearing on what comes out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RunOptions {
    /// Threads (default: one for each core).
    pub threads: usize,
}

impl Default for RunOptions {
    fn default() -> Self {
        RunOptions { threads: std::thread::available_parallelism().map_or(1, NonZeroUsize::get) }
    }
}

/// What a run trains on, in figures.
#[derive(Clone, Debug, PartialEq)]
pub struct DataInfo {
    /// Where the data is.
    pub path: PathBuf,
    /// How its files are laid out.
    pub format: Format,
    /// Images to train on.
    pub train: usize,
    /// Images to validate on after each epoch.
    pub val: usize,
    /// Images to test on at the end.
    pub test: usize,
    /// Channels and sizes of the images.
    pub extent: Extent,
    /// Whether images may have several labels, or none.
    pub multi_label: bool,
}

/// A recipe that is ready to be trained.
pub struct Run {
    recipe: Recipe,
    info: DataInfo,
    problems: Vec<Problem>,
    network: Network,
    pub(super) pipeline: Pipeline,
    classes: Vec<String>,
    pub(super) division: Division,
    pub(super) parts: Parts,
    pub(super) pool: rayon::ThreadPool,
    threads: usize,
    groups: Groups,
    pub(super) loss: Loss,
    teacher: Option<Teacher>,
    start: Option<Start>,
    /// Worked out when it is first asked for.
    pub(super) mark: OnceLock<DataMark>,
}

/// The data's parts behind their transforms.
pub(super) struct Parts {
    pub(super) train: Arc<Source>,
    pub(super) val: Option<Arc<Source>>,
    pub(super) test: Option<Arc<Source>>,
}

impl std::fmt::Debug for Run {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Run").field("recipe", &self.recipe).field("info", &self.info).finish_non_exhaustive()
    }
}

impl Run {
    /// Opens the recipe's data, builds its network, loads the weights that it begins with and resolves every setting that
    /// was left open.
    ///
    /// # Errors
    /// The data cannot be used (or a part of it, where the recipe is strict), there is no such network, the two do not fit,
    /// the file of weights cannot be read or has none of the network's, the teacher cannot be read or does not fit, or a pattern
    /// matches no parameter.
    pub fn prepare(recipe: Recipe, options: RunOptions) -> Result<Self, TrainError> {
        Self::prepare_sharing(recipe, options, &SharedData::default())
    }

    /// As [`Run::prepare`], with data that other runs have opened and decoded too. What comes out is the same.
    ///
    /// # Errors
    /// As [`Run::prepare`].
    pub fn prepare_sharing(
        recipe: Recipe,
        options: RunOptions,
        data: &SharedData,
    ) -> Result<Self, TrainError> {
        let mut run = Self::open(recipe, options, data)?;
        if let Some(path) = &run.recipe.model.weights {
            run.start = Some(Start::load(Path::new(path), &run.network, &run.classes, run.recipe.seed)?);
        }
        Ok(run)
    }

    /// As [`Run::prepare`], without the weights to begin with.
    pub(super) fn open(recipe: Recipe, options: RunOptions, data: &SharedData) -> Result<Self, TrainError> {
        recipe.check()?;
        network::check_name(&recipe.model.network)?;
        let threads = options.threads.max(1);
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .map_err(|source| TrainError::Threads { threads, source })?;
        let splits = data.open(&recipe, threads)?;
        let info = DataInfo {
            path: splits.path.clone(),
            format: splits.format,
            train: splits.train.len(),
            val: splits.val.as_ref().map_or(0, |part| part.len()),
            test: splits.test.as_ref().map_or(0, |part| part.len()),
            extent: splits.train.extent(),
            multi_label: splits.train.is_multi_label(),
        };
        if recipe.train.patience.is_some() && info.val == 0 {
            let problem =
                "needs validation images, and the data has none: set data.validation above 0".into();
            return Err(RecipeError::OutOfRange { key: "train.patience".into(), problem }.into());
        }
        let made_for = network::made_for(&recipe.model.network)?;
        let size = lists::size(&recipe.transforms, info.extent, made_for);
        let pipeline = lists::lists(&recipe.transforms, info.extent, size)?;
        let channels = lists::channels(&pipeline, info.extent.channels)?;
        let input = Shape::map(channels, size[0], size[1]);
        let network = network::build(&recipe.model.network, input, splits.classes.len())?;
        let network = network::initialised(network, &recipe.model.init)?;
        network::check_output(&network, &recipe.model.network, splits.classes.len())?;
        if let Some(whiten) = &recipe.model.whiten {
            whiten.convolution(&network)?;
        }
        for resize in &recipe.train.resize {
            network_at(&network, resize.size)?;
        }
        let TrainSection { freeze, unfreeze, groups, decay_norms_and_biases, .. } = &recipe.train;
        let groups = Groups::new(&network, (freeze, unfreeze), groups, *decay_norms_and_biases)?;
        let loss = loss(&recipe, &*splits.train)?;
        check_sigmoid(&network, &loss)?;
        let (pipeline, parts) =
            resolve(&splits, pipeline, threads, (&recipe.data, data)).map_err(TrainError::Data)?;
        let teacher = teacher::load(&recipe.distill, &network, &splits, &pipeline)?;
        let recipe = resolved(recipe, &splits, size, &pipeline);
        let (classes, problems, division) = (splits.classes, splits.problems, splits.division);
        Ok(Run {
            recipe,
            info,
            problems,
            network,
            pipeline,
            classes,
            division,
            parts,
            pool,
            threads,
            groups,
            loss,
            teacher,
            start: None,
            mark: OnceLock::new(),
        })
    }

    /// The recipe with every setting resolved.
    pub fn recipe(&self) -> &Recipe {
        &self.recipe
    }

    /// The data, in figures.
    pub fn data(&self) -> &DataInfo {
        &self.info
    }

    /// What was found wrong with parts of the data when it was opened; they are left out.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// The network.
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// What came of loading the recipe's file of weights, if it names one.
    pub fn fit(&self) -> Option<&Fit> {
        self.start.as_ref().map(|start| &start.fit)
    }

    /// The weights that it begins with, if they come from a file.
    pub(super) fn start(&self) -> Option<&Start> {
        self.start.as_ref()
    }

    /// The classifier that it learns from beside the labels, if its recipe names one.
    pub fn teacher(&self) -> Option<&Teacher> {
        self.teacher.as_ref()
    }

    /// The network's parameters that stay as they are, in the first epoch at least.
    pub fn frozen(&self) -> Vec<ParameterSpec> {
        let parameters = self.network.parameters().into_iter();
        parameters.filter(|parameter| self.groups.is_frozen(&parameter.name, 0)).collect()
    }

    /// The parameters that were frozen and learn from the epoch after so many epochs on.
    pub fn thawing(&self, epochs: u64) -> Vec<ParameterSpec> {
        self.groups.thawing(self.network.parameters(), epochs)
    }

    /// What is kept on disk of the training, validation and test images, where the recipe names a folder.
    pub fn caches(&self) -> Vec<&CacheUse> {
        let Parts { train, val, test } = &self.parts;
        let sources = [Some(train), val.as_ref(), test.as_ref()].into_iter().flatten();
        sources.filter_map(|source| source.cache()).collect()
    }

    /// The names of the classes, in the order of the network's outputs.
    pub fn classes(&self) -> &[String] {
        &self.classes
    }

    /// The images that a user might try the model on: those of the test, else of the validation, else of the training.
    pub fn held_out_images(&self) -> &Arc<dyn Dataset> {
        let Parts { train, val, test } = &self.parts;
        test.as_ref().or(val.as_ref()).unwrap_or(train).dataset()
    }

    /// The training images.
    pub fn train_images(&self) -> &Arc<dyn Dataset> {
        self.parts.train.dataset()
    }

    /// Batches of the training images, shuffled and transformed anew in each epoch.
    pub(super) fn train_loader(&self) -> Result<Loader, TrainError> {
        self.loader_of(Arc::clone(&self.parts.train), &self.pipeline.train)
    }

    /// The same of a source and a list of transforms of one's own.
    pub(super) fn loader_of(&self, source: Arc<Source>, list: &[Transform]) -> Result<Loader, TrainError> {
        let options = self.loader_options(&source);
        Loader::new(source, list, &options).map_err(TrainError::Data)
    }

    /// How batches to train on are made of a source.
    pub(super) fn loader_options(&self, source: &Source) -> LoaderOptions {
        LoaderOptions {
            batch_size: self.recipe.train.batch_size,
            seed: self.recipe.seed,
            sampler: self.recipe.data.sampler,
            strict: self.recipe.data.strict,
            batch: self.recipe.transforms.batch.clone(),
            workers: self.workers(source),
            ..LoaderOptions::default()
        }
    }

    /// Images behind the beginning of a list of transforms.
    pub(super) fn behind(
        &self,
        dataset: &Arc<dyn Dataset>,
        list: &[Transform],
    ) -> Result<Arc<Source>, TrainError> {
        behind(dataset, list, &self.recipe.data).map_err(TrainError::Data)
    }

    /// Batches of other images, in order.
    pub(super) fn eval_loader(&self, source: &Arc<Source>, batch_size: usize) -> Result<Loader, TrainError> {
        let options = LoaderOptions {
            strict: self.recipe.data.strict,
            workers: self.workers(source),
            ..LoaderOptions::in_order(batch_size)
        };
        Loader::new(Arc::clone(source), &self.pipeline.eval, &options).map_err(TrainError::Data)
    }

    /// Threads that make batches beside those that train: one is enough where no image needs decoding.
    fn workers(&self, source: &Source) -> usize {
        let images = source.dataset();
        let in_memory = !images.is_empty() && images.view(0).is_some();
        if in_memory { 1 } else { self.threads }
    }
}

/// The recipe's loss, with what an image of each class counts in it.
fn loss(recipe: &Recipe, train: &dyn Dataset) -> Result<Loss, RecipeError> {
    let wrong = |key: &str| {
        let key = key.to_owned();
        |problem| RecipeError::OutOfRange { key, problem }
    };
    let weights = |weights: &ClassWeights| match train.is_multi_label() {
        true => weights.of_several(&Classes::of(train).0, train.len() as u64),
        false => weights.of(&Classes::of(train).0),
    };
    let weights = recipe.train.class_weights.as_ref().map(weights).transpose();
    let choice =
        LossChoice::fitting(recipe.train.loss, train.is_multi_label()).map_err(wrong("train.loss"))?;
    // What the data chose may not go with the other settings.
    let checked =
        choice.check(recipe.train.label_smoothing > 0.0, weights.as_ref().is_ok_and(Option::is_some));
    checked.map_err(|(key, problem)| wrong(&format!("train.{key}"))(problem))?;
    Ok(choice.loss(recipe.train.label_smoothing, weights.map_err(wrong("train.class_weights"))?))
}

/// Puts the data behind the transforms and measures the mean and std that they lack.
fn resolve(
    splits: &Splits,
    mut pipeline: Pipeline,
    threads: usize,
    (section, data): (&DataSection, &SharedData),
) -> Result<(Pipeline, Parts), DataError> {
    let train = data.source(&splits.train, &pipeline.train, section)?;
    pipeline.resolve(&train, &MeasureOptions { threads, ..MeasureOptions::default() })?;
    let other = |part: &Option<Arc<dyn Dataset>>| {
        part.as_ref().map(|part| data.source(part, &pipeline.eval, section)).transpose()
    };
    let parts = Parts { val: other(&splits.val)?, test: other(&splits.test)?, train };
    Ok((pipeline, parts))
}

/// The recipe with nothing left open.
fn resolved(mut recipe: Recipe, splits: &Splits, size: [usize; 2], pipeline: &Pipeline) -> Recipe {
    recipe.derived = derived(&recipe);
    // What is shown of an address may be less than all of it.
    if address(&splits.path).is_none() {
        recipe.data.path = absolute(&splits.path);
    }
    recipe.data.cache = recipe.data.cache.map(|path| absolute(Path::new(&path)));
    recipe.model.network = network::resolved_name(&recipe.model.network);
    recipe.model.weights = recipe.model.weights.map(|path| absolute(Path::new(&path)));
    recipe.distill.teacher = recipe.distill.teacher.map(|path| absolute(Path::new(&path)));
    recipe.transforms.size = Some(size);
    recipe.transforms.channels = Some(splits.train.extent().channels);
    recipe.transforms.train = Some(pipeline.train.clone());
    recipe.transforms.eval = Some(pipeline.eval.clone());
    recipe.train.lr = Some(recipe.train.lr.unwrap_or_else(|| recipe.train.optimizer.usual_lr()));
    recipe
}

/// A path that means the same from any folder.
pub(super) fn absolute(path: &Path) -> String {
    std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf()).display().to_string()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A BMP file of 4×4 grey pixels.
    pub(in super::super) fn bmp(grey: u8) -> Vec<u8> {
        let mut bytes = b"BM".to_vec();
        for number in [102_u32, 0, 54, 40, 4, 4, 1 | 24 << 16, 0, 0, 0, 0, 0, 0] {
            bytes.extend(number.to_le_bytes());
        }
        bytes.extend([grey; 48]);
        bytes
    }

    #[test]
    fn loaders_have_no_more_threads_than_the_run() {
        let folder = tempfile::tempdir().unwrap();
        for class in ["a", "b"] {
            std::fs::create_dir(folder.path().join(class)).unwrap();
            for image in 0..10 {
                std::fs::write(folder.path().join(class).join(format!("{image}.bmp")), bmp(image)).unwrap();
            }
        }
        let mut recipe = Recipe::default();
        recipe.data.path = folder.path().display().to_string();
        for threads in [1, 3] {
            let run = Run::prepare(recipe.clone(), RunOptions { threads }).unwrap();
            assert_eq!(run.train_loader().unwrap().options().workers, threads);
            let test = run.parts.test.clone().unwrap();
            assert_eq!(run.eval_loader(&test, 8).unwrap().options().workers, threads);
        }
    }
}
