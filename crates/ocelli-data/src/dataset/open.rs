//! One entry to every dataset: what a path is decides how it is read.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Serialize;

use super::files::entries;
use super::folder::{Scanned, Tree, same_classes};
use super::{Dataset, Fractions, Subset, cifar, idx, stratified};
use crate::decode::Limits;
use crate::{Channels, DataError, ErrorKind, Problem};

/// The name of the sample that ships with Ocelli; `sample` stands for it too.
pub const SAMPLE: &str = "fashion-mnist-sample";

/// Where named datasets are looked for, after `./data`.
const DATA_VARIABLE: &str = "OCELLI_DATA";

/// How a dataset is opened.
#[derive(Clone, PartialEq, Debug)]
pub struct OpenOptions {
    /// The channels that images are brought to; `None` takes grey if every image is grey, else RGB. Default: `None`.
    pub channels: Option<Channels>,
    /// The part of the training images that validates, where the dataset has no validation split. Default: 0.1.
    pub validation: f64,
    /// The part of the images that tests, where the dataset has no splits at all. Default: 0.1.
    pub test: f64,
    /// The seed of such splits. Default: 0.
    pub seed: u64,
    /// Whether any problem is an error. Default: false.
    pub strict: bool,
    /// What image files may ask for.
    pub limits: Limits,
    /// Threads that read headers; 0 takes as many as the machine has. Default: 0.
    pub threads: usize,
}

impl Default for OpenOptions {
    fn default() -> Self {
        Self {
            channels: None,
            validation: 0.1,
            test: 0.1,
            seed: 0,
            strict: false,
            limits: Limits::default(),
            threads: 0,
        }
    }
}

/// The layouts that datasets come in.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Format {
    /// A folder for each class, below a folder for each split or not.
    Folders,
    /// IDX files, as MNIST has them.
    Idx,
    /// CIFAR-10's binary files.
    Cifar10,
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Folders => "class folders",
            Self::Idx => "IDX files",
            Self::Cifar10 => "CIFAR-10 binary files",
        })
    }
}

/// A dataset's splits. All have the same classes and channels.
#[derive(Clone)]
pub struct Splits {
    /// Where it was found.
    pub path: PathBuf,
    /// What it is.
    pub format: Format,
    /// Samples to train on; never empty.
    pub train: Arc<dyn Dataset>,
    /// Samples to validate on: the dataset's own, or a part of the training samples; `None` if the fraction is 0.
    pub val: Option<Arc<dyn Dataset>>,
    /// Samples to test on: the dataset's own, or a part of a dataset without splits.
    pub test: Option<Arc<dyn Dataset>>,
    /// The names of the classes; a label is an index into them.
    pub classes: Vec<String>,
    /// What is wrong with parts of the dataset; they are left out.
    pub problems: Vec<Problem>,
}

impl fmt::Debug for Splits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let len = |part: &Option<Arc<dyn Dataset>>| part.as_ref().map(|p| p.len());
        f.debug_struct("Splits")
            .field("path", &self.path)
            .field("format", &self.format)
            .field("train", &self.train.len())
            .field("val", &len(&self.val))
            .field("test", &len(&self.test))
            .field("classes", &self.classes)
            .field("problems", &self.problems)
            .finish()
    }
}

impl Splits {
    /// The split of this name: `train`, `val` (`valid`, `validation`) or `test`.
    ///
    /// # Errors
    /// If there is no such split: which there are.
    pub fn get(&self, name: &str) -> Result<Arc<dyn Dataset>, DataError> {
        let found = match Part::named(name) {
            Some(Part::Train) => Some(&self.train),
            Some(Part::Val) => self.val.as_ref(),
            Some(Part::Test) => self.test.as_ref(),
            None => None,
        };
        found.cloned().ok_or_else(|| {
            let mut there = vec!["train"];
            there.extend(self.val.as_ref().map(|_| "val"));
            there.extend(self.test.as_ref().map(|_| "test"));
            DataError::at(
                ErrorKind::NotFound,
                &self.path,
                format!("has no split `{name}`; it has {}", there.join(", ")),
            )
        })
    }
}

/// One of the splits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Part {
    Train,
    Val,
    Test,
}

impl Part {
    pub(super) fn named(name: &str) -> Option<Self> {
        match name {
            "train" => Some(Self::Train),
            "val" | "valid" | "validation" => Some(Self::Val),
            "test" => Some(Self::Test),
            _ => None,
        }
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Train => "train",
            Self::Val => "val",
            Self::Test => "test",
        })
    }
}

/// The splits that a dataset has of its own.
#[derive(Clone, Debug)]
pub(super) struct Parts<T> {
    pub(super) train: Option<T>,
    pub(super) val: Option<T>,
    pub(super) test: Option<T>,
}

impl<T> Default for Parts<T> {
    fn default() -> Self {
        Self { train: None, val: None, test: None }
    }
}

