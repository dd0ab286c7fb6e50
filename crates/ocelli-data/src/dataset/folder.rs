//! Class-per-folder trees.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::{Path, PathBuf};
use std::thread;

use super::files::{entries, file_name, has_image_name};
use super::{Dataset, Extent};
use crate::decode::{self, Header, Limits};
use crate::{Channels, DataError, ErrorKind, Image, Problem};

/// Image files, each decoded when it is loaded.
#[derive(Debug)]
pub struct FolderDataset {
    classes: Vec<String>,
    samples: Vec<(PathBuf, u32)>,
    channels: Channels,
    extent: Extent,
    limits: Limits,
}

/// A tree's images by class, before they are looked at.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Tree {
    /// Every class folder, with its files in order.
    classes: BTreeMap<String, Vec<PathBuf>>,
}

/// A tree's images, looked at.
pub(super) struct Scanned {
    /// Usable images of each class.
    classes: BTreeMap<String, Vec<(PathBuf, Header)>>,
}

impl Tree {
    /// Lists the class folders of `root` and the files below each. Files beside them are not its.
    pub(super) fn list(root: &Path, problems: &mut Vec<Problem>) -> Result<Self, DataError> {
        let mut tree = Self::default();
        for path in entries(root)? {
            if path.is_dir() {
                tree.classes.insert(file_name(&path), files_below(&path, problems));
            }
        }
        Ok(tree)
    }

    /// Reads the header of every file, on `threads` threads. What is not a usable image is told in `problems`.
    pub(super) fn scan(self, limits: &Limits, threads: usize, problems: &mut Vec<Problem>) -> Scanned {
        let files: Vec<(&str, &PathBuf)> = self
            .classes
            .iter()
            .flat_map(|(class, files)| files.iter().map(move |file| (class.as_str(), file)))
            .collect();
        let size = files.len().div_ceil(threads.max(1)).max(1);
        let headers: Vec<Result<Header, DataError>> = thread::scope(|scope| {
            let parts: Vec<_> = files
                .chunks(size)
                .map(|part| {
                    scope.spawn(|| {
                        let read = |(_, path): &(&str, &PathBuf)| decode::header(path, limits);
                        part.iter().map(read).collect::<Vec<_>>()
                    })
                })
                .collect();
            parts
                .into_iter()
                .flat_map(|part| part.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
                .collect()
        });
        let mut classes: BTreeMap<String, Vec<_>> = BTreeMap::new();
        for class in self.classes.keys() {
            classes.insert(class.clone(), Vec::new());
        }
        for ((class, path), header) in files.into_iter().zip(headers) {
            match header {
                Ok(header) => classes.entry(class.to_owned()).or_default().push((path.clone(), header)),
                Err(error) => problems.push(error.into()),
            }
        }
        Scanned { classes }
    }
}

/// The files below a folder, in the order of their names; what cannot be listed is told in `problems`.
///
/// Hidden files and those that systems leave behind are left out, links are followed, and a folder is visited once.
pub fn files_below(folder: &Path, problems: &mut Vec<Problem>) -> Vec<PathBuf> {
    let mut files = Vec::new();
    walk(folder, &mut HashSet::new(), &mut files, problems);
    files
}

/// How many folders, one in the other, are looked through for class folders.
const DEPTH: usize = 8;

/// The first folder from `folder` down that holds several folders and no image: probably those are the classes.
pub(super) fn class_level(folder: &Path) -> Option<PathBuf> {
    let mut at = folder.to_path_buf();
    for _ in 0..DEPTH {
        let (mut folders, files): (Vec<_>, Vec<_>) =
            entries(&at).ok()?.into_iter().partition(|path| path.is_dir());
        if files.iter().any(|file| has_image_name(file)) {
            return None;
        }
        match folders.len() {
            0 => return None,
            1 => at = folders.remove(0),
            _ => return Some(at),
        }
    }
    None
}

/// Collects the files below a folder; links are followed, a folder is visited once.
fn walk(
    folder: &Path,
    visited: &mut HashSet<PathBuf>,
    files: &mut Vec<PathBuf>,
    problems: &mut Vec<Problem>,
) {
    let fresh = match folder.canonicalize() {
        Ok(real) => visited.insert(real),
        Err(error) => {
            problems.push(DataError::io(folder, &error).into());
            false
        }
    };
    if !fresh {
        return;
    }
    match entries(folder) {
        Err(error) => problems.push(error.into()),
        Ok(paths) => {
            for path in paths {
                if path.is_dir() {
                    walk(&path, visited, files, problems);
                } else {
                    files.push(path);
                }
            }
        }
    }
}

impl Scanned {
    /// The names of the class folders, empty ones included.
    pub(super) fn names(&self) -> BTreeSet<&str> {
        self.classes.keys().map(String::as_str).collect()
    }

