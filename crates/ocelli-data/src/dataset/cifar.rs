//! CIFAR-10 in its binary version.

use std::path::{Path, PathBuf};

use super::files::{DataFile, names};
use super::memory::MemoryDataset;
use super::splits::{Part, Parts};
use crate::{DataError, ErrorKind};

const SIDE: usize = 32;
const PLANE: usize = SIDE * SIDE;
/// A label, then the red, green and blue planes.
const RECORD: usize = 1 + 3 * PLANE;
/// A batch of the official set has 10,000 records; this many are still read.
const MAX_RECORDS: u64 = 1_000_000;

const TRAIN: [&str; 5] =
    ["data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin", "data_batch_5.bin"];
const TEST: &str = "test_batch.bin";

/// Whether a folder holds CIFAR-10's files.
pub(super) fn is_here(folder: &Path) -> bool {
    TRAIN.iter().chain([&TEST]).any(|name| folder.join(name).is_file())
}

/// Reads the batches that are there; class names come from `batches.meta.txt`, or are the label numbers.
pub(super) fn read(folder: &Path) -> Result<Parts<MemoryDataset>, DataError> {
    let named = names(&folder.join("batches.meta.txt"))?;
    let classes = named.unwrap_or_else(|| (0..10).map(|class| class.to_string()).collect());
    let mut parts = Parts::default();
    let there = |name: &str| Some(folder.join(name)).filter(|path| path.is_file());
    let train: Vec<PathBuf> = TRAIN.iter().filter_map(|name| there(name)).collect();
    let test: Vec<PathBuf> = there(TEST).into_iter().collect();
    for (part, files) in [(Part::Train, train), (Part::Test, test)] {
        if !files.is_empty() {
            parts.set(part, read_batches(&files, &classes, part, folder)?);
        }
    }
    Ok(parts)
}

fn read_batches(
    files: &[PathBuf],
    classes: &[String],
    part: Part,
    folder: &Path,
) -> Result<MemoryDataset, DataError> {
    let mut labels = Vec::new();
    let mut pixels = Vec::new();
    for path in files {
        read_batch(path, classes.len(), &mut labels, &mut pixels)?;
    }
    let name = format!("{}/{part}", folder.display());
    MemoryDataset::new(name, classes.to_vec(), labels, (SIDE, SIDE, 3), pixels)
}

fn read_batch(
    path: &Path,
    classes: usize,
    labels: &mut Vec<u32>,
    pixels: &mut Vec<u8>,
) -> Result<(), DataError> {
    let len = std::fs::metadata(path).map_err(|e| DataError::io(path, &e))?.len();
    let mut file = DataFile::open(path)?;
    let records = len / RECORD as u64;
    if len == 0 || len % RECORD as u64 != 0 || records > MAX_RECORDS {
        return Err(file.error(
            ErrorKind::Truncated,
            format!(
                "has {len} bytes, which is not a whole number of records of {RECORD} (up to {MAX_RECORDS})"
            ),
        ));
    }
    let bytes = file.bytes(len, "its records")?;
    pixels.reserve(records as usize * 3 * PLANE);
    for (number, record) in bytes.chunks_exact(RECORD).enumerate() {
        let label = u32::from(record[0]);
        if label as usize >= classes {
            return Err(file.error(
                ErrorKind::Corrupt,
                format!("record {number} has label {label}, there are {classes} classes"),
            ));
        }
        labels.push(label);
        let (red, rest) = record[1..].split_at(PLANE);
        let (green, blue) = rest.split_at(PLANE);
        for ((&r, &g), &b) in red.iter().zip(green).zip(blue) {
            pixels.extend_from_slice(&[r, g, b]);
        }
    }
    Ok(())
}
