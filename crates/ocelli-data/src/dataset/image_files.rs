//! Labelled image files, wherever they lie and however it was said what they show.

use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::thread;

use super::{Dataset, Extent};
use crate::cache::key_of;
use crate::decode::{self, Header, Limits};
use crate::{Channels, DataError, Image, Portion, Wanted};

/// Image files, each decoded when it is loaded.
#[derive(Debug)]
pub struct ImageFiles {
    classes: Vec<String>,
    samples: Vec<Sample>,
    channels: Channels,
    extent: Extent,
    limits: Limits,
}

/// One file of an [`ImageFiles`].
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Sample {
    pub(super) path: PathBuf,
    pub(super) label: u32,
    /// All labels, in order, where there may be several.
    pub(super) labels: Option<Box<[u32]>>,
    pub(super) weight: f32,
}

impl ImageFiles {
    /// A dataset of these files and what their headers say, in this order.
    pub(super) fn new(
        classes: &[String],
        files: Vec<(Sample, Header)>,
        channels: Channels,
        limits: Limits,
    ) -> Self {
        let sizes: Vec<_> = files.iter().map(|(_, header)| (header.height, header.width)).collect();
        Self {
            classes: classes.to_vec(),
            extent: Extent::of(channels.count(), &sizes),
            samples: files.into_iter().map(|(sample, _)| sample).collect(),
            channels,
            limits,
        }
    }
}

impl Dataset for ImageFiles {
    fn len(&self) -> usize {
        self.samples.len()
    }

    fn classes(&self) -> &[String] {
        &self.classes
    }

    fn label(&self, index: usize) -> u32 {
        self.samples[index].label
    }

    fn is_multi_label(&self) -> bool {
        self.samples.first().is_some_and(|sample| sample.labels.is_some())
    }

    fn labels(&self, index: usize) -> Cow<'_, [u32]> {
        let Sample { label, labels, .. } = &self.samples[index];
        Cow::Borrowed(labels.as_deref().unwrap_or(std::slice::from_ref(label)))
    }

    fn weight(&self, index: usize) -> f32 {
        self.samples[index].weight
    }

    fn name(&self, index: usize) -> Cow<'_, str> {
        self.samples[index].path.to_string_lossy()
    }

    fn path(&self, index: usize) -> Option<&Path> {
        Some(&self.samples[index].path)
    }

    fn load(&self, index: usize) -> Result<Image, DataError> {
        decode::read(&self.samples[index].path, self.channels, &self.limits)
    }

    fn load_part(
        &self,
        index: usize,
        wanted: &mut dyn FnMut((usize, usize)) -> Option<Wanted>,
    ) -> Result<Portion, DataError> {
        decode::read_part(&self.samples[index].path, self.channels, &self.limits, wanted)
    }

    fn encoded(&self, index: usize) -> Result<Option<Vec<u8>>, DataError> {
        decode::read_bytes(&self.samples[index].path, &self.limits).map(Some)
    }

    fn key(&self, index: usize) -> Option<u128> {
        key_of(&self.samples[index].path, 0)
    }

    fn extent(&self) -> Extent {
        self.extent
    }
}

/// The channels that images are brought to when nobody says: grey if all are, else RGB.
pub(super) fn usual_channels<'a>(headers: impl IntoIterator<Item = &'a Header>) -> Channels {
    let all_grey = headers.into_iter().all(|header| header.channels == Channels::Grey);
    if all_grey { Channels::Grey } else { Channels::Rgb }
}

/// Reads the header of every file, on `threads` threads; the results have the files' order.
pub(super) fn scan(files: &[&Path], limits: &Limits, threads: usize) -> Vec<Result<Header, DataError>> {
    in_parts(files, threads, |path| decode::header(path, limits))
}

/// Does something with every item, on `threads` threads that take a stretch each; the results have the items' order.
pub(crate) fn in_parts<I: Sync, T: Send>(
    items: &[I],
    threads: usize,
    work: impl Fn(&I) -> T + Sync,
) -> Vec<T> {
    let size = items.len().div_ceil(threads.max(1)).max(1);
    thread::scope(|scope| {
        let parts: Vec<_> = items
            .chunks(size)
            .map(|part| scope.spawn(|| part.iter().map(&work).collect::<Vec<_>>()))
            .collect();
        parts
            .into_iter()
            .flat_map(|part| part.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
            .collect()
    })
}
