//! One look at every image.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use xxhash_rust::xxh3::Xxh3;

use super::perceptual::Hash;
use super::{CheckOptions, Progress, Samples, Split};
use crate::decode::{self, FileFormat, Header, Limits};
use crate::transforms::Sums;
use crate::{Channels, DataError, ErrorKind, Image, ImageView, Problem};

/// What is known of every image.
pub(super) struct Inspected {
    /// By the sample's number; `None` if it cannot be used.
    pub(super) facts: Vec<Option<Facts>>,
    /// The sums of each split's pixels.
    pub(super) sums: Vec<Sums>,
    pub(super) problems: Vec<Problem>,
}

/// What is known of one image.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Facts {
    /// Height and width, upright.
    pub(super) size: (u32, u32),
    /// The file's own channels, before they were brought to the dataset's.
    pub(super) channels: Channels,
    pub(super) format: Option<FileFormat>,
    /// The EXIF orientation, 1 to 8.
    pub(super) orientation: u8,
    /// Of the size and all pixels.
    pub(super) digest: u128,
    pub(super) hash: Option<Hash>,
}

impl Inspected {
    /// # Errors
    /// If the data is out of reach: nothing is found of the images by that.
    pub(super) fn new(
        samples: &Samples,
        options: &CheckOptions,
        progress: &(dyn Fn(Progress) + Sync),
    ) -> Result<Self, DataError> {
        let total = samples.len() as u64;
        let done = AtomicU64::new(0);
        let mut all =
            Self { facts: Vec::with_capacity(samples.len()), sums: Vec::new(), problems: Vec::new() };
        for split in &samples.splits {
            let tick = || {
                let done = done.fetch_add(1, Ordering::Relaxed) + 1;
                progress(Progress { step: "looking at images", done, total });
            };
            all.add(split, options, &tick)?;
        }
        Ok(all)
    }

    fn add(
        &mut self,
        split: &Split,
        options: &CheckOptions,
        tick: &(dyn Fn() + Sync),
    ) -> Result<(), DataError> {
        let is_away = |found: &Result<Facts, DataError>| {
            found.as_ref().is_err_and(|error| error.kind() == ErrorKind::Unavailable)
        };
        let stopped = AtomicBool::new(false);
        let len = split.images.len();
        let threads = crate::threads(options.threads).min(len.max(1));
        let part = |worker: usize| worker * len / threads..(worker + 1) * len / threads;
        let parts = std::thread::scope(|scope| {
            let work = |range: std::ops::Range<usize>| {
                let mut sums = Sums::default();
                let look = |index| {
                    let found = inspect(split, index, &options.limits, &mut sums);
                    tick();
                    stopped.fetch_or(is_away(&found), Ordering::Relaxed);
                    found
                };
                let range = range.take_while(|_| !stopped.load(Ordering::Relaxed));
                (range.map(look).collect::<Vec<_>>(), sums)
            };
            let workers: Vec<_> =
                (0..threads).map(|worker| scope.spawn(move || work(part(worker)))).collect();
            let join = |worker: std::thread::ScopedJoinHandle<'_, _>| {
                worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            };
            workers.into_iter().map(join).collect::<Vec<_>>()
        });
        let mut sums = Sums::default();
        for (found, part) in parts {
            sums = sums.merge(part);
            for facts in found {
                match facts {
                    Ok(facts) => self.facts.push(Some(facts)),
                    Err(error) if error.kind() == ErrorKind::Unavailable => return Err(error),
                    Err(error) => {
                        self.facts.push(None);
                        self.problems.push(error.into());
                    }
                }
            }
        }
        self.sums.push(sums);
        Ok(())
    }

    /// How many images have each value of something.
    pub(super) fn count<T: Ord>(&self, of: impl Fn(&Facts) -> T) -> BTreeMap<T, u64> {
        let mut counts = BTreeMap::new();
        self.facts.iter().flatten().for_each(|facts| *counts.entry(of(facts)).or_default() += 1);
        counts
    }
}

fn inspect(split: &Split, index: usize, limits: &Limits, sums: &mut Sums) -> Result<Facts, DataError> {
    let images = &*split.images;
    if let Some(view) = images.view(index) {
        return Ok(facts(view, None, sums));
    }
    let Some(bytes) = images.encoded(index)? else {
        let image = images.load(index)?;
        return Ok(facts(image.view(), None, sums));
    };
    let channels = Channels::from_count(images.extent().channels)?;
    let (header, image) = look(images, index, &bytes, channels, limits)?;
    Ok(facts(image.view(), Some(header), sums))
}

fn look(
    images: &dyn crate::Dataset,
    index: usize,
    bytes: &[u8],
    channels: Channels,
    limits: &Limits,
) -> Result<(Header, Image), DataError> {
    let named = |error: DataError| match images.path(index) {
        Some(path) => DataError::at(error.kind(), path, error.reason()),
        None => error,
    };
    let name = images.name(index);
    let header = decode::header_of(bytes, &name, limits).map_err(named)?;
    let image = decode::decode(bytes, &name, channels, limits).map_err(named)?;
    Ok((header, image))
}

fn facts(image: ImageView<'_>, header: Option<Header>, sums: &mut Sums) -> Facts {
    sums.add(image);
    let size = (image.height() as u32, image.width() as u32);
    let mut digest = Xxh3::new();
    digest.update(&size.0.to_le_bytes());
    digest.update(&size.1.to_le_bytes());
    digest.update(image.pixels());
    let channels = if image.channels() == 1 { Channels::Grey } else { Channels::Rgb };
    Facts {
        size,
        channels: header.map_or(channels, |header| header.channels),
        format: header.map(|header| header.format),
        orientation: header.map_or(1, |header| header.orientation),
        digest: digest.digest128(),
        hash: Hash::of(image),
    }
}
