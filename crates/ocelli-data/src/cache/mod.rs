//! Decoded images on disk, for later epochs and later runs.
//!
//! A cache is two files in a folder. `<digest>.pixels` holds images one after the other, as bytes; `<digest>.index` says where
//! each lies. The digest is that of the transforms that were applied; an image's key is that of its source: where it is, its
//! length and when it was changed. Runs that divide the same data differently thus share what they have in common.
//!
//! - Images are read by position, from a file that stays in the system's page cache: what a memory map would give, less the
//!   unsafe code and the signal that ends the process when a mapped file is cut short. Copying an image of 224×224 takes about
//!   15 µs, a fiftieth of decoding it.
//! - Files are only added to, under a lock, so that processes can share a cache. Every few rows of an image have a checksum, and each
//!   entry has one: what was cut short, damaged or half written counts as not there, and is decoded again. Where a sample needs
//!   some rows of an image, no others are read.
//! - Both files may be deleted at any time, also while they are in use: nothing but time is lost.
//! - The pixels take at most `max_bytes`; images beyond that are decoded each time.

mod blocks;
mod index;
mod positioned;

use std::collections::HashMap;
use std::fs::{self, File};
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError, RwLock};

use xxhash_rust::xxh3::xxh3_128;

use crate::transforms::Transform;
use crate::{Channels, DataError, ErrorKind, Image, ImageView, Place, Portion, Problem};

use blocks::Blocks;
use index::{Entries, Entry};
pub(crate) use positioned::read_exact_at;
use positioned::write_all_at;

/// Changes when what is kept for the same transforms does.
const VERSION: &str = "ocelli-cache-2";

/// Where decoded images are kept.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CacheOptions {
    /// The folder, made if it is not there.
    pub folder: PathBuf,
    /// Most bytes of pixels in one file. Default: 32 GiB.
    pub max_bytes: u64,
}

impl CacheOptions {
    /// A cache in `folder`, of 32 GiB at most.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into(), max_bytes: 32 << 30 }
    }
}

/// The images of one list of transforms.
pub(crate) struct Cache {
    path: PathBuf,
    pixels: File,
    index: File,
    max_bytes: u64,
    known: RwLock<HashMap<u128, Entry>>,
    /// Held while entries are read or added.
    entries: Mutex<Entries>,
    /// Set when nothing more is kept.
    full: AtomicBool,
    problem: Mutex<Option<Problem>>,
}

impl Cache {
    /// Opens or makes the cache of images with these channels after these transforms.
    ///
    /// # Errors
    /// If the folder or the files cannot be made, read or written.
    pub(crate) fn open(
        options: &CacheOptions,
        transforms: &[Transform],
        channels: Channels,
    ) -> Result<Self, DataError> {
        let transforms = serde_json::to_string(transforms).expect("transforms are plain data");
        let digest = xxh3_128(format!("{VERSION} {} {transforms}", channels.count()).as_bytes());
        let path = options.folder.join(format!("{digest:032x}.pixels"));
        let failed = |error: &io::Error| {
            DataError::at(ErrorKind::Unreadable, &path, format!("cannot be used as a cache: {error}"))
        };
        let open =
            |path: &Path| File::options().read(true).write(true).create(true).truncate(false).open(path);
        fs::create_dir_all(&options.folder).map_err(|e| failed(&e))?;
        let pixels = open(&path).map_err(|e| failed(&e))?;
        let index = open(&path.with_extension("index")).map_err(|e| failed(&e))?;
        let cache = Self {
            pixels,
            index,
            max_bytes: options.max_bytes,
            known: RwLock::default(),
            entries: Mutex::default(),
            full: AtomicBool::new(false),
            problem: Mutex::default(),
            path,
        };
        cache.refresh(&mut cache.entries.lock().unwrap_or_else(PoisonError::into_inner)).map_err(|e| {
            DataError::at(ErrorKind::Unreadable, &cache.path, format!("cannot be used as a cache: {e}"))
        })?;
        Ok(cache)
    }

