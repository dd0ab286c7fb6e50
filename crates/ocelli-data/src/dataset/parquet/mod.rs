//! Parquet files with images in them, as data sets on Hugging Face have it.
//!
//! One column holds image files as bytes: the field `bytes` of a struct (`image`, `img`, …), or a column of bytes itself. Another
//! holds the label, a number or a name: `label`, `labels`, `fine_label` (`coarse_label` if asked for), `target`, `class`, `cls`,
//! or the one that Hugging Face's description in the file calls a class label. The names of classes come from that description, or from
//! `classes.txt` beside the files. A file is of the split that a word of its name says (`train-00000-of-00004.parquet`), or its
//! folder; all others train.
//!
//! Files are read a row group at a time: the rows of a group cannot be read alone. The groups that were used last stay in memory,
//! 512 MiB of them, and training reads group after group in random order, shuffling within a buffer of them.

mod columns;
mod footer;
mod group;
mod pages;
mod recent;
mod thrift;

use std::borrow::Cow;
use std::collections::{BTreeSet, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use columns::{File, Label};
use group::Group;
use recent::Recent;

use super::classes::{ClassSet, in_order, mismatches, place};
use super::files::names;
use super::image_files::usual_channels;
use super::open::Findings;
use super::splits::{Part, Parts};
use super::{Dataset, Extent, OpenOptions, Stretch, in_parts};
use crate::cache::key_of;
use crate::decode::{self, Header, Limits};
use crate::{Channels, DataError, ErrorKind, Image, Portion, Wanted};

/// Bytes of images whose headers are read when a dataset is opened.
const LOOKED_AT: u64 = 1 << 30;

/// Images in Parquet files, each decoded when it is loaded.
pub(super) struct ParquetImages {
    groups: Arc<Vec<Group>>,
    recent: Arc<Recent>,
    classes: Vec<String>,
    samples: Vec<Sample>,
    stretches: Vec<Stretch>,
    channels: Channels,
    extent: Extent,
    limits: Limits,
}

/// One row.
#[derive(Clone, Copy)]
struct Sample {
    group: u32,
    row: u32,
    label: u32,
}

/// The rows of one split, and what those that were looked at are.
#[derive(Default)]
struct Rows {
    samples: Vec<Sample>,
    headers: Vec<Header>,
    all_looked_at: bool,
}

/// Reads the labels of Parquet files, and the headers of their images as far as that is quick.
pub(super) fn open(
    folder: &Path,
    paths: &[(Part, PathBuf)],
    options: &OpenOptions,
    findings: &mut Findings,
) -> Result<Parts<Arc<dyn Dataset>>, DataError> {
    let files = paths.iter().map(|(_, path)| File::open(path, options)).collect::<Result<Vec<_>, _>>()?;
    let named = named_classes(folder, &files)?;
    let are_named = named.is_some();
    let classes = named.unwrap_or_else(|| {
        let labels = files.iter().flat_map(|file| &file.groups).flat_map(|(_, labels)| labels);
        let occurring: BTreeSet<String> = labels.filter_map(Label::name).collect();
        in_order(occurring)
    });
    let mut groups = Vec::new();
    let mut rows: Parts<Rows> = Parts::default();
    for ((part, path), file) in paths.iter().zip(files) {
        let part = rows.entry(*part);
        for (found, labels) in file.groups {
            let group = groups.len() as u32;
            for (row, label) in labels.into_iter().enumerate() {
                match label.place(&classes) {
                    Ok(label) => part.samples.push(Sample { group, row: row as u32, label }),
                    Err(reason) => {
                        let name = format!("{}#{}", path.display(), found.first_row + row as u64);
                        let kind =
                            if label.is_none() { ErrorKind::Unlabelled } else { ErrorKind::ClassMismatch };
                        findings.problems.push(DataError::about(kind, name, reason).into());
                    }
                }
            }
            groups.push(found);
        }
    }
    let recent = Arc::new(Recent::default());
    let mut left = LOOKED_AT;
    rows = rows.map(|rows| look(rows, &groups, &recent, &mut left, options, findings));
    if !are_named {
        let set = |(split, rows): (&str, &Rows)| {
            let name = format!("{}, split {split}", folder.display());
            ClassSet::of(name, rows.samples.iter().map(|sample| sample.label), &classes)
        };
        let sets: Vec<ClassSet<'_>> = rows.named().map(set).collect();
        findings.mismatches(mismatches(&sets), options)?;
    }
    let all_looked_at = rows.iter().all(|rows| rows.all_looked_at);
    // A colour image that was not looked at must not be made grey.
    let usual = || match all_looked_at {
        true => usual_channels(rows.iter().flat_map(|rows| &rows.headers)),
        false => Channels::Rgb,
    };
    let channels = options.channels.unwrap_or_else(usual);
    let groups = Arc::new(groups);
    Ok(rows.map(|rows| {
        let images = ParquetImages::new(&groups, &recent, &classes, rows, channels, options.limits);
        Arc::new(images) as Arc<dyn Dataset>
    }))
}

/// The names of the classes: those of a file beside the data, or those that the files tell.
fn named_classes(folder: &Path, files: &[File]) -> Result<Option<Vec<String>>, DataError> {
    if let Some(named) = names(&folder.join("classes.txt"))? {
        return Ok(Some(named));
    }
    let mut told = files.iter().filter_map(|file| Some((file, file.classes.as_ref()?)));
    let Some((first, classes)) = told.next() else { return Ok(None) };
    match told.find(|(_, other)| *other != classes) {
        None => Ok(Some(classes.clone())),
        Some((other, _)) => {
            let reason = format!("names other classes, or in another order, than {}", first.path.display());
            Err(DataError::at(ErrorKind::ClassMismatch, &other.path, reason))
        }
    }
}

/// Reads the headers of images, group by group, while what is left to be read allows; leaves out those that are none.
fn look(
    rows: Rows,
    groups: &[Group],
    recent: &Recent,
    left: &mut u64,
    options: &OpenOptions,
    findings: &mut Findings,
) -> Rows {
    let mut looked = Rows { all_looked_at: true, ..Rows::default() };
    let mut known = HashSet::new();
    for of_group in rows.samples.chunk_by(|a, b| a.group == b.group) {
        let group = &groups[of_group[0].group as usize];
        if group.bytes > *left {
            looked.all_looked_at = false;
            looked.samples.extend(of_group);
            continue;
        }
        *left -= group.bytes;
        let header = |sample: &Sample| {
            let images = recent.get(groups, sample.group)?;
            let name = group.name(sample.row);
            decode::header_of(images.bytes(sample.row, &name)?, &name, &options.limits)
        };
        let headers = in_parts(of_group, crate::threads(options.threads), header);
        for (sample, header) in of_group.iter().zip(headers) {
            match header {
                Ok(header) => {
                    looked.samples.push(*sample);
                    looked.headers.push(header);
                }
                Err(error) => {
                    // What is wrong with a whole group is told once.
                    if known.insert(error.to_string()) {
                        findings.problems.push(error.into());
                    }
                }
            }
        }
    }
    looked
}

impl ParquetImages {
    fn new(
        groups: &Arc<Vec<Group>>,
        recent: &Arc<Recent>,
        classes: &[String],
        rows: Rows,
        channels: Channels,
        limits: Limits,
    ) -> Self {
        let sizes: Vec<_> = rows.headers.iter().map(|header| (header.height, header.width)).collect();
        let extent = Extent::of(channels.count(), &sizes);
        let bytes = |sample: &Sample| {
            let group = &groups[sample.group as usize];
            (u64::from(sample.group), group.bytes / u64::from(group.rows.max(1)))
        };
        Self {
            groups: Arc::clone(groups),
            recent: Arc::clone(recent),
            classes: classes.to_vec(),
            stretches: Stretch::cut(rows.samples.iter().map(bytes), u64::MAX),
            samples: rows.samples,
            channels,
            extent: Extent { uniform: extent.uniform && rows.all_looked_at, ..extent },
            limits,
        }
    }
}

impl Dataset for ParquetImages {
    fn len(&self) -> usize {
        self.samples.len()
    }

    fn classes(&self) -> &[String] {
        &self.classes
    }

    fn label(&self, index: usize) -> u32 {
        self.samples[index].label
    }

    fn labels(&self, index: usize) -> Cow<'_, [u32]> {
        Cow::Borrowed(std::slice::from_ref(&self.samples[index].label))
    }

    fn name(&self, index: usize) -> Cow<'_, str> {
        let sample = self.samples[index];
        Cow::Owned(self.groups[sample.group as usize].name(sample.row))
    }

    fn load(&self, index: usize) -> Result<Image, DataError> {
        let sample = self.samples[index];
        let images = self.recent.get(&self.groups, sample.group)?;
        let name = self.name(index);
        decode::decode(images.bytes(sample.row, &name)?, &name, self.channels, &self.limits)
    }

    fn load_part(
        &self,
        index: usize,
        wanted: &mut dyn FnMut((usize, usize)) -> Option<Wanted>,
    ) -> Result<Portion, DataError> {
        let sample = self.samples[index];
        let images = self.recent.get(&self.groups, sample.group)?;
        let name = self.name(index);
        decode::decode_part(images.bytes(sample.row, &name)?, &name, self.channels, &self.limits, wanted)
    }

    fn encoded(&self, index: usize) -> Result<Option<Vec<u8>>, DataError> {
        let sample = self.samples[index];
        let images = self.recent.get(&self.groups, sample.group)?;
        Ok(Some(images.bytes(sample.row, &self.name(index))?.to_vec()))
    }

    fn key(&self, index: usize) -> Option<u128> {
        let sample = self.samples[index];
        let group = &self.groups[sample.group as usize];
        key_of(&group.path, group.first_row + u64::from(sample.row))
    }

    fn stretches(&self) -> &[Stretch] {
        &self.stretches
    }

    fn extent(&self) -> Extent {
        self.extent
    }
}

impl Label {
    /// Its place among the classes; says what is wrong with it otherwise.
    fn place(&self, classes: &[String]) -> Result<u32, String> {
        let name = self.name().ok_or("has no label")?;
        let unknown = || format!("has label `{name}`, which is not among the {} classes", classes.len());
        place(classes, &name).ok_or_else(unknown)
    }
}
