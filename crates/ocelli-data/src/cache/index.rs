//! The file that says where each image lies: entries of one length, one after the other.

use std::fs::File;
use std::io;

use xxhash_rust::xxh3::xxh3_64;

use super::positioned::{read_exact_at, write_all_at};

/// Bytes of an entry: key, offset, height, width, channels, checksum of the pixels' checksums, checksum of all before.
const LENGTH: usize = 16 + 8 + 4 + 4 + 4 + 8 + 8;
/// Entries that are read at once.
const AT_ONCE: usize = 4096;

/// Where an image lies, and how to tell that it is whole.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Entry {
    pub(super) key: u128,
    pub(super) offset: u64,
    pub(super) height: u32,
    pub(super) width: u32,
    pub(super) channels: u32,
    pub(super) checksum: u64,
}

impl Entry {
    /// Height, width and channels.
    pub(super) fn size(&self) -> (usize, usize, usize) {
        (self.height as usize, self.width as usize, self.channels as usize)
    }

    /// How many bytes the image has, if that is a number that images have.
    pub(super) fn bytes(&self) -> Option<u64> {
        if !matches!(self.channels, 1 | 3) {
            return None;
        }
        u64::from(self.height).checked_mul(u64::from(self.width))?.checked_mul(u64::from(self.channels))
    }

    fn to_bytes(self) -> [u8; LENGTH] {
        let mut bytes = [0; LENGTH];
        bytes[..16].copy_from_slice(&self.key.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.offset.to_le_bytes());
        bytes[24..28].copy_from_slice(&self.height.to_le_bytes());
        bytes[28..32].copy_from_slice(&self.width.to_le_bytes());
        bytes[32..36].copy_from_slice(&self.channels.to_le_bytes());
        bytes[36..44].copy_from_slice(&self.checksum.to_le_bytes());
        let checksum = xxh3_64(&bytes[..44]);
        bytes[44..].copy_from_slice(&checksum.to_le_bytes());
        bytes
    }

    /// `None` if the bytes are not what was written.
    fn from_bytes(bytes: &[u8; LENGTH]) -> Option<Self> {
        let u32_at = |at: usize| u32::from_le_bytes(std::array::from_fn(|i| bytes[at + i]));
        let u64_at = |at: usize| u64::from_le_bytes(std::array::from_fn(|i| bytes[at + i]));
        let entry = Self {
            key: u128::from_le_bytes(std::array::from_fn(|i| bytes[i])),
            offset: u64_at(16),
            height: u32_at(24),
            width: u32_at(28),
            channels: u32_at(32),
            checksum: u64_at(36),
        };
        (xxh3_64(&bytes[..44]) == u64_at(44)).then_some(entry)
    }
}

/// How far the entries are known.
#[derive(Default)]
pub(super) struct Entries {
    read: u64,
}

impl Entries {
    /// The whole entries from where reading stopped the last time.
    pub(super) fn read_added(&mut self, file: &File) -> io::Result<Vec<Entry>> {
        let whole = file.metadata()?.len() / LENGTH as u64;
        // A file that was cut is read again from its start.
        self.read = if whole < self.read { 0 } else { self.read };
        let mut entries = Vec::new();
        let mut buffer = Vec::new();
        while self.read < whole {
            let count = (whole - self.read).min(AT_ONCE as u64);
            buffer.resize(count as usize * LENGTH, 0);
            read_exact_at(file, &mut buffer, self.read * LENGTH as u64)?;
            let (chunks, _) = buffer.as_chunks::<LENGTH>();
            entries.extend(chunks.iter().filter_map(Entry::from_bytes));
            self.read += count;
        }
        Ok(entries)
    }

    /// Adds an entry after the last whole one. The file must be locked, and all before have been read.
    pub(super) fn append(&mut self, file: &File, entry: &Entry) -> io::Result<()> {
        write_all_at(file, &entry.to_bytes(), self.read * LENGTH as u64)?;
        self.read += 1;
        Ok(())
    }
}
