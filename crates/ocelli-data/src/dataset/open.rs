//! One entry to every dataset: what a path is decides how it is read.

use std::collections::BTreeSet;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Serialize;

use super::address::{address, shown};
use super::cifar::Kind;
use super::classes::mismatches;
use super::files::{entries, has_image_name, names, of_splits};
use super::folder::{Scanned, Tree};
use super::image_files::usual_channels;
use super::memory::MemoryDataset;
use super::shards::{LocalFile, Opening, Ranges};
use super::splits::{Part, Parts, Splits, Undivided};
use super::{Dataset, Fractions, idx, manifest, parquet, shards};
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
    /// Whether CIFAR-100's 20 superclasses are the labels, not its 100 classes. Default: false.
    pub coarse_labels: bool,
    /// What stands between the labels of an image in the column `labels` of a manifest. Default: `|`.
    pub label_separator: char,
    /// Whether splits may have different classes: what each lacks is then told as a problem, and all splits have the classes
    /// of all. Good for looking at a dataset, not for training on it. Default: false.
    pub allow_class_mismatch: bool,
    /// What image files may ask for.
    pub limits: Limits,
    /// Threads that read headers; 0 takes as many as the machine has. Default: 0.
    pub threads: usize,
    /// The folder where is kept what shards elsewhere hold, so that they are looked through only once. Default: `None`, which
    /// takes `ocelli/shards` in the user's folder of caches (`XDG_CACHE_HOME`, else `~/.cache`; on Windows `LOCALAPPDATA`).
    pub indices: Option<PathBuf>,
}

impl Default for OpenOptions {
    fn default() -> Self {
        Self {
            channels: None,
            validation: 0.1,
            test: 0.1,
            seed: 0,
            strict: false,
            coarse_labels: false,
            label_separator: '|',
            allow_class_mismatch: false,
            limits: Limits::default(),
            threads: 0,
            indices: None,
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
    /// CIFAR-100's binary files.
    Cifar100,
    /// A CSV or JSON Lines file that lists images and their labels.
    Manifest,
    /// Tar files, as WebDataset has them.
    Shards,
    /// Parquet files, as Hugging Face has them.
    Parquet,
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Folders => "class folders",
            Self::Idx => "IDX files",
            Self::Cifar10 => "CIFAR-10 binary files",
            Self::Cifar100 => "CIFAR-100 binary files",
            Self::Manifest => "a manifest",
            Self::Shards => "tar shards",
            Self::Parquet => "Parquet files",
        })
    }
}

/// What is found wrong while a dataset is opened.
#[derive(Default)]
pub(super) struct Findings {
    pub(super) problems: Vec<Problem>,
}

impl Findings {
    /// Takes up what splits' classes lack of each other's.
    ///
    /// # Errors
    /// The first, if the options do not allow it.
    pub(super) fn mismatches(
        &mut self,
        found: Vec<DataError>,
        options: &OpenOptions,
    ) -> Result<(), DataError> {
        match found.first() {
            Some(first) if !options.allow_class_mismatch => Err(first.clone()),
            _ => {
                self.problems.extend(found.into_iter().map(Problem::from));
                Ok(())
            }
        }
    }
}

/// Opens the dataset at a path, or of a name, to train on.
///
/// A path is a folder of class folders; a folder of `train/` (`training/`), `val/` (`valid/`, `validation/`) and `test/`
/// (`testing/`), each with the same class folders; a [`manifest`](super::manifest), or a folder with one called `manifest.csv`
/// (`.tsv`, `.jsonl`); tar files as WebDataset has them or Parquet files as Hugging Face does, one or a folder of them; a folder of IDX files; or one of CIFAR-10's or CIFAR-100's binary files. A name is a dataset below
/// `data/` in the current folder, or below the folder that `OCELLI_DATA` names; `sample` stands for [`SAMPLE`]. With the feature
/// `remote`, tar files may be named by an address: `https://host/path/train-{0000..0009}.tar`, `s3://bucket/path/train-{0000..0009}.tar`,
/// or `s3://bucket/path/` for all below it.
///
/// The headers of all image files are read. What is wrong with one is told in [`Splits::problems`] and the rest goes on.
///
/// # Errors
/// If nothing is there, it is no dataset, has no training images or fewer than two classes, its splits have different
/// classes, an IDX, CIFAR or manifest file is broken, or there is any problem and `strict` is set.
pub fn open(dataset: impl AsRef<Path>, options: &OpenOptions) -> Result<Splits, DataError> {
    let fractions = Fractions { validation: options.validation, test: options.test };
    open_undivided(dataset, options)?.divide(fractions, options.seed)
}