impl<T> Parts<T> {
    pub(super) fn set(&mut self, part: Part, value: T) {
        *match part {
            Part::Train => &mut self.train,
            Part::Val => &mut self.val,
            Part::Test => &mut self.test,
        } = Some(value);
    }

    fn is_set(&self, part: Part) -> bool {
        match part {
            Part::Train => self.train.is_some(),
            Part::Val => self.val.is_some(),
            Part::Test => self.test.is_some(),
        }
    }

    fn map<U>(self, mut change: impl FnMut(T) -> U) -> Parts<U> {
        Parts {
            train: self.train.map(&mut change),
            val: self.val.map(&mut change),
            test: self.test.map(change),
        }
    }

    fn iter(&self) -> impl Iterator<Item = &T> {
        self.train.iter().chain(&self.val).chain(&self.test)
    }
}

/// Opens the dataset at a path, or of a name.
///
/// A path is a folder of class folders; a folder of `train/`, `val/` (`valid/`, `validation/`) and `test/`, each with
/// the same class folders; a folder of IDX files; or one of CIFAR-10's binary files. A name is a dataset below `data/`
/// in the current folder, or below the folder that `OCELLI_DATA` names; `sample` stands for [`SAMPLE`].
///
/// The headers of all image files are read. What is wrong with one is told in [`Splits::problems`] and the rest goes on.
///
/// # Errors
/// If nothing is there, it is no dataset, has no training images, its splits have different classes, an IDX or CIFAR-10
/// file is broken, or there is any problem and `strict` is set.
pub fn open(dataset: impl AsRef<Path>, options: &OpenOptions) -> Result<Splits, DataError> {
    let path = resolve(dataset.as_ref(), std::env::var_os(DATA_VARIABLE).map(PathBuf::from))?;
    let (format, root) = recognise(&path)?;
    let mut problems = Vec::new();
    let parts: Parts<Arc<dyn Dataset>> = match format {
        Format::Folders => open_folders(&root, options, &mut problems)?,
        Format::Idx | Format::Cifar10 => {
            let parts = if format == Format::Idx {
                idx::read(&root, &idx::find(&root)?)?
            } else {
                cifar::read(&root)?
            };
            parts.map(|part| match options.channels {
                Some(channels) => Arc::new(part.with_channels(channels)) as Arc<dyn Dataset>,
                None => Arc::new(part),
            })
        }
    };
    if format != Format::Folders {
        find_empty_classes(&path, &parts, &mut problems);
    }
    if let (true, Some(problem)) = (options.strict, problems.first()) {
        return Err(problem.clone().into());
    }
    divide(path, format, parts, problems, options)
}

/// Where a path or a name leads.
fn resolve(dataset: &Path, data: Option<PathBuf>) -> Result<PathBuf, DataError> {
    if dataset.exists() {
        return Ok(dataset.to_path_buf());
    }
    let mut tried = Vec::new();
    let is_name = dataset.components().count() == 1;
    if is_name {
        let name = if dataset == Path::new("sample") { Path::new(SAMPLE) } else { dataset };
        for folder in [Some(PathBuf::from("data")), data].into_iter().flatten() {
            let path = folder.join(name);
            if path.exists() {
                return Ok(path);
            }
            tried.push(path.display().to_string());
        }
    }
    let looked = if tried.is_empty() {
        String::new()
    } else {
        format!(" (nor is {}; the variable {DATA_VARIABLE} names a folder of datasets)", tried.join(" or "))
    };
    Err(DataError::at(ErrorKind::NotFound, dataset, format!("is not there{looked}")))
}

/// Folders below which the files of known downloads lie.
const INNER: [&str; 5] = ["cifar-10-batches-bin", "raw", "FashionMNIST/raw", "MNIST/raw", "KMNIST/raw"];

/// What a path is, and the folder that holds it.
fn recognise(path: &Path) -> Result<(Format, PathBuf), DataError> {
    if !path.is_dir() {
        return Err(unknown(path, "is a file: the folder that holds the dataset is needed"));
    }
    for folder in std::iter::once(path.to_path_buf()).chain(INNER.map(|inner| path.join(inner))) {
        if !folder.is_dir() {
            continue;
        }
        if cifar::is_here(&folder) {
            return Ok((Format::Cifar10, folder));
        }
        if !idx::find(&folder)?.is_empty() {
            return Ok((Format::Idx, folder));
        }
    }
    if entries(path)?.iter().any(|entry| entry.is_dir()) {
        return Ok((Format::Folders, path.to_path_buf()));
    }
    Err(unknown(
        path,
        "is no dataset: it has neither class folders, nor IDX files, nor CIFAR-10's binary files",
    ))
}

fn unknown(path: &Path, reason: &str) -> DataError {
    DataError::at(ErrorKind::UnknownFormat, path, reason)
}

