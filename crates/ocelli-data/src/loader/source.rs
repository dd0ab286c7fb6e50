//! A dataset behind the transforms that do the same every time, with what was decoded kept.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use crate::cache::Cache;
use crate::transforms::{Compiled, Key, Transform, Workspace, check, deterministic_prefix, run_to_image};
use crate::{
    CacheOptions, Channels, DataError, Dataset, ErrorKind, Image, ImageView, Place, Portion, Problem, Wanted,
};

/// How much a [`Source`] may keep.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SourceOptions {
    /// Bytes of decoded images that are kept at most; 0 keeps none. Images that lie in memory anyway and need no
    /// resizing are not copied. Default: 1 GiB.
    pub cache_bytes: u64,
    /// Whether JPEG files much larger than what the transforms make of them are decoded at a half, a quarter or an eighth of their
    /// size, where the transforms begin with a random part that is resized, and neither memory nor a cache on disk takes
    /// all images: photographs of a camera, of which 224 × 224 pixels are seen. At least twice the size that is needed is
    /// kept. Default: true.
    pub reduced_jpeg: bool,
}

impl Default for SourceOptions {
    fn default() -> Self {
        Self { cache_bytes: 1 << 30, reduced_jpeg: true }
    }
}

/// What a [`Source`] keeps on disk.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CacheUse {
    /// The file of pixels.
    pub path: PathBuf,
    /// Images that were there when it was opened, of this dataset or of others.
    pub images: usize,
    /// How many bytes this dataset's images take, if they all have one size; else about how many.
    pub bytes: u64,
    /// Bytes that the file takes at most.
    pub max_bytes: u64,
}

/// A cache on disk, and the keys of the samples in it.
struct Kept {
    cache: Cache,
    keys: Vec<OnceLock<Option<u128>>>,
    summary: CacheUse,
}

/// A dataset seen through the first transforms of a pipeline, those before the first random one.
///
/// What they make of a sample is kept in memory, as bytes, until the memory for it is used up: later epochs decode
/// and resize nothing. Samples that fail are remembered and not tried again.
pub struct Source {
    dataset: Arc<dyn Dataset>,
    prefix: Vec<Transform>,
    kept: Vec<OnceLock<Result<Image, DataError>>>,
    /// Bytes that may still be kept.
    free: AtomicU64,
    /// Bytes that may be kept in all.
    cache_bytes: u64,
    on_disk: Option<Kept>,
    /// Whether images may be decoded at a part of their size.
    reduces: bool,
}

impl Source {
    /// A source of `dataset` for pipelines that begin as `transforms` do.
    ///
    /// # Errors
    /// If the transforms are wrong.
    pub fn new(
        dataset: Arc<dyn Dataset>,
        transforms: &[Transform],
        options: &SourceOptions,
    ) -> Result<Self, DataError> {
        check(transforms)?;
        let prefix = transforms[..deterministic_prefix(transforms)].to_vec();
        let in_memory = prefix.is_empty() && lies_in_memory(&*dataset);
        let slots = if in_memory { 0 } else { dataset.len() };
        let extent = dataset.extent();
        let all = (extent.height * extent.width * extent.channels) as u64 * dataset.len() as u64;
        Ok(Self {
            // Whether images are reduced depends on settings and sizes alone, never on what happens to be in memory.
            reduces: options.reduced_jpeg && prefix.is_empty() && all > options.cache_bytes,
            prefix,
            kept: (0..slots).map(|_| OnceLock::new()).collect(),
            free: AtomicU64::new(options.cache_bytes),
            cache_bytes: options.cache_bytes,
            on_disk: None,
            dataset,
        })
    }