/// Opens the dataset at a path, or of a name, as it is: with the splits it has of its own, be it only one, and with any
/// number of classes. `validation`, `test` and `seed` of the options are not used.
///
/// # Errors
/// As [`open`], but for what only training needs.
pub fn open_undivided(dataset: impl AsRef<Path>, options: &OpenOptions) -> Result<Undivided, DataError> {
    if let Some(address) = address(dataset.as_ref()) {
        return open_remote(address, options);
    }
    let path = resolve(dataset.as_ref(), std::env::var_os(DATA_VARIABLE).map(PathBuf::from))?;
    let (format, root) = recognise(&path)?;
    let mut findings = Findings::default();
    let hundred = Kind::Hundred { coarse: options.coarse_labels };
    let parts: Parts<Arc<dyn Dataset>> = match format {
        Format::Folders => open_folders(&root, options, &mut findings)?,
        Format::Manifest => manifest::open(&root, options, &mut findings)?,
        Format::Shards => open_shards(&root, options, &mut findings)?,
        Format::Parquet => {
            parquet::open(beside(&root), &of_splits(&root, "parquet"), options, &mut findings)?
        }
        Format::Idx => in_memory(idx::read(&root, &idx::find(&root)?)?, options),
        Format::Cifar10 => in_memory(Kind::Ten.read(&root)?, options),
        Format::Cifar100 => in_memory(hundred.read(&root)?, options),
    };
    finish(path, format, parts, findings, options)
}

/// Opens tar files elsewhere.
#[cfg(feature = "remote")]
fn open_remote(address: &str, options: &OpenOptions) -> Result<Undivided, DataError> {
    let mut findings = Findings::default();
    let parts = shards::open(shards::remote::find(address)?, options, &mut findings)?;
    finish(PathBuf::from(&*shown(address)), Format::Shards, parts, findings, options)
}

#[cfg(not(feature = "remote"))]
fn open_remote(address: &str, _: &OpenOptions) -> Result<Undivided, DataError> {
    Err(needs_remote(address))
}

/// What a build without the feature `remote` says of an address.
#[cfg(any(test, not(feature = "remote")))]
fn needs_remote(address: &str) -> DataError {
    let reason = "is an address, and this build reads files of this machine alone: build it with the feature `remote` \
                  (in Ocelli's repository: cargo install --path crates/ocelli-cli --features remote)";
    DataError::about(ErrorKind::Invalid, shown(address), reason)
}

/// A data set with all that was found wrong with it.
fn finish(
    path: PathBuf,
    format: Format,
    parts: Parts<Arc<dyn Dataset>>,
    findings: Findings,
    options: &OpenOptions,
) -> Result<Undivided, DataError> {
    let mut problems = findings.problems;
    if format != Format::Folders {
        find_empty_classes(&path, &parts, &mut problems);
    }
    if let (true, Some(problem)) = (options.strict, problems.first()) {
        return Err(problem.clone().into());
    }
    let classes = parts.iter().next().map_or_else(Vec::new, |part| part.classes().to_vec());
    Ok(Undivided { path, format, classes, problems, parts })
}

fn open_shards(
    root: &Path,
    options: &OpenOptions,
    findings: &mut Findings,
) -> Result<Parts<Arc<dyn Dataset>>, DataError> {
    let opened =
        |(part, path): (Part, PathBuf)| Ok((part, Arc::new(LocalFile::open(&path)?) as Arc<dyn Ranges>));
    let files = of_splits(root, "tar").into_iter().map(opened).collect::<Result<Vec<_>, DataError>>()?;
    let folder = beside(root);
    let opening = Opening {
        name: folder.display().to_string(),
        shards: files,
        listed: names(&folder.join("classes.txt"))?,
        threads: crate::threads(options.threads),
    };
    shards::open(opening, options, findings)
}

/// The folder that a path is, or that a file lies in.
fn beside(path: &Path) -> &Path {
    if path.is_dir() { path } else { path.parent().unwrap_or(path) }
}

/// Images that were read whole, with the channels asked for.
fn in_memory(parts: Parts<MemoryDataset>, options: &OpenOptions) -> Parts<Arc<dyn Dataset>> {
    parts.map(|part| match options.channels {
        Some(channels) => Arc::new(part.with_channels(channels)) as Arc<dyn Dataset>,
        None => Arc::new(part),
    })
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
    let advice = if dataset == Path::new("sample") || dataset == Path::new(SAMPLE) {
        ": the sample ships in Ocelli's repository; run there, or give your own images with --data FOLDER"
    } else {
        ""
    };
    Err(DataError::at(ErrorKind::NotFound, dataset, format!("is not there{looked}{advice}")))
}

/// Folders below which the files of known downloads lie.
const INNER: [&str; 6] =
    ["cifar-10-batches-bin", "cifar-100-binary", "raw", "FashionMNIST/raw", "MNIST/raw", "KMNIST/raw"];

