//! Zip archives as `torch.save` writes them: entries that are stored, not compressed.
//!
//! That is little: a list of entries at the end of the file, and each entry's bytes as they are. It is read here rather than
//! by a library, so that every length is checked against the file's before anything is allocated for it, and because what a
//! library has beyond it, compression above all, would only be one more way for a small file to ask for much memory. Format:
//! PKWARE's APPNOTE 6.3.10, sections 4.3 and 4.5.3; the names of fields are its.

use std::io::{self, Read, Seek, SeekFrom};

/// The most bytes that the list of entries may have: room for some hundred thousand.
const MAX_DIRECTORY: u64 = 32 << 20;
const END: [u8; 4] = *b"PK\x05\x06";
const END_64: [u8; 4] = *b"PK\x06\x06";
const LOCATOR_64: [u8; 4] = *b"PK\x06\x07";
const CENTRAL: [u8; 4] = *b"PK\x01\x02";
const LOCAL: [u8; 4] = *b"PK\x03\x04";
/// The end record with the longest comment, and the locator before it.
const LONGEST_END: u64 = 22 + 65_535 + 20;

/// An entry of the archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) name: String,
    /// Bytes that it has.
    pub(super) size: u64,
    /// The checksum (CRC-32) of its bytes.
    pub(super) crc: u32,
    method: u16,
    flags: u16,
    /// Where its local header is.
    header: u64,
}

/// Why an archive, or an entry, cannot be read.
#[derive(Debug)]
pub(super) enum ZipFault {
    Io(io::Error),
    Broken(String),
}

