//! The splits of a dataset: those it has of its own, and those that are made of it.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ocelli_kernels::random::hash;
use serde::{Deserialize, Serialize};

use super::folder::class_level;
use super::open::{Format, split_folders};
use super::{Dataset, Fractions, Subset, strata, stratified};
use crate::{DataError, ErrorKind, Problem};

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
    /// How the images were set apart for validation and test, where the dataset has no such splits of its own.
    pub division: Division,
}

/// How images were set apart for splits that a dataset lacks: enough to do it again.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub struct Division {
    /// The seed that decided which.
    pub seed: u64,
    /// The part of them that validates; 0 if the dataset has a validation split.
    pub validation: f64,
    /// The part of them that tests; 0 if the dataset has a validation or test split.
    pub test: f64,
    /// A digest of the images that were divided: of their classes and file names in order, not of their pixels.
    pub images: u64,
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
    /// The split of this name: `train` (`training`), `val` (`valid`, `validation`) or `test` (`testing`).
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
            let there = [Some("train"), self.val.as_ref().map(|_| "val"), self.test.as_ref().map(|_| "test")];
            no_split(&self.path, name, &there.into_iter().flatten().collect::<Vec<_>>())
        })
    }
}

fn no_split(path: &Path, name: &str, there: &[&str]) -> DataError {
    let reason = format!("has no split `{name}`; it has {}", there.join(", "));
    DataError::at(ErrorKind::NotFound, path, reason)
}

/// A dataset as it is on disk, before images are set apart for splits that it lacks: at least one split, all with the
/// same classes and channels.
#[derive(Clone)]
pub struct Undivided {
    /// Where it was found.
    pub path: PathBuf,
    /// What it is.
    pub format: Format,
    /// The names of the classes; a label is an index into them.
    pub classes: Vec<String>,
    /// What is wrong with parts of the dataset; they are left out.
    pub problems: Vec<Problem>,
    pub(super) parts: Parts<Arc<dyn Dataset>>,
}

impl fmt::Debug for Undivided {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Undivided")
            .field("path", &self.path)
            .field("format", &self.format)
            .field("splits", &self.names())
            .field("classes", &self.classes)
            .field("problems", &self.problems)
            .finish()
    }
}