    /// The same, with what is decoded kept on disk too, where other runs find it. Of images that lie in memory nothing is kept.
    ///
    /// # Errors
    /// If the cache cannot be made or read.
    pub fn with_cache(mut self, options: &CacheOptions) -> Result<Self, DataError> {
        let extent = self.dataset.extent();
        if self.kept.is_empty() || self.is_in_memory() {
            return Ok(self);
        }
        let bytes = self.decoded_bytes();
        let cache = Cache::open(options, &self.prefix, Channels::from_count(extent.channels)?)?;
        let summary = CacheUse {
            path: cache.path().to_path_buf(),
            images: cache.len(),
            bytes,
            max_bytes: options.max_bytes,
        };
        let keys = (0..self.dataset.len()).map(|_| OnceLock::new()).collect();
        self.on_disk = Some(Kept { cache, keys, summary });
        self.reduces = false;
        Ok(self)
    }

    /// Bytes of all images as the first transforms leave them, if they all have one size; else about how many.
    fn decoded_bytes(&self) -> u64 {
        let extent = self.dataset.extent();
        let start = Some((extent.height, extent.width));
        let (height, width) =
            self.prefix.iter().fold(start, |size, t| t.output_size(size)).unwrap_or_default();
        let channels = self.prefix.iter().fold(extent.channels, |channels, t| t.output_channels(channels));
        (height * width * channels) as u64 * self.dataset.len() as u64
    }

    /// Bytes of pixels that it holds when an epoch is over, or about how many where images have several sizes: those of a dataset that
    /// lies in memory, and what is decoded and kept.
    pub fn memory(&self) -> u64 {
        let views = (0..self.dataset.len()).map_while(|index| self.dataset.view(index));
        let dataset: u64 = views.map(|view| view.pixels().len() as u64).sum();
        let kept = if self.kept.is_empty() { 0 } else { self.decoded_bytes().min(self.cache_bytes) };
        dataset + kept
    }

    /// What is kept on disk, if anything is.
    pub fn cache(&self) -> Option<&CacheUse> {
        self.on_disk.as_ref().map(|kept| &kept.summary)
    }

    /// Why nothing more is kept on disk, once.
    pub(super) fn take_cache_problem(&self) -> Option<Problem> {
        self.on_disk.as_ref()?.cache.take_problem()
    }

    /// The dataset.
    pub fn dataset(&self) -> &Arc<dyn Dataset> {
        &self.dataset
    }

    /// Whether it shows this dataset through the transforms that such a list begins with.
    pub fn is_for(&self, dataset: &Arc<dyn Dataset>, transforms: &[Transform]) -> bool {
        let same = std::ptr::addr_eq(Arc::as_ptr(&self.dataset), Arc::as_ptr(dataset));
        same && transforms[..deterministic_prefix(transforms)] == *self.prefix
    }

    /// The transforms that are done once.
    pub(crate) fn prefix(&self) -> &[Transform] {
        &self.prefix
    }

    /// Whether no sample needs decoding.
    pub(crate) fn is_in_memory(&self) -> bool {
        lies_in_memory(&*self.dataset)
    }

    /// # Errors
    /// If `transforms` do not begin with this source's.
    pub(super) fn check_prefix(&self, transforms: &[Transform]) -> Result<(), DataError> {
        let theirs = &transforms[..deterministic_prefix(transforms)];
        if theirs == self.prefix {
            return Ok(());
        }
        let names = |list: &[Transform]| -> Vec<&str> { list.iter().map(Transform::name).collect() };
        Err(DataError::invalid(
            "transforms",
            format!(
                "begin with {:?}, the source was made for {:?} or for other settings of them: make a source for each pipeline",
                names(theirs),
                names(&self.prefix)
            ),
        ))
    }

    /// Says to the dataset which samples will be needed of it soon: those of these that are not kept.
    pub(super) fn announce(&self, indices: impl Iterator<Item = usize>) {
        let is_kept = |index: usize| {
            let in_memory = self.kept.get(index).is_some_and(|slot| slot.get().is_some());
            in_memory || self.on_disk.as_ref().is_some_and(|kept| kept.has(&*self.dataset, index))
        };
        let needed: Vec<usize> = indices.filter(|&index| !is_kept(index)).collect();
        self.dataset.announce(&needed);
    }