    /// The file of pixels.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// How many images it is known to hold.
    pub(crate) fn len(&self) -> usize {
        self.known.read().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Height, width and channels of the image of this key, if there is one.
    pub(crate) fn size(&self, key: u128) -> Option<(usize, usize, usize)> {
        let entry = *self.known.read().unwrap_or_else(PoisonError::into_inner).get(&key)?;
        entry.bytes().map(|_| entry.size())
    }

    /// The image of this key, if it is there whole.
    pub(crate) fn get(&self, key: u128) -> Option<Image> {
        let (height, ..) = self.size(key)?;
        self.get_rows(key, 0..height, Vec::new()).map(|portion| portion.image)
    }

    /// These rows of the image of this key, and some about them, if they are there whole; in `bytes`, whatever that held.
    pub(crate) fn get_rows(&self, key: u128, rows: Range<usize>, mut bytes: Vec<u8>) -> Option<Portion> {
        let entry = *self.known.read().unwrap_or_else(PoisonError::into_inner).get(&key)?;
        let len = entry.bytes()?;
        let (height, width, channels) = entry.size();
        let blocks = Blocks::of(height, width * channels);
        // Never more than the file has, whatever the entry says.
        let sums_at = entry.offset.checked_add(len)?;
        if sums_at.checked_add(blocks.sums_len() as u64)? > self.pixels.metadata().ok()?.len() {
            return None;
        }
        let mut sums = vec![0; blocks.sums_len()];
        read_exact_at(&self.pixels, &mut sums, sums_at).ok()?;
        let rows = blocks.around(rows)?;
        bytes.resize(rows.len() * width * channels, 0);
        read_exact_at(&self.pixels, &mut bytes, entry.offset + (rows.start * width * channels) as u64)
            .ok()?;
        let is_whole = blocks::digest(&sums) == entry.checksum && blocks.are_whole(&bytes, rows.start, &sums);
        is_whole.then(|| Portion {
            image: Image::new(rows.len(), width, channels, bytes),
            place: Place { whole: (height, width), top: rows.start, left: 0, reduction: 1 },
        })
    }

    /// Keeps an image, unless the cache is full. If it cannot be written, nothing more is, and the reason can be
    /// [taken](Self::take_problem).
    pub(crate) fn put(&self, key: u128, image: ImageView<'_>) {
        if self.full.load(Ordering::Relaxed) {
            return;
        }
        if let Err(error) = self.add(key, image) {
            self.full.store(true, Ordering::Relaxed);
            let problem = DataError::at(
                ErrorKind::Unreadable,
                &self.path,
                format!("nothing more is kept in this cache: {error}"),
            );
            *self.problem.lock().unwrap_or_else(PoisonError::into_inner) = Some(problem.into());
        }
    }

    /// What went wrong, once.
    pub(crate) fn take_problem(&self) -> Option<Problem> {
        self.problem.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn add(&self, key: u128, image: ImageView<'_>) -> io::Result<()> {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        self.index.lock()?;
        let added = self.add_locked(key, image, &mut entries);
        self.index.unlock()?;
        added
    }

    fn add_locked(&self, key: u128, image: ImageView<'_>, entries: &mut Entries) -> io::Result<()> {
        self.refresh(entries)?;
        let offset = self.pixels.metadata()?.len();
        if self.get(key).is_some() {
            return Ok(());
        }
        let bytes = image.pixels();
        let sums = Blocks::of(image.height(), image.width() * image.channels()).sums(bytes);
        if offset.saturating_add((bytes.len() + sums.len()) as u64) > self.max_bytes {
            self.full.store(true, Ordering::Relaxed);
            return Ok(());
        }
        let side = |side: usize| u32::try_from(side).map_err(io::Error::other);
        let (height, width) = (side(image.height())?, side(image.width())?);
        let channels = side(image.channels())?;
        let entry = Entry { key, offset, height, width, channels, checksum: blocks::digest(&sums) };
        write_all_at(&self.pixels, bytes, offset)?;
        write_all_at(&self.pixels, &sums, offset + bytes.len() as u64)?;
        entries.append(&self.index, &entry)?;
        self.known.write().unwrap_or_else(PoisonError::into_inner).insert(key, entry);
        Ok(())
    }

    /// Takes up the entries that were added since, by whomever.
    fn refresh(&self, entries: &mut Entries) -> io::Result<()> {
        let added = entries.read_added(&self.index)?;
        if !added.is_empty() {
            let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
            known.extend(added.into_iter().map(|entry| (entry.key, entry)));
        }
        Ok(())
    }
}

/// The key of a file, or of a part of one: where it is, how long, and when it was changed.
///
/// `None` if that cannot be told.
pub(crate) fn key_of(path: &Path, part: u64) -> Option<u128> {
    let metadata = fs::metadata(path).ok()?;
    let changed = metadata.modified().ok()?.duration_since(std::time::UNIX_EPOCH).ok()?.as_nanos();
    let absolute = std::path::absolute(path).ok()?;
    let mut text = absolute.as_os_str().as_encoded_bytes().to_vec();
    text.extend(metadata.len().to_le_bytes());
    text.extend(changed.to_le_bytes());
    text.extend(part.to_le_bytes());
    Some(xxh3_128(&text))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn image(seed: u8, height: usize, width: usize) -> Image {
        let pixels = (0..height * width * 3).map(|i| (i as u8).wrapping_mul(7) ^ seed).collect();
        Image::new(height, width, 3, pixels)
    }

    fn open(folder: &Path, max_bytes: u64) -> Cache {
        let options = CacheOptions { max_bytes, ..CacheOptions::new(folder) };
        Cache::open(&options, &[Transform::resize(7)], Channels::Rgb).unwrap()
    }

    #[test]
    fn what_is_kept_is_there_in_a_later_run_with_the_same_transforms() {
        let folder = tempfile::tempdir().unwrap();
        let cache = open(folder.path(), 1 << 20);
        for number in 0..20_u8 {
            cache.put(u128::from(number), image(number, 3 + usize::from(number), 5).view());
        }
        let again = open(folder.path(), 1 << 20);
        assert_eq!((again.len(), again.path()), (20, cache.path()));
        for number in 0..20_u8 {
            assert_eq!(again.get(u128::from(number)), Some(image(number, 3 + usize::from(number), 5)));
        }
        assert_eq!(again.get(20), None);
        let options = CacheOptions::new(folder.path());
        for (list, channels) in
            [(vec![Transform::resize(8)], Channels::Rgb), (vec![Transform::resize(7)], Channels::Grey)]
        {
            assert_eq!(Cache::open(&options, &list, channels).unwrap().len(), 0);
        }
    }

    #[test]
    fn rows_are_the_images() {
        let folder = tempfile::tempdir().unwrap();
        let cache = open(folder.path(), 1 << 30);
        // Blocks of two rows, of several, and one of them all.
        for (key, (height, width)) in [(37, 5000), (333, 500), (9, 7), (1, 20_000)].into_iter().enumerate() {
            let whole = image(key as u8, height, width);
            cache.put(key as u128, whole.view());
            for rows in [0..height, 0..1, height - 1..height, height / 3..height / 2 + 1] {
                let portion = cache.get_rows(key as u128, rows.clone(), vec![7; 9]).unwrap();
                let Place { whole: size, top, left: 0, reduction } = portion.place else {
                    panic!("all columns")
                };
                assert_eq!((size, reduction), ((height, width), 1));
                assert!(top <= rows.start && rows.end <= top + portion.image.height());
                let row = width * 3;
                let all = &whole.pixels()[top * row..(top + portion.image.height()) * row];
                assert_eq!(portion.image.pixels(), all);
            }
            assert_eq!(cache.get_rows(key as u128, height..height + 1, Vec::new()), None);
        }
    }

    #[test]
    fn it_takes_no_more_than_it_may() {
        let folder = tempfile::tempdir().unwrap();
        let cache = open(folder.path(), 100 * 83 + 82);
        (0..200).for_each(|key| cache.put(key, image(1, 5, 5).view()));
        assert_eq!((cache.len(), fs::metadata(cache.path()).unwrap().len()), (100, 8300));
        assert!(cache.take_problem().is_none(), "a full cache is no problem");
    }

    #[test]
    fn several_that_share_a_cache_keep_each_image_once() {
        let folder = tempfile::tempdir().unwrap();
        let caches = [(); 4].map(|()| open(folder.path(), 1 << 30));
        std::thread::scope(|scope| {
            for (first, cache) in caches.iter().enumerate() {
                scope.spawn(move || {
                    for step in 0..100_usize {
                        let key = (step + 25 * first) % 100;
                        if let Some(found) = cache.get(key as u128) {
                            assert_eq!(found, image(key as u8, 6, 7));
                        }
                        cache.put(key as u128, image(key as u8, 6, 7).view());
                    }
                });
            }
        });
        let bytes = fs::metadata(caches[0].path()).unwrap().len();
        assert_eq!((open(folder.path(), 1 << 30).len() as u64, bytes), (100, 100 * 134));
    }

    #[test]
    fn it_may_be_deleted_or_cut_while_it_is_used() {
        let folder = tempfile::tempdir().unwrap();
        let cache = open(folder.path(), 1 << 20);
        (0..10).for_each(|key| cache.put(key, image(key as u8, 4, 4).view()));
        File::options().write(true).open(cache.path()).unwrap().set_len(56 * 5 + 7).unwrap();
        assert_eq!(cache.get(4), Some(image(4, 4, 4)));
        assert_eq!(cache.get(5), None);
        cache.put(5, image(5, 4, 4).view());
        assert_eq!(cache.get(5), Some(image(5, 4, 4)), "it is kept anew");
        fs::remove_dir_all(folder.path()).unwrap();
        cache.put(11, image(11, 4, 4).view());
        assert_eq!(cache.get(11), Some(image(11, 4, 4)));
        assert!(cache.take_problem().is_none());
        assert_eq!(open(folder.path(), 1 << 20).len(), 0);
    }

    #[test]
    fn a_key_changes_with_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        fs::write(&path, "one").unwrap();
        let first = key_of(&path, 0).unwrap();
        assert_eq!(key_of(&path, 0), Some(first));
        assert_ne!(key_of(&path, 1), Some(first));
        fs::write(&path, "three").unwrap();
        assert_ne!(key_of(&path, 0), Some(first));
        assert_eq!(key_of(&folder.path().join("b"), 0), None);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(100))]

