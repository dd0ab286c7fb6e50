//! What slow shards hold, kept on this machine.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_128;

use super::Ranges;
use super::index::{Shard, read_shard};
use crate::decode::Limits;
use crate::{DataError, OpenOptions, cache_folder};

/// Changes when what is kept of the same shard does.
const VERSION: &str = "ocelli-shard-1";
/// Most bytes of what is kept of a shard, unpacked.
const MOST_BYTES: u64 = 256 << 20;

/// Reads shards, and keeps what it finds in those that have a [version](Ranges::version): a file for each, which may be deleted at
/// any time. What was kept of another version, or is damaged, counts as not there.
pub(super) struct Indices {
    folder: Option<PathBuf>,
    limits: Limits,
}

/// A file of what is kept.
#[derive(Serialize, Deserialize)]
struct Kept {
    version: String,
    shard: Shard,
}

impl Indices {
    pub(super) fn new(options: &OpenOptions) -> Self {
        Self {
            folder: options.indices.clone().or_else(|| Some(cache_folder()?.join("shards"))),
            limits: options.limits,
        }
    }

    /// What a shard holds.
    ///
    /// # Errors
    /// If it is out of reach.
    pub(super) fn read(&self, shard: &dyn Ranges) -> Result<Shard, DataError> {
        let (Some(folder), Some(version)) = (&self.folder, shard.version()) else {
            return read_shard(shard, &self.limits);
        };
        let version = format!("{VERSION} {version} {:?}", self.limits);
        // By its name alone: another version takes the place of this one.
        let path = folder.join(format!("{:032x}.json.gz", xxh3_128(shard.name().as_bytes())));
        if let Some(found) = load(&path, &version).filter(|found| self.fits(found, shard)) {
            return Ok(found);
        }
        let kept = Kept { version, shard: read_shard(shard, &self.limits)? };
        // Where it cannot be kept, nothing but time is lost.
        let _ = save(folder, &path, &kept);
        Ok(kept.shard)
    }

    /// Whether all samples lie in the shard and within the limits.
    fn fits(&self, found: &Shard, shard: &dyn Ranges) -> bool {
        found.samples.iter().all(|sample| {
            let end = sample.offset.checked_add(sample.len);
            sample.len <= self.limits.max_file_bytes && end.is_some_and(|end| end <= shard.len())
        })
    }
}

fn load(path: &Path, version: &str) -> Option<Shard> {
    let file = io::BufReader::new(File::open(path).ok()?);
    let mut bytes = Vec::new();
    GzDecoder::new(file).take(MOST_BYTES).read_to_end(&mut bytes).ok()?;
    let kept: Kept = serde_json::from_slice(&bytes).ok()?;
    (kept.version == version).then_some(kept.shard)
}

fn save(folder: &Path, path: &Path, kept: &Kept) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    // Whole or not at all, also where another process does the same.
    let partial = path.with_extension(format!("{}.partial", std::process::id()));
    let saved = write(&partial, kept).and_then(|()| fs::rename(&partial, path));
    if saved.is_err() {
        let _ = fs::remove_file(&partial);
    }
    saved
}

fn write(path: &Path, kept: &Kept) -> io::Result<()> {
    let mut file = GzEncoder::new(io::BufWriter::new(File::create(path)?), Compression::default());
    serde_json::to_writer(&mut file, kept)?;
    file.finish()?.flush()
}