impl Undivided {
    /// The names of the splits that the dataset has of its own; one tree of class folders counts as `train`.
    pub fn names(&self) -> Vec<&'static str> {
        self.parts.named().map(|(name, _)| name).collect()
    }

    /// The split of this name: `train` (`training`), `val` (`valid`, `validation`) or `test` (`testing`).
    ///
    /// # Errors
    /// If the dataset has no such split of its own: which it has.
    pub fn get(&self, name: &str) -> Result<Arc<dyn Dataset>, DataError> {
        let found = Part::named(name).and_then(|part| self.parts.get(part));
        found.cloned().ok_or_else(|| no_split(&self.path, name, &self.names()))
    }

    /// All images, where they lie in one split or in none.
    pub fn whole(&self) -> Option<Arc<dyn Dataset>> {
        let mut parts = self.parts.iter();
        parts.next().filter(|_| parts.next().is_none()).cloned()
    }

    /// The problems that bear on the split of this name: all but those in the folders of other splits.
    pub fn problems_of(&self, split: &str) -> Vec<&Problem> {
        let source = |part| if self.parts.get(part).is_some() { part } else { Part::Train };
        let source = Part::named(split).map(source);
        let mut folders = match self.format {
            Format::Folders => split_folders(&self.path).unwrap_or_default(),
            _ => Vec::new(),
        };
        folders.retain(|(_, part)| source.is_some_and(|source| source != *part));
        let elsewhere = |problem: &Problem| {
            folders.iter().any(|(path, _)| Path::new(problem.subject()).starts_with(path))
        };
        self.problems.iter().filter(|problem| !elsewhere(problem)).collect()
    }

    /// Makes the splits that are missing from the training images, class by class.
    ///
    /// # Errors
    /// If there is no image to train on, there are fewer than two classes, or the fractions cannot be.
    pub fn divide(self, fractions: Fractions, seed: u64) -> Result<Splits, DataError> {
        let Some(mut train) = self.parts.train.clone().filter(|train| !train.is_empty()) else {
            return Err(self.nothing_to_train_on());
        };
        // Whether an image has a label or not is a question too.
        if self.classes.len() < 2 && !train.is_multi_label() {
            return Err(self.too_few_classes());
        }
        let Parts { mut val, mut test, .. } = self.parts;
        let whole = val.is_none() && test.is_none();
        let fractions = Fractions {
            validation: if val.is_none() { fractions.validation } else { 0.0 },
            test: if whole { fractions.test } else { 0.0 },
        };
        let indices = stratified(&strata(&*train), fractions, seed)?;
        let Fractions { validation, test: tested } = fractions;
        let division = Division { seed, validation, test: tested, images: digest(train.as_ref()) };
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
            path: self.path,
            format: self.format,
            classes: self.classes,
            train,
            val: val.filter(|part| !part.is_empty()),
            test: test.filter(|part| !part.is_empty()),
            problems: self.problems,
            division,
        })
    }

    /// The splits as `division` made them; `None` if these are not the images that it divided.
    pub fn divide_again(&self, division: &Division) -> Option<Splits> {
        let train = self.parts.train.as_ref()?;
        if digest(train.as_ref()) != division.images {
            return None;
        }
        let fractions = Fractions { validation: division.validation, test: division.test };
        self.clone().divide(fractions, division.seed).ok()
    }

    fn nothing_to_train_on(&self) -> DataError {
        let reason = match (&self.parts.train, self.problems.first()) {
            (None, _) if self.format == Format::Folders => {
                "has no train folder; to use the images of one split alone, name its folder".to_owned()
            }
            (None, _) => format!("has {} images alone, and none to train on", self.names().join(" and ")),
            (_, Some(first)) => format!("has no image to train on; first problem: {first}"),
            (_, None) => "has no image to train on".to_owned(),
        };
        DataError::at(ErrorKind::UnknownFormat, &self.path, reason)
    }

    /// Says which class there is, and which folder was probably meant.
    fn too_few_classes(&self) -> DataError {
        let class = self.classes.first().map_or("", String::as_str);
        let folders = split_folders(&self.path).unwrap_or_default();
        let train = folders.into_iter().find(|(_, part)| *part == Part::Train);
        let root = train.map_or_else(|| self.path.clone(), |(path, _)| path);
        let meant = match self.format {
            Format::Folders => class_level(&root.join(class)),
            _ => None,
        };
        let advice = match (meant, self.problems.first()) {
            (Some(folder), _) => format!("it holds only folders: name {} instead", folder.display()),
            (None, Some(first)) => format!("first problem: {first}"),
            (None, None) => "put the images of each class in a folder of its own".to_owned(),
        };
        let reason =
            format!("has one class, `{class}`, and two or more are needed to tell them apart; {advice}");
        DataError::at(ErrorKind::UnknownFormat, &self.path, reason)
    }
}

/// A digest of what decides a division and of which images it is: every image's class and file name, in order.
fn digest(dataset: &dyn Dataset) -> u64 {
    let mut all = hash("ocelli.division");
    let mut add = |text: &str| all = all.rotate_left(5).wrapping_mul(0x0000_0100_0000_01b3) ^ hash(text);
    for index in 0..dataset.len() {
        dataset.labels(index).iter().for_each(|label| add(&dataset.classes()[*label as usize]));
        if let Some(name) = dataset.path(index).and_then(Path::file_name) {
            add(&name.to_string_lossy());
        }
    }
    all
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
            "train" | "training" => Some(Self::Train),
            "val" | "valid" | "validation" => Some(Self::Val),
            "test" | "testing" => Some(Self::Test),
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

    /// The value of a part, made if it is not there.
    pub(super) fn entry(&mut self, part: Part) -> &mut T
    where
        T: Default,
    {
        let place = match part {
            Part::Train => &mut self.train,
            Part::Val => &mut self.val,
            Part::Test => &mut self.test,
        };
        place.get_or_insert_default()
    }

    /// The parts that are there, with their names.
    pub(super) fn named(&self) -> impl Iterator<Item = (&'static str, &T)> {
        let Self { train, val, test } = self;
        let named = [("train", train), ("val", val), ("test", test)];
        named.into_iter().filter_map(|(name, part)| Some((name, part.as_ref()?)))
    }

    pub(super) fn get(&self, part: Part) -> Option<&T> {
        match part {
            Part::Train => self.train.as_ref(),
            Part::Val => self.val.as_ref(),
            Part::Test => self.test.as_ref(),
        }
    }

    pub(super) fn map<U>(self, mut change: impl FnMut(T) -> U) -> Parts<U> {
        Parts {
            train: self.train.map(&mut change),
            val: self.val.map(&mut change),
            test: self.test.map(change),
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        self.train.iter().chain(&self.val).chain(&self.test)
    }
}
