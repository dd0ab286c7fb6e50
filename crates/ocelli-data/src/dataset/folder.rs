//! Class-per-folder trees.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::{Path, PathBuf};

use super::classes::ClassSet;
use super::files::{entries, file_name, has_image_name};
use super::image_files::{ImageFiles, Sample, scan};
use crate::decode::{Header, Limits};
use crate::{Channels, DataError, Problem};

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
        let paths: Vec<&Path> = files.iter().map(|(_, path)| path.as_path()).collect();
        let headers = scan(&paths, limits, threads);
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
/// Hidden files and those that systems leave behind are left out. Links are followed, but to no folder that `folder` lies
/// in, and a folder is visited once.
pub fn files_below(folder: &Path, problems: &mut Vec<Problem>) -> Vec<PathBuf> {
    let mut files = Vec::new();
    // A link from a class up to the whole tree would bring in the images of all other classes.
    let real = folder.canonicalize().unwrap_or_default();
    let mut visited: HashSet<PathBuf> = real.ancestors().skip(1).map(Path::to_path_buf).collect();
    walk(folder, &mut visited, &mut files, problems);
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

    /// What the usable images' headers say.
    pub(super) fn headers(&self) -> impl Iterator<Item = &Header> {
        self.classes.values().flatten().map(|(_, header)| header)
    }

    /// The classes of this tree, which errors call `name`.
    pub(super) fn class_set(&self, name: &Path) -> ClassSet<'_> {
        let (empty, used) = self.names().into_iter().partition(|class| self.count(class) == 0);
        ClassSet { name: name.display().to_string(), used, empty }
    }

    /// The dataset of these images, labelled by their class's place in `classes`.
    pub(super) fn dataset(self, classes: &[String], channels: Channels, limits: Limits) -> ImageFiles {
        let label = |class: &String| classes.iter().position(|name| name == class);
        let labelled = self.classes.into_iter().filter_map(|(class, images)| Some((label(&class)?, images)));
        let files = labelled.flat_map(|(label, images)| {
            let sample = move |path| Sample { path, label: label as u32, labels: None, weight: 1.0 };
            images.into_iter().map(move |(path, header)| (sample(path), header))
        });
        ImageFiles::new(classes, files.collect(), channels, limits)
    }
}
