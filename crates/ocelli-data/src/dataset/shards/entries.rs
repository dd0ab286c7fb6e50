//! The entries of a tar file, from their headers alone.

use super::Ranges;
use crate::{DataError, ErrorKind};

/// Bytes of a block.
const BLOCK: u64 = 512;
/// Most bytes of an entry that says something about the next one: a long name, extended attributes.
const MAX_EXTENSION: u64 = 1 << 20;
/// Most bytes of a name.
const MAX_NAME: usize = 4096;

/// A regular file in a tar file.
pub(super) struct Entry {
    pub(super) name: String,
    pub(super) offset: u64,
    pub(super) len: u64,
}

/// Walks through a tar file.
pub(super) struct Entries<'a> {
    shard: &'a dyn Ranges,
    at: u64,
    done: bool,
}

/// What the entries before one say of it.
#[derive(Default)]
struct Ahead {
    name: Option<Vec<u8>>,
    len: Option<u64>,
}

impl<'a> Entries<'a> {
    pub(super) fn of(shard: &'a dyn Ranges) -> Self {
        Self { shard, at: 0, done: false }
    }

    fn error(&self, kind: ErrorKind, reason: &str) -> DataError {
        let reason = format!("byte {}: {reason}", self.at);
        DataError::about(kind, self.shard.name(), reason)
    }

    /// The next regular file; `None` at the end.
    fn step(&mut self) -> Result<Option<Entry>, DataError> {
        let mut ahead = Ahead::default();
        loop {
            let left = self.shard.len() - self.at;
            if left == 0 {
                return Ok(None);
            }
            if left < BLOCK {
                return Err(self.error(ErrorKind::Truncated, "ends within the header of an entry"));
            }
            let block = self.shard.read(self.at, BLOCK as usize)?;
            if block.iter().all(|&byte| byte == 0) {
                return Ok(None);
            }
            let header = tar::Header::from_byte_slice(&block);
            let len = self.checked_len(header, &block)?;
            let body = self.at + BLOCK;
            let len = ahead.len.take().unwrap_or(len);
            let end = len.checked_next_multiple_of(BLOCK).and_then(|len| body.checked_add(len));
            // The last entry need not be filled up to a whole block.
            if body.checked_add(len).is_none_or(|end| end > self.shard.len()) {
                return Err(self.error(
                    ErrorKind::Truncated,
                    &format!("an entry has {len} bytes, {} are left", left - BLOCK),
                ));
            }
            let kind = header.entry_type();
            if kind.is_gnu_longname() || kind.is_pax_local_extensions() {
                self.extend(&mut ahead, kind.is_gnu_longname(), body, len)?;
            }
            let is_file = kind.is_file() || kind.is_contiguous();
            let name = is_file.then(|| ahead.name.take().unwrap_or_else(|| header.path_bytes().into_owned()));
            self.at = end.unwrap_or(u64::MAX).min(self.shard.len());
            if name.as_ref().is_some_and(|name| name.len() > MAX_NAME) {
                return Err(self.error(
                    ErrorKind::TooLarge,
                    &format!("before it, a name of more than {MAX_NAME} bytes"),
                ));
            }
            if let Some(name) = name {
                return Ok(Some(Entry {
                    name: String::from_utf8_lossy(&name).into_owned(),
                    offset: body,
                    len,
                }));
            }
        }
    }

    /// The length that a header says, if the header is whole.
    fn checked_len(&self, header: &tar::Header, block: &[u8]) -> Result<u64, DataError> {
        let sum: u32 = block
            .iter()
            .enumerate()
            .map(|(at, &byte)| u32::from(if (148..156).contains(&at) { b' ' } else { byte }))
            .sum();
        if header.cksum().ok() != Some(sum) {
            let reason = if self.at == 0 {
                "is no tar file: its first header's checksum is wrong"
            } else {
                "the checksum of an entry's header is wrong"
            };
            return Err(self.error(ErrorKind::Corrupt, reason));
        }
        header.entry_size().map_err(|_| self.error(ErrorKind::Corrupt, "the length of an entry is no number"))
    }

    /// Takes up what an entry says about the next one.
    fn extend(&self, ahead: &mut Ahead, is_name: bool, body: u64, len: u64) -> Result<(), DataError> {
        if len > MAX_EXTENSION {
            return Err(self.error(
                ErrorKind::TooLarge,
                &format!("a name or attributes of {len} bytes: {MAX_EXTENSION} are the most"),
            ));
        }
        let bytes = self.shard.read(body, len as usize)?;
        if is_name {
            ahead.name = Some(bytes.split(|&byte| byte == 0).next().unwrap_or_default().to_vec());
            return Ok(());
        }
        for extension in tar::PaxExtensions::new(&bytes) {
            let extension =
                extension.map_err(|_| self.error(ErrorKind::Corrupt, "extended attributes that are none"))?;
            match extension.key_bytes() {
                b"path" => ahead.name = Some(extension.value_bytes().to_vec()),
                b"size" => {
                    let len = extension.value().ok().and_then(|text| text.parse().ok());
                    ahead.len = Some(len.ok_or_else(|| {
                        self.error(ErrorKind::Corrupt, "the length of an entry is no number")
                    })?);
                }
                _ => {}
            }
        }
        Ok(())
    }
}

impl Iterator for Entries<'_> {
    type Item = Result<Entry, DataError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        let step = self.step();
        self.done = !matches!(step, Ok(Some(_)));
        step.transpose()
    }
}