    /// How many usable images a class has.
    pub(super) fn count(&self, class: &str) -> usize {
        self.classes.get(class).map_or(0, Vec::len)
    }

    /// Whether every usable image is grey.
    pub(super) fn is_grey(&self) -> bool {
        let mut headers = self.classes.values().flatten().map(|(_, header)| header);
        headers.all(|header| header.channels == Channels::Grey)
    }

    /// The dataset of these images, labelled by their class's place in `classes`.
    pub(super) fn dataset(self, classes: &[String], channels: Channels, limits: Limits) -> FolderDataset {
        let mut samples = Vec::new();
        let mut sizes = Vec::new();
        for (class, images) in self.classes {
            let Some(label) = classes.iter().position(|name| *name == class) else {
                continue;
            };
            for (path, header) in images {
                samples.push((path, label as u32));
                sizes.push((header.height, header.width));
            }
        }
        FolderDataset {
            classes: classes.to_vec(),
            samples,
            channels,
            extent: Extent::of(channels.count(), &sizes),
            limits,
        }
    }
}

/// # Errors
/// If `other` does not have the same class folders as `train`, less the empty ones: which each one lacks.
pub(super) fn same_classes(
    (train_name, train): (&Path, &Scanned),
    (other_name, other): (&Path, &Scanned),
) -> Result<(), DataError> {
    let names = |a: &Scanned, b: &Scanned, counts: &dyn Fn(&str) -> bool| {
        let (a, b) = (a.names(), b.names());
        let names = a.difference(&b).filter(|name| counts(name)).map(|name| format!("`{name}`"));
        names.collect::<Vec<_>>().join(", ")
    };
    // A class without a usable image need not be there.
    let missing = names(train, other, &|name| train.count(name) > 0);
    let extra = names(other, train, &|name| other.count(name) > 0);
    let mut reasons = Vec::new();
    if !missing.is_empty() {
        reasons.push(format!("has no {missing}, which {} has", train_name.display()));
    }
    if !extra.is_empty() {
        reasons.push(format!("has {extra}, which {} has not", train_name.display()));
    }
    if reasons.is_empty() {
        return Ok(());
    }
    Err(DataError::at(
        ErrorKind::ClassMismatch,
        other_name,
        format!("{}: every split needs the same class folders", reasons.join("; ")),
    ))
}

impl Dataset for FolderDataset {
    fn len(&self) -> usize {
        self.samples.len()
    }

    fn classes(&self) -> &[String] {
        &self.classes
    }

    fn label(&self, index: usize) -> u32 {
        self.samples[index].1
    }

    fn name(&self, index: usize) -> Cow<'_, str> {
        self.samples[index].0.to_string_lossy()
    }

    fn path(&self, index: usize) -> Option<&Path> {
        Some(&self.samples[index].0)
    }

    fn load(&self, index: usize) -> Result<Image, DataError> {
        decode::read(&self.samples[index].0, self.channels, &self.limits)
    }

    fn extent(&self) -> Extent {
        self.extent
    }
}