        /// Whatever happens to the files, an image is the right one or none.
        #[test]
        fn damage_never_shows_a_wrong_picture(
            changes in prop::collection::vec((any::<bool>(), any::<prop::sample::Index>(), any::<u8>()), 0..20),
            cut in prop::option::of((any::<bool>(), any::<prop::sample::Index>())),
        ) {
            let folder = tempfile::tempdir().unwrap();
            let cache = open(folder.path(), 1 << 20);
            (0..8).for_each(|key| cache.put(key, image(key as u8, 4, 5).view()));
            let files = [cache.path().to_path_buf(), cache.path().with_extension("index")];
            drop(cache);
            for (which, at, value) in changes {
                let mut bytes = fs::read(&files[usize::from(which)]).unwrap();
                let at = at.index(bytes.len());
                bytes[at] = value;
                fs::write(&files[usize::from(which)], bytes).unwrap();
            }
            if let Some((which, at)) = cut {
                let bytes = fs::read(&files[usize::from(which)]).unwrap();
                fs::write(&files[usize::from(which)], &bytes[..at.index(bytes.len())]).unwrap();
            }
            let cache = open(folder.path(), 1 << 20);
            for key in 0..8 {
                let right = image(key as u8, 4, 5);
                prop_assert!(cache.get(key).is_none_or(|found| found == right));
                cache.put(key, right.view());
                prop_assert_eq!(cache.get(key), Some(right));
            }
            prop_assert!((0..8).all(|key| open(folder.path(), 1 << 20).get(key) == Some(image(key as u8, 4, 5))));
        }
    }
}
