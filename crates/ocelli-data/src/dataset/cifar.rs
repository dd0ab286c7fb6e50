//! CIFAR-10 and CIFAR-100 in their binary versions.

use std::path::{Path, PathBuf};

use super::files::{DataFile, names};
use super::memory::MemoryDataset;
use super::splits::{Part, Parts};
use crate::{DataError, ErrorKind};

const SIDE: usize = 32;
const PLANE: usize = SIDE * SIDE;
/// A batch of the official sets has up to 50,000 records; this many are still read.
const MAX_RECORDS: u64 = 1_000_000;

/// Which of the two.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    Ten,
    Hundred {
        /// Whether the 20 superclasses are the labels, not the 100 classes.
        coarse: bool,
    },
}

/// How the files of one of the two are called and laid out.
struct Files {
    train: &'static [&'static str],
    test: &'static str,
    names: &'static str,
    classes: usize,
    /// Label bytes before the red, green and blue planes of a record, and which of them counts.
    labels: usize,
    label: usize,
}

impl Kind {
    fn files(self) -> Files {
        let hundred = Files {
            train: &["train.bin"],
            test: "test.bin",
            names: "fine_label_names.txt",
            classes: 100,
            labels: 2,
            label: 1,
        };
        match self {
            Self::Ten => Files {
                train: &[
                    "data_batch_1.bin",
                    "data_batch_2.bin",
                    "data_batch_3.bin",
                    "data_batch_4.bin",
                    "data_batch_5.bin",
                ],
                test: "test_batch.bin",
                names: "batches.meta.txt",
                classes: 10,
                labels: 1,
                label: 0,
            },
            Self::Hundred { coarse: false } => hundred,
            Self::Hundred { coarse: true } => {
                Files { names: "coarse_label_names.txt", classes: 20, label: 0, ..hundred }
            }
        }
    }

    /// Whether a folder holds its files.
    pub(super) fn is_here(self, folder: &Path) -> bool {
        let files = self.files();
        let has = |name: &str| folder.join(name).is_file();
        // `train.bin` may be anything; the names of the classes beside it tell.
        let named = self == Self::Ten || has("fine_label_names.txt") || has("coarse_label_names.txt");
        named && files.train.iter().chain([&files.test]).any(|name| has(name))
    }

    /// Reads the batches that are there; classes are named by the file beside them, or by the label numbers.
    pub(super) fn read(self, folder: &Path) -> Result<Parts<MemoryDataset>, DataError> {
        let files = self.files();
        let named = names(&folder.join(files.names))?;
        let classes = named.unwrap_or_else(|| (0..files.classes).map(|class| class.to_string()).collect());
        let mut parts = Parts::default();
        let there = |name: &str| Some(folder.join(name)).filter(|path| path.is_file());
        let train: Vec<PathBuf> = files.train.iter().filter_map(|name| there(name)).collect();
        let test: Vec<PathBuf> = there(files.test).into_iter().collect();
        for (part, batches) in [(Part::Train, train), (Part::Test, test)] {
            if !batches.is_empty() {
                parts.set(part, files.read_batches(&batches, &classes, part, folder)?);
            }
        }
        Ok(parts)
    }
}

impl Files {
    fn read_batches(
        &self,
        batches: &[PathBuf],
        classes: &[String],
        part: Part,
        folder: &Path,
    ) -> Result<MemoryDataset, DataError> {
        let mut labels = Vec::new();
        let mut pixels = Vec::new();
        for path in batches {
            self.read_batch(path, classes.len(), &mut labels, &mut pixels)?;
        }
        let name = format!("{}/{part}", folder.display());
        MemoryDataset::new(name, classes.to_vec(), labels, (SIDE, SIDE, 3), pixels)
    }

    fn read_batch(
        &self,
        path: &Path,
        classes: usize,
        labels: &mut Vec<u32>,
        pixels: &mut Vec<u8>,
    ) -> Result<(), DataError> {
        let len = std::fs::metadata(path).map_err(|e| DataError::io(path, &e))?.len();
        let mut file = DataFile::open(path)?;
        let size = self.labels + 3 * PLANE;
        let records = len / size as u64;
        if len == 0 || len % size as u64 != 0 || records > MAX_RECORDS {
            return Err(file.error(
                ErrorKind::Truncated,
                format!(
                    "has {len} bytes, which is not a whole number of records of {size} (up to {MAX_RECORDS})"
                ),
            ));
        }
        let bytes = file.bytes(len, "its records")?;
        pixels.reserve(records as usize * 3 * PLANE);
        for (number, record) in bytes.chunks_exact(size).enumerate() {
            let label = u32::from(record[self.label]);
            if label as usize >= classes {
                return Err(file.error(
                    ErrorKind::Corrupt,
                    format!("record {number} has label {label}, there are {classes} classes"),
                ));
            }
            labels.push(label);
            let (red, rest) = record[self.labels..].split_at(PLANE);
            let (green, blue) = rest.split_at(PLANE);
            for ((&r, &g), &b) in red.iter().zip(green).zip(blue) {
                pixels.extend_from_slice(&[r, g, b]);
            }
        }
        Ok(())
    }
}