    /// Shows sample `index`, after the first transforms, to `look`.
    ///
    /// # Errors
    /// If the sample cannot be loaded or transformed.
    pub(crate) fn with<T>(
        &self,
        index: usize,
        workspace: &mut Workspace,
        look: impl FnOnce(ImageView<'_>) -> T,
    ) -> Result<T, DataError> {
        self.show(index, workspace, |view, _| look(view))
    }

    /// Runs the other transforms on sample `index` into `out`.
    ///
    /// # Errors
    /// If the sample cannot be loaded or transformed.
    pub(super) fn run(
        &self,
        index: usize,
        transforms: &Compiled,
        key: Key,
        workspace: &mut Workspace,
        out: &mut [f32],
    ) -> Result<(), DataError> {
        let done = if self.prefix.is_empty() && self.kept.get(index).is_some_and(|slot| slot.get().is_none())
        {
            self.run_part(index, transforms, key, workspace, out)?
        } else {
            self.show(index, workspace, |view, workspace| transforms.run(view, key, workspace, out))?
        };
        done.map_err(|error| self.named(index, &error))
    }

    /// Runs the transforms on what they need of an image that is not in memory.
    fn run_part(
        &self,
        index: usize,
        transforms: &Compiled,
        key: Key,
        workspace: &mut Workspace,
        out: &mut [f32],
    ) -> Result<Result<(), DataError>, DataError> {
        let portion = match self.portion(index, transforms, key, workspace) {
            Ok(portion) => portion,
            Err(error) => {
                self.remember(index, &error);
                return Err(error);
            }
        };
        let done = transforms.run_portion(&portion, key, workspace, out);
        let is_whole = portion.place == Place::whole((portion.image.height(), portion.image.width()));
        if is_whole
            && self.may_keep(transforms, portion.place.whole)
            && self.reserve(portion.image.pixels().len() as u64)
        {
            // Another thread may have kept the same image meanwhile.
            let _ = self.kept[index].set(Ok(portion.image));
        } else {
            workspace.lent = portion.image.into_pixels();
        }
        Ok(done)
    }

    /// What a sample needs of its image; all of it, if that can be kept.
    fn portion(
        &self,
        index: usize,
        transforms: &Compiled,
        key: Key,
        workspace: &mut Workspace,
    ) -> Result<Portion, DataError> {
        let channels = self.dataset.extent().channels;
        let buffer = std::mem::take(&mut workspace.lent);
        let mut wanted = |size: (usize, usize)| -> Option<Wanted> {
            let bytes = (size.0 * size.1 * channels) as u64;
            if self.may_keep(transforms, size) && self.free.load(Ordering::Relaxed) >= bytes {
                return None;
            }
            let wanted = transforms.wanted(size, key, workspace)?;
            Some(if self.reduces { wanted } else { Wanted { reduction: 1, ..wanted } })
        };
        let Some(kept) = &self.on_disk else { return self.dataset.load_part(index, &mut wanted) };
        if let Some(found) = kept.get_part(&*self.dataset, index, &mut wanted, buffer) {
            return Ok(found);
        }
        let image = self.dataset.load(index)?;
        kept.put(&*self.dataset, index, image.view());
        Ok(image.into())
    }

    /// Whether an image of this size may be kept in memory: not if its size is such that it may be decoded reduced, or else what
    /// becomes of a sample would depend on which images found room.
    fn may_keep(&self, transforms: &Compiled, size: (usize, usize)) -> bool {
        !self.reduces || !transforms.may_reduce(size)
    }

    fn show<T>(
        &self,
        index: usize,
        workspace: &mut Workspace,
        look: impl FnOnce(ImageView<'_>, &mut Workspace) -> T,
    ) -> Result<T, DataError> {
        let Some(slot) = self.kept.get(index) else {
            return match self.dataset.view(index) {
                Some(view) => Ok(look(view, workspace)),
                None => Ok(look(self.dataset.load(index)?.view(), workspace)),
            };
        };
        if let Some(kept) = slot.get() {
            return match kept {
                Ok(image) => Ok(look(image.view(), workspace)),
                Err(error) => Err(error.clone()),
            };
        }
        let found = self.on_disk.as_ref().and_then(|kept| kept.get(&*self.dataset, index));
        let prepared = match found {
            Some(image) => Ok(image),
            None => self.prepare(index, workspace).inspect(|image| {
                if let Some(kept) = &self.on_disk {
                    kept.put(&*self.dataset, index, image.view());
                }
            }),
        };
        match prepared {
            Ok(image) => {
                let seen = look(image.view(), workspace);
                // Where images may be reduced, what was only looked at, by whichever thread came first, must not decide which are.
                if !self.reduces && self.reserve(image.pixels().len() as u64) {
                    // Another thread may have kept the same image meanwhile.
                    let _ = slot.set(Ok(image));
                }
                Ok(seen)
            }
            Err(error) => {
                self.remember(index, &error);
                Err(error)
            }
        }
    }

    /// Loads a sample and runs the first transforms.
    fn prepare(&self, index: usize, workspace: &mut Workspace) -> Result<Image, DataError> {
        let loaded;
        let view = match self.dataset.view(index) {
            Some(view) => view,
            None => {
                loaded = self.dataset.load(index)?;
                if self.prefix.is_empty() {
                    return Ok(loaded);
                }
                loaded.view()
            }
        };
        run_to_image(&self.prefix, 0, view, Key::default(), workspace)
            .map_err(|error| self.named(index, &error))
    }

    /// Remembers that a sample fails. What is out of reach is no fault of the sample: another time it may be there.
    fn remember(&self, index: usize, error: &DataError) {
        if error.kind() != ErrorKind::Unavailable {
            let _ = self.kept[index].set(Err(error.clone()));
        }
    }

    /// Takes `bytes` of what may be kept, if they are left.
    fn reserve(&self, bytes: u64) -> bool {
        self.free.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |free| free.checked_sub(bytes)).is_ok()
    }

    /// A transform's error, with the sample's name.
    fn named(&self, index: usize, error: &DataError) -> DataError {
        let reason = error.to_string();
        match self.dataset.path(index) {
            Some(path) => DataError::at(error.kind(), path, reason),
            None => DataError::about(error.kind(), self.dataset.name(index), reason),
        }
    }
}

impl Kept {
    fn key(&self, dataset: &dyn Dataset, index: usize) -> Option<u128> {
        *self.keys[index].get_or_init(|| dataset.key(index))
    }

    fn has(&self, dataset: &dyn Dataset, index: usize) -> bool {
        self.key(dataset, index).is_some_and(|key| self.cache.size(key).is_some())
    }

    fn get(&self, dataset: &dyn Dataset, index: usize) -> Option<Image> {
        self.cache.get(self.key(dataset, index)?)
    }

    /// What is wanted of an image that is there, in `buffer`.
    fn get_part(
        &self,
        dataset: &dyn Dataset,
        index: usize,
        wanted: &mut dyn FnMut((usize, usize)) -> Option<Wanted>,
        buffer: Vec<u8>,
    ) -> Option<Portion> {
        let key = self.key(dataset, index)?;
        let (height, width, _) = self.cache.size(key)?;
        let rows = wanted((height, width)).map_or(0..height, |wanted| wanted.top..wanted.bottom());
        self.cache.get_rows(key, rows, buffer)
    }

    fn put(&self, dataset: &dyn Dataset, index: usize, image: ImageView<'_>) {
        if let Some(key) = self.key(dataset, index) {
            self.cache.put(key, image);
        }
    }
}

fn lies_in_memory(dataset: &dyn Dataset) -> bool {
    !dataset.is_empty() && dataset.view(0).is_some()
}
