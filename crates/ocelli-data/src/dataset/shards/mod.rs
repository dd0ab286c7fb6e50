//! WebDataset: images in tar files, each beside its label.
//!
//! A sample is a run of entries with the same name up to its first dot: `0001.jpg` and `0001.cls` (the label, as text) or
//! `0001.json` (an object with `label`, `cls` or `class`). Labels are numbers or names; with `classes.txt` beside the shards a
//! number is a place in it. A shard is of the split that a word of its name says, `train-0001.tar`, `imagenet-val-3.tar`, or its
//! folder; all others train.
//!
//! Opening reads the headers of all entries, the labels, and the first few kilobytes of each image: never whole images. Training
//! reads [stretches](super::Stretch) of shards in random order and shuffles within a buffer of them.

mod entries;
mod index;
mod kept;
mod ranges;
#[cfg(feature = "remote")]
pub(super) mod remote;

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::Arc;

use index::{Found, Shard};
use kept::Indices;
pub(super) use ranges::{LocalFile, Ranges};

use super::classes::{ClassSet, in_order, mismatches, place};
use super::image_files::usual_channels;
use super::open::Findings;
use super::splits::{Part, Parts};
use super::{Dataset, Extent, OpenOptions, Stretch, in_parts};
use crate::decode::{self, Header, Limits};
use crate::{Channels, DataError, ErrorKind, Image, Portion, Wanted};

/// Bytes of images that lie one after the other and are read together.
const STRETCH: u64 = 32 << 20;

/// Images in tar files, each read and decoded when it is loaded.
pub(super) struct Shards {
    shards: Vec<Arc<dyn Ranges>>,
    classes: Vec<String>,
    samples: Vec<Sample>,
    stretches: Vec<Stretch>,
    channels: Channels,
    extent: Extent,
    limits: Limits,
}

/// One image in a shard.
struct Sample {
    shard: u32,
    label: u32,
    offset: u64,
    len: u64,
    key: Box<str>,
}

/// Shards that were found, wherever they lie.
pub(super) struct Opening {
    /// What errors call all of them.
    pub(super) name: String,
    pub(super) shards: Vec<(Part, Arc<dyn Ranges>)>,
    /// The classes that are named beside them, in their order.
    pub(super) listed: Option<Vec<String>>,
    /// Threads that read headers.
    pub(super) threads: usize,
}

/// Reads the indices of shards and the headers of their images.
pub(super) fn open(
    opening: Opening,
    options: &OpenOptions,
    findings: &mut Findings,
) -> Result<Parts<Arc<dyn Dataset>>, DataError> {
    let Opening { name: all, shards, listed, threads } = opening;
    let kept = Indices::new(options);
    let read = in_parts(&shards, threads, |(part, shard)| Ok((*part, kept.read(&**shard)?)));
    let read = read.into_iter().collect::<Result<Vec<_>, DataError>>()?;
    let is_listed = listed.is_some();
    let labels = read.iter().flat_map(|(_, shard)| shard.samples.iter().map(|sample| &sample.label));
    let occurring: BTreeSet<&String> = labels.collect();
    let classes = listed.unwrap_or_else(|| in_order(occurring.into_iter().cloned()));
    let mut parts: Parts<Vec<(Sample, Header)>> = Parts::default();
    for (number, (part, shard)) in read.into_iter().enumerate() {
        let Shard { samples, problems } = shard;
        findings.problems.extend(problems);
        let part = parts.entry(part);
        for sample in samples {
            let label = place(&classes, &sample.label).ok_or_else(|| {
                let reason = format!(
                    "{}: label `{}` is not among the {} of classes.txt",
                    sample.key,
                    sample.label,
                    classes.len()
                );
                DataError::about(ErrorKind::ClassMismatch, shards[number].1.name(), reason)
            })?;
            let shard = number as u32;
            let Found { key, offset, len, header, .. } = sample;
            part.extend(header.map(|header| (Sample { shard, label, offset, len, key }, header)));
        }
    }
    if !is_listed {
        let set = |(split, part): (&str, &Vec<(Sample, Header)>)| {
            let name = format!("{all}, split {split}");
            ClassSet::of(name, part.iter().map(|(sample, _)| sample.label), &classes)
        };
        let sets: Vec<ClassSet<'_>> = parts.named().map(set).collect();
        findings.mismatches(mismatches(&sets), options)?;
    }
    let channels =
        options.channels.unwrap_or_else(|| usual_channels(parts.iter().flatten().map(|(_, header)| header)));
    let shards: Vec<Arc<dyn Ranges>> = shards.into_iter().map(|(_, shard)| shard).collect();
    Ok(parts.map(|samples| Arc::new(Shards::new(&shards, &classes, samples, channels, options.limits)) as _))
}

impl Shards {
    fn new(
        shards: &[Arc<dyn Ranges>],
        classes: &[String],
        samples: Vec<(Sample, Header)>,
        channels: Channels,
        limits: Limits,
    ) -> Self {
        let sizes: Vec<_> = samples.iter().map(|(_, header)| (header.height, header.width)).collect();
        let samples: Vec<Sample> = samples.into_iter().map(|(sample, _)| sample).collect();
        let spans = samples.iter().map(|sample| (u64::from(sample.shard), sample.len));
        Self {
            shards: shards.to_vec(),
            classes: classes.to_vec(),
            stretches: Stretch::cut(spans, STRETCH),
            samples,
            channels,
            extent: Extent::of(channels.count(), &sizes),
            limits,
        }
    }
}

impl Dataset for Shards {
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
        let sample = &self.samples[index];
        Cow::Owned(format!("{}/{}", self.shards[sample.shard as usize].name(), sample.key))
    }

    fn load(&self, index: usize) -> Result<Image, DataError> {
        let sample = &self.samples[index];
        let bytes = self.shards[sample.shard as usize].read(sample.offset, sample.len as usize)?;
        decode::decode(&bytes, &self.name(index), self.channels, &self.limits)
    }

    fn load_part(
        &self,
        index: usize,
        wanted: &mut dyn FnMut((usize, usize)) -> Option<Wanted>,
    ) -> Result<Portion, DataError> {
        let sample = &self.samples[index];
        let bytes = self.shards[sample.shard as usize].read(sample.offset, sample.len as usize)?;
        decode::decode_part(&bytes, &self.name(index), self.channels, &self.limits, wanted)
    }

    fn encoded(&self, index: usize) -> Result<Option<Vec<u8>>, DataError> {
        let sample = &self.samples[index];
        self.shards[sample.shard as usize].read(sample.offset, sample.len as usize).map(Some)
    }

    fn key(&self, index: usize) -> Option<u128> {
        let sample = &self.samples[index];
        self.shards[sample.shard as usize].key(sample.offset)
    }

    fn announce(&self, indices: &[usize]) {
        for &index in indices {
            let sample = &self.samples[index];
            self.shards[sample.shard as usize].announce(sample.offset, sample.len as usize);
        }
    }

    fn stretches(&self) -> &[Stretch] {
        &self.stretches
    }

    fn extent(&self) -> Extent {
        self.extent
    }
}