/// Opens a tree of class folders, with folders for splits or not.
fn open_folders(
    root: &Path,
    options: &OpenOptions,
    problems: &mut Vec<Problem>,
) -> Result<Parts<Arc<dyn Dataset>>, DataError> {
    let mut trees: Parts<(PathBuf, Scanned)> = Parts::default();
    let threads = crate::threads(options.threads);
    let mut scan = |path: &Path| -> Result<_, DataError> {
        let tree = Tree::list(path, problems)?;
        Ok((path.to_path_buf(), tree.scan(&options.limits, threads, problems)))
    };
    for (path, part) in split_folders(root)? {
        if trees.is_set(part) {
            let reason = format!("is a second {part} split: keep one");
            return Err(DataError::at(ErrorKind::Invalid, path, reason));
        }
        let scanned = scan(&path)?;
        trees.set(part, scanned);
    }
    if trees.iter().next().is_none() {
        trees.train = Some(scan(root)?);
    }
    let Some(train) = &trees.train else {
        let reason = "has no train folder; to use the images of one split alone, name its folder";
        return Err(unknown(root, reason));
    };
    for other in trees.val.iter().chain(&trees.test) {
        same_classes((&train.0, &train.1), (&other.0, &other.1))?;
    }
    let mut classes = Vec::new();
    for name in train.1.names() {
        for (path, scanned) in trees.iter() {
            if scanned.names().contains(name) && scanned.count(name) == 0 {
                let reason = "is a class without a usable image";
                problems.push(DataError::at(ErrorKind::EmptyClass, path.join(name), reason).into());
            }
        }
        if trees.iter().any(|(_, scanned)| scanned.count(name) > 0) {
            classes.push(name.to_owned());
        }
    }
    let all_grey = trees.iter().all(|(_, scanned)| scanned.is_grey());
    let channels = options.channels.unwrap_or(if all_grey { Channels::Grey } else { Channels::Rgb });
    Ok(trees.map(|(_, scanned)| {
        Arc::new(scanned.dataset(&classes, channels, options.limits)) as Arc<dyn Dataset>
    }))
}

/// The folders of splits in `root`; none if one tree holds all classes.
fn split_folders(root: &Path) -> Result<Vec<(PathBuf, Part)>, DataError> {
    let folders: Vec<PathBuf> = entries(root)?.into_iter().filter(|path| path.is_dir()).collect();
    let part = |path: &PathBuf| {
        let name = super::files::file_name(path).to_lowercase();
        Part::named(&name).map(|part| (path.clone(), part))
    };
    // A tree of classes may have one that is called `test`; a tree of splits has `train`, or nothing else.
    let parts: Vec<_> = folders.iter().filter_map(part).collect();
    let has_train = parts.iter().any(|(_, part)| *part == Part::Train);
    if has_train || parts.len() == folders.len() {
        return Ok(parts);
    }
    Ok(Vec::new())
}

/// Names the classes that have no sample in a split.
fn find_empty_classes(path: &Path, parts: &Parts<Arc<dyn Dataset>>, problems: &mut Vec<Problem>) {
    let named = [("train", &parts.train), ("val", &parts.val), ("test", &parts.test)];
    for (part, dataset) in named {
        let Some(dataset) = dataset else { continue };
        let mut seen = vec![false; dataset.classes().len()];
        (0..dataset.len()).for_each(|i| seen[dataset.label(i) as usize] = true);
        for (class, _) in dataset.classes().iter().zip(seen).filter(|(_, seen)| !seen) {
            let reason = format!("class `{class}` has no sample in the {part} split");
            problems.push(DataError::at(ErrorKind::EmptyClass, path, reason).into());
        }
    }
}

/// Makes the splits that are missing from the training samples.
fn divide(
    path: PathBuf,
    format: Format,
    parts: Parts<Arc<dyn Dataset>>,
    problems: Vec<Problem>,
    options: &OpenOptions,
) -> Result<Splits, DataError> {
    let Parts { train, mut val, mut test } = parts;
    let Some(mut train) = train.filter(|train| !train.is_empty()) else {
        let why = problems.first().map_or(String::new(), |first| format!("; first problem: {first}"));
        return Err(unknown(&path, &format!("has no image to train on{why}")));
    };
    let whole = val.is_none() && test.is_none();
    let fractions = Fractions {
        validation: if val.is_none() { options.validation } else { 0.0 },
        test: if whole { options.test } else { 0.0 },
    };
    let labels: Vec<u32> = (0..train.len()).map(|i| train.label(i)).collect();
    let indices = stratified(&labels, fractions, options.seed)?;
    let all = Arc::clone(&train);
    let subset = |indices: Vec<usize>| -> Option<Arc<dyn Dataset>> {
        (!indices.is_empty()).then(|| Arc::new(Subset::new(Arc::clone(&all), indices)) as _)
    };
    if indices.train.len() < train.len() {
        val = val.or_else(|| subset(indices.validation));
        test = test.or_else(|| subset(indices.test));
        train = subset(indices.train).unwrap_or(train);
    }
    Ok(Splits {
        path,
        format,
        classes: train.classes().to_vec(),
        train,
        val: val.filter(|part| !part.is_empty()),
        test: test.filter(|part| !part.is_empty()),
        problems,
    })
}