impl From<io::Error> for ZipFault {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

fn broken<T>(reason: impl Into<String>) -> Result<T, ZipFault> {
    Err(ZipFault::Broken(reason.into()))
}

/// Reads the list of entries of a file of `length` bytes.
pub(super) fn entries(file: &mut (impl Read + Seek), length: u64) -> Result<Vec<Entry>, ZipFault> {
    let (at, size) = directory(file, length)?;
    let mut bytes = vec![0; size as usize];
    file.seek(SeekFrom::Start(at))?;
    file.read_exact(&mut bytes)?;
    let mut fields = Fields(&bytes);
    let mut entries = Vec::new();
    while !fields.0.is_empty() {
        entries.push(fields.entry()?);
    }
    Ok(entries)
}

/// Where the bytes of an entry begin. They lie within the file.
pub(super) fn start(file: &mut (impl Read + Seek), length: u64, entry: &Entry) -> Result<u64, ZipFault> {
    let Entry { name, .. } = entry;
    let name = super::pickle::shown(name);
    if entry.flags & 1 != 0 {
        return broken(format!("its entry {name} is encrypted"));
    }
    if entry.method != 0 {
        return broken(format!(
            "its entry {name} is compressed, which torch.save never does: load and save it with PyTorch once more"
        ));
    }
    if entry.header.checked_add(30).is_none_or(|end| end > length) {
        return broken(format!("its entry {name} begins beyond the end of the file"));
    }
    let mut header = [0; 30];
    file.seek(SeekFrom::Start(entry.header))?;
    file.read_exact(&mut header)?;
    let mut fields = Fields(&header);
    if fields.array()? != LOCAL {
        return broken(format!("its entry {name} is not where the list says"));
    }
    fields.skip(22)?;
    let (name_length, extra_length) = (fields.u16()?, fields.u16()?);
    let start = entry.header + 30 + u64::from(name_length) + u64::from(extra_length);
    match start.checked_add(entry.size) {
        Some(end) if end <= length => Ok(start),
        _ => broken(format!("its entry {name} reaches beyond the end of the file")),
    }
}

/// Where the list of entries lies, and how long it is.
fn directory(file: &mut (impl Read + Seek), length: u64) -> Result<(u64, u64), ZipFault> {
    let tail_length = length.min(LONGEST_END);
    let mut tail = vec![0; tail_length as usize];
    file.seek(SeekFrom::Start(length - tail_length))?;
    file.read_exact(&mut tail)?;
    // What follows the record is a comment of the length that it says; a comment may look like a record itself.
    let is_end = |&at: &usize| {
        let rest = &tail[at..];
        rest.starts_with(&END) && usize::from(u16::from_le_bytes([rest[20], rest[21]])) == rest.len() - 22
    };
    let Some(at) = (0..=tail.len().saturating_sub(22)).rev().filter(|_| tail.len() >= 22).find(is_end) else {
        return broken("is cut short: a zip archive ends with a list of its entries");
    };
    let mut fields = Fields(&tail[at + 12..]);
    let (mut size, mut start) = (u64::from(fields.u32()?), u64::from(fields.u32()?));
    let mut end = length - tail_length + at as u64;
    if let Some(locator) = at.checked_sub(20).map(|from| &tail[from..at])
        && locator.starts_with(&LOCATOR_64)
    {
        let mut fields = Fields(&locator[8..]);
        end = fields.u64()?;
        if end.checked_add(56).is_none_or(|after| after > length) {
            return broken("its list of entries lies beyond the end of the file");
        }
        let mut record = [0; 56];
        file.seek(SeekFrom::Start(end))?;
        file.read_exact(&mut record)?;
        if !record.starts_with(&END_64) {
            return broken("its list of entries is not where its end says");
        }
        let mut fields = Fields(&record[40..]);
        (size, start) = (fields.u64()?, fields.u64()?);
    }
    if size > MAX_DIRECTORY || start.checked_add(size).is_none_or(|after| after > end) {
        return broken(format!("its list of entries would have {size} bytes from byte {start}"));
    }
    Ok((start, size))
}

/// Fields of a record, one after another.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn take(&mut self, length: usize) -> Result<&'a [u8], ZipFault> {
        match self.0.split_at_checked(length) {
            Some((taken, rest)) => {
                self.0 = rest;
                Ok(taken)
            }
            None => broken("its list of entries is cut short"),
        }
    }

    fn skip(&mut self, length: usize) -> Result<(), ZipFault> {
        self.take(length).map(drop)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], ZipFault> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N)?);
        Ok(array)
    }

    fn u16(&mut self) -> Result<u16, ZipFault> {
        Ok(u16::from_le_bytes(self.array()?))
    }

    fn u32(&mut self) -> Result<u32, ZipFault> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    fn u64(&mut self) -> Result<u64, ZipFault> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    /// An entry of the list.
    fn entry(&mut self) -> Result<Entry, ZipFault> {
        if self.array()? != CENTRAL {
            return broken("its list of entries is damaged");
        }
        self.skip(4)?;
        let (flags, method) = (self.u16()?, self.u16()?);
        self.skip(4)?;
        let crc = self.u32()?;
        let (stored, size) = (self.u32()?, self.u32()?);
        let (name, extra, comment) = (self.u16()?, self.u16()?, self.u16()?);
        self.skip(8)?;
        let header = self.u32()?;
        let name = String::from_utf8_lossy(self.take(name.into())?).into_owned();
        let mut extra = Fields(self.take(extra.into())?);
        self.skip(comment.into())?;
        let (size, stored, header) = extra.wide(size, stored, header)?;
        if method == 0 && stored != size {
            return broken(format!("its entry {} has two lengths", super::pickle::shown(&name)));
        }
        Ok(Entry { name, size, crc, method, flags, header })
    }

    /// Size, stored size and place, from the field with 64 bits (id 1) where those with 32 are full.
    fn wide(&mut self, size: u32, stored: u32, header: u32) -> Result<(u64, u64, u64), ZipFault> {
        let mut values = [size, stored, header].map(u64::from);
        while self.0.len() >= 4 {
            let (id, length) = (self.u16()?, self.u16()?);
            let mut field = Fields(self.take(length.into())?);
            if id == 1 {
                for value in values.iter_mut().filter(|value| **value == u64::from(u32::MAX)) {
                    *value = field.u64()?;
                }
            }
        }
        Ok(values.into())
    }
}