/// What a path is, and the folder that holds it.
fn recognise(path: &Path) -> Result<(Format, PathBuf), DataError> {
    if !path.is_dir() {
        if manifest::is_named_so(path) {
            return Ok((Format::Manifest, path.to_path_buf()));
        }
        if let Some(found) = archives(path) {
            return Ok(found);
        }
        return Err(unknown(
            path,
            "is a file, but neither a manifest (.csv, .tsv, .jsonl) nor a tar or Parquet file: the folder that holds the dataset is needed",
        ));
    }
    if let Some(manifest) = manifest::in_folder(path) {
        return Ok((Format::Manifest, manifest));
    }
    if let Some(found) = archives(path) {
        return Ok(found);
    }
    for folder in std::iter::once(path.to_path_buf()).chain(INNER.map(|inner| path.join(inner))) {
        if !folder.is_dir() {
            continue;
        }
        if Kind::Ten.is_here(&folder) {
            return Ok((Format::Cifar10, folder));
        }
        if (Kind::Hundred { coarse: false }).is_here(&folder) {
            return Ok((Format::Cifar100, folder));
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
        "is no dataset: it has neither class folders, nor a manifest (manifest.csv), nor tar or Parquet files, nor IDX files, nor CIFAR's binary files",
    ))
}

/// Tar shards or Parquet files, if a path is or holds some.
fn archives(path: &Path) -> Option<(Format, PathBuf)> {
    let kinds = [("tar", Format::Shards), ("parquet", Format::Parquet)];
    let (_, format) = kinds.into_iter().find(|(ending, _)| !of_splits(path, ending).is_empty())?;
    Some((format, path.to_path_buf()))
}

fn unknown(path: &Path, reason: &str) -> DataError {
    DataError::at(ErrorKind::UnknownFormat, path, reason)
}

/// Opens a tree of class folders, with folders for splits or not.
fn open_folders(
    root: &Path,
    options: &OpenOptions,
    findings: &mut Findings,
) -> Result<Parts<Arc<dyn Dataset>>, DataError> {
    let problems = &mut findings.problems;
    let mut trees: Parts<(PathBuf, Scanned)> = Parts::default();
    let threads = crate::threads(options.threads);
    let mut scan = |path: &Path| -> Result<_, DataError> {
        let tree = Tree::list(path, problems)?;
        find_unlabelled(path, problems)?;
        Ok((path.to_path_buf(), tree.scan(&options.limits, threads, problems)))
    };
    for (path, part) in split_folders(root)? {
        if trees.get(part).is_some() {
            let reason = format!("is a second {part} split: keep one");
            return Err(DataError::at(ErrorKind::Invalid, path, reason));
        }
        let scanned = scan(&path)?;
        trees.set(part, scanned);
    }
    if trees.iter().next().is_none() {
        trees.train = Some(scan(root)?);
    } else {
        find_unlabelled(root, problems)?;
    }
    let sets: Vec<_> = trees.iter().map(|(path, scanned)| scanned.class_set(path)).collect();
    let mismatches = mismatches(&sets);
    let classes = used_classes(&trees, problems);
    findings.mismatches(mismatches, options)?;
    let headers = trees.iter().flat_map(|(_, scanned)| scanned.headers());
    let channels = options.channels.unwrap_or_else(|| usual_channels(headers));
    Ok(trees.map(|(_, scanned)| {
        Arc::new(scanned.dataset(&classes, channels, options.limits)) as Arc<dyn Dataset>
    }))
}

/// The classes that have a usable image; those that have a folder without one are named.
fn used_classes(trees: &Parts<(PathBuf, Scanned)>, problems: &mut Vec<Problem>) -> Vec<String> {
    let names: BTreeSet<&str> = trees.iter().flat_map(|(_, scanned)| scanned.names()).collect();
    let mut classes = Vec::new();
    for name in names {
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
    classes
}

/// Names the images that lie beside the folders of splits or classes, in none of them.
pub(super) fn find_unlabelled(folder: &Path, problems: &mut Vec<Problem>) -> Result<(), DataError> {
    for path in entries(folder)?.into_iter().filter(|path| has_image_name(path) && !path.is_dir()) {
        let reason = "lies beside the class folders and in none: it has no label";
        problems.push(DataError::at(ErrorKind::Unlabelled, path, reason).into());
    }
    Ok(())
}

/// The folders of splits in `root`; none if one tree holds all classes.
pub(super) fn split_folders(root: &Path) -> Result<Vec<(PathBuf, Part)>, DataError> {
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
        for index in 0..dataset.len() {
            dataset.labels(index).iter().for_each(|label| seen[*label as usize] = true);
        }
        for (class, _) in dataset.classes().iter().zip(seen).filter(|(_, seen)| !seen) {
            let reason = format!("class `{class}` has no sample in the {part} split");
            problems.push(DataError::at(ErrorKind::EmptyClass, path, reason).into());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_build_for_files_here_says_how_to_get_the_other() {
        let error = needs_remote("https://me:secret@host/a.tar?b");
        let text = error.to_string();
        assert!(
            error.kind() == ErrorKind::Invalid && text.starts_with("https://host/a.tar?…: is an"),
            "{text}"
        );
        assert!(text.contains("cargo install --path crates/ocelli-cli --features remote"), "{text}");
        assert!(!text.contains("secret"), "{text}");
    }
}
