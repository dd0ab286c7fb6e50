//! IDX files: the format of MNIST and its relatives.

use std::path::{Path, PathBuf};

use super::files::{DataFile, entries, file_name, names};
use super::memory::MemoryDataset;
use super::splits::{Part, Parts};
use crate::{DataError, ErrorKind};

/// A file of images and the file of their labels.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Pair {
    part: Part,
    images: PathBuf,
    labels: PathBuf,
}

/// The pairs of IDX files in a folder: `<part>-images-idx3-ubyte[.gz]` beside `<part>-labels-idx1-ubyte[.gz]`,
/// where part is train (training), val (valid, validation), test (testing) or t10k, with anything before it.
pub(super) fn find(folder: &Path) -> Result<Vec<Pair>, DataError> {
    let files = entries(folder)?;
    let mut pairs: Vec<Pair> = Vec::new();
    for images in &files {
        let Some((part, labels)) = labels_of(&file_name(images)) else {
            continue;
        };
        let labels = files
            .iter()
            .find(|path| {
                let name = file_name(path);
                name == labels
                    || name.strip_suffix(".gz") == Some(&labels)
                    || labels.strip_suffix(".gz") == Some(&name)
            })
            .ok_or_else(|| {
                let reason = format!("has no labels beside it: {labels} is missing");
                DataError::at(ErrorKind::NotFound, images, reason)
            })?;
        if let Some(other) = pairs.iter().find(|pair| pair.part == part) {
            // The same file, packed and unpacked: take the first.
            let unpacked = |path: &Path| file_name(path).trim_end_matches(".gz").to_owned();
            if unpacked(&other.images) == unpacked(images) {
                continue;
            }
            let reason = format!("holds {part} images, and so does {}", other.images.display());
            return Err(DataError::at(ErrorKind::Invalid, images, reason));
        }
        pairs.push(Pair { part, images: images.clone(), labels: labels.clone() });
    }
    Ok(pairs)
}

/// For the name of an images file: its part, and the name of its labels file.
fn labels_of(name: &str) -> Option<(Part, String)> {
    let (before, after) = name.split_once("images")?;
    let is_idx = ["idx3-ubyte", "idx4-ubyte"].iter().any(|kind| after.contains(kind));
    let words: Vec<&str> = before.split(['-', '_', '.']).filter(|w| !w.is_empty()).collect();
    let part = match *words.last()? {
        "t10k" => Part::Test,
        word => Part::named(word)?,
    };
    let after = after.replace("idx3", "idx1").replace("idx4", "idx1");
    is_idx.then(|| (part, format!("{before}labels{after}")))
}

/// Reads pairs of IDX files; class names come from `classes.txt` beside them, or are the label numbers.
pub(super) fn read(folder: &Path, pairs: &[Pair]) -> Result<Parts<MemoryDataset>, DataError> {
    let named = names(&folder.join("classes.txt"))?;
    let mut read = Vec::new();
    for pair in pairs {
        read.push((pair, read_images(&pair.images)?, read_labels(&pair.labels)?));
    }
    let classes = named.unwrap_or_else(|| {
        let labels = read.iter().flat_map(|(_, _, labels)| labels);
        let count = labels.max().map_or(1, |&label| usize::from(label) + 1);
        (0..count).map(|class| class.to_string()).collect()
    });
    let mut parts = Parts::default();
    for (pair, images, labels) in read {
        let labels: Vec<u32> = labels.into_iter().map(u32::from).collect();
        if labels.len() != images.count {
            return Err(DataError::at(
                ErrorKind::Corrupt,
                &pair.labels,
                format!("has {} labels for {} images", labels.len(), images.count),
            ));
        }
        let name = pair.images.display().to_string();
        let dataset = MemoryDataset::new(name, classes.clone(), labels, images.shape, images.pixels)
            .map_err(|e| DataError::at(e.kind(), &pair.labels, e.reason()))?;
        parts.set(pair.part, dataset);
    }
    Ok(parts)
}

struct Images {
    count: usize,
    shape: (usize, usize, usize),
    pixels: Vec<u8>,
}

/// The type of an IDX file's numbers: unsigned bytes.
const UNSIGNED_BYTE: u8 = 8;

/// Reads the dimensions of an IDX file of bytes that has `allowed` many.
fn dimensions(file: &mut DataFile, allowed: &[u8]) -> Result<Vec<usize>, DataError> {
    let magic = file.bytes(4, "the header's first four")?;
    let [0, 0, kind, rank] = magic[..] else {
        return Err(file.error(
            ErrorKind::Corrupt,
            format!("is not an IDX file: it starts with {magic:02x?} instead of 00 00"),
        ));
    };
    if kind != UNSIGNED_BYTE || !allowed.contains(&rank) {
        return Err(file.error(
            ErrorKind::Unsupported,
            format!("holds numbers of type {kind} in {rank} dimensions: bytes (8) in {allowed:?} are needed"),
        ));
    }
    (0..rank).map(|_| Ok(file.u32_be("the header's dimensions")? as usize)).collect()
}

fn read_images(path: &Path) -> Result<Images, DataError> {
    let mut file = DataFile::open(path)?;
    let dims = dimensions(&mut file, &[3, 4])?;
    let (count, height, width) = (dims[0], dims[1], dims[2]);
    let channels = dims.get(3).copied().unwrap_or(1);
    let len = dims.iter().try_fold(1u64, |product, &dim| product.checked_mul(dim as u64));
    let (Some(len), true, true) = (len, height * width > 0, matches!(channels, 1 | 3)) else {
        return Err(file.error(
            ErrorKind::Corrupt,
            format!("says that it has {count} images of {width}×{height} with {channels} channels"),
        ));
    };
    let pixels = file.bytes(len, "its images")?;
    file.end()?;
    Ok(Images { count, shape: (height, width, channels), pixels })
}

fn read_labels(path: &Path) -> Result<Vec<u8>, DataError> {
    let mut file = DataFile::open(path)?;
    let count = dimensions(&mut file, &[1])?[0];
    let labels = file.bytes(count as u64, "its labels")?;
    file.end()?;
    Ok(labels)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_the_usual_files() {
        let cases = [
            ("train-images-idx3-ubyte.gz", Part::Train, "train-labels-idx1-ubyte.gz"),
            ("t10k-images-idx3-ubyte", Part::Test, "t10k-labels-idx1-ubyte"),
            ("t10k-images.idx3-ubyte", Part::Test, "t10k-labels.idx1-ubyte"),
            (
                "emnist-balanced-train-images-idx3-ubyte.gz",
                Part::Train,
                "emnist-balanced-train-labels-idx1-ubyte.gz",
            ),
        ];
        for (images, part, labels) in cases {
            assert_eq!(labels_of(images), Some((part, labels.to_owned())), "{images}");
        }
        assert_eq!(labels_of("train-labels-idx1-ubyte"), None);
        assert_eq!(labels_of("images-idx3-ubyte"), None);
        assert_eq!(labels_of("train-images.png"), None);
    }
}
