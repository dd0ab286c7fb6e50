//! Looks at the pages of a column before anything unpacks them: what they say of their sizes may be anything.

use std::fs::File;
use std::path::Path;

use parquet::file::metadata::ColumnChunkMetaData;

use crate::cache::read_exact_at;
use crate::{DataError, ErrorKind};

/// Most bytes of a page's header.
const MAX_HEADER: usize = 1 << 20;
/// Bytes that hold nearly every header.
const USUAL_HEADER: usize = 4 << 10;
/// Structures within structures.
const DEPTH: usize = 16;

/// Checks that a column's pages lie within the file and unpack to `most` bytes at most; gives how many.
pub(super) fn check(
    path: &Path,
    len: u64,
    column: &ColumnChunkMetaData,
    most: u64,
) -> Result<u64, DataError> {
    let wrong = |kind, reason: String| Err(DataError::at(kind, path, reason));
    let start = column.dictionary_page_offset().unwrap_or_else(|| column.data_page_offset());
    let (Ok(mut at), Ok(size)) = (u64::try_from(start), u64::try_from(column.compressed_size())) else {
        return wrong(ErrorKind::Corrupt, "says that a column lies nowhere".to_owned());
    };
    let Some(end) = at.checked_add(size).filter(|&end| end <= len) else {
        return wrong(
            ErrorKind::Truncated,
            format!("ends early: a column of {size} bytes from {at} on is needed, it has {len}"),
        );
    };
    let file = File::open(path).map_err(|e| DataError::io(path, &e))?;
    let mut unpacked = 0_u64;
    while at < end {
        let Some(header) = header(&file, at, end).map_err(|e| DataError::io(path, &e))? else {
            return wrong(ErrorKind::Corrupt, format!("has no page at byte {at}, where a column has one"));
        };
        unpacked = unpacked.saturating_add(header.unpacked);
        at = at.saturating_add(header.len).saturating_add(header.packed);
        if at > end {
            return wrong(ErrorKind::Corrupt, "has a page that is longer than its column".to_owned());
        }
    }
    if unpacked > most {
        return wrong(
            ErrorKind::TooLarge,
            format!(
                "has a row group whose column `{}` unpacks to {unpacked} bytes: {most} are the most; write smaller row groups",
                column.column_path().string()
            ),
        );
    }
    Ok(unpacked)
}

/// What counts of a page's header, and its own length.
struct Header {
    len: u64,
    packed: u64,
    unpacked: u64,
}

fn header(file: &File, at: u64, end: u64) -> std::io::Result<Option<Header>> {
    let mut bytes = Vec::new();
    for most in [USUAL_HEADER, MAX_HEADER] {
        bytes.resize((end - at).min(most as u64) as usize, 0);
        read_exact_at(file, &mut bytes, at)?;
        if let Some(header) = parse(&bytes) {
            return Ok(Some(header));
        }
    }
    Ok(None)
}

/// Reads a header in Thrift's compact protocol; `None` if it is none, or not whole.
fn parse(bytes: &[u8]) -> Option<Header> {
    let mut thrift = Thrift { bytes, at: 0 };
    let (mut field, mut packed, mut unpacked) = (0_i64, None, None);
    loop {
        let byte = thrift.byte()?;
        if byte == 0 {
            break;
        }
        field = match byte >> 4 {
            0 => thrift.zigzag()?,
            delta => field.checked_add(i64::from(delta))?,
        };
        match (field, byte & 15) {
            (2, 5) => unpacked = u64::try_from(thrift.zigzag()?).ok(),
            (3, 5) => packed = u64::try_from(thrift.zigzag()?).ok(),
            (_, kind) => thrift.skip(kind, DEPTH)?,
        }
    }
    Some(Header { len: thrift.at as u64, packed: packed?, unpacked: unpacked? })
}

/// Bytes in Thrift's compact protocol.
struct Thrift<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Thrift<'_> {
    fn byte(&mut self) -> Option<u8> {
        let byte = *self.bytes.get(self.at)?;
        self.at += 1;
        Some(byte)
    }

    fn varint(&mut self) -> Option<u64> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 127) << shift;
            if byte < 128 {
                return Some(value);
            }
        }
        None
    }

    fn zigzag(&mut self) -> Option<i64> {
        let value = self.varint()?;
        Some((value >> 1) as i64 ^ -((value & 1) as i64))
    }

    fn pass(&mut self, count: u64) -> Option<()> {
        self.at = self.at.checked_add(usize::try_from(count).ok()?).filter(|&at| at <= self.bytes.len())?;
        Some(())
    }

    /// Passes over a value of a type.
    fn skip(&mut self, kind: u8, depth: usize) -> Option<()> {
        let depth = depth.checked_sub(1)?;
        match kind {
            // A field's truth is its type.
            1 | 2 => Some(()),
            3 => self.pass(1),
            4..=6 => self.varint().map(drop),
            7 => self.pass(8),
            8 => {
                let len = self.varint()?;
                self.pass(len)
            }
            9 | 10 => {
                let header = self.byte()?;
                let count = if header >> 4 == 15 { self.varint()? } else { u64::from(header >> 4) };
                (0..count).try_for_each(|_| self.skip_element(header & 15, depth))
            }
            11 => {
                let count = self.varint()?;
                let kinds = if count > 0 { self.byte()? } else { 0 };
                (0..count).try_for_each(|_| {
                    self.skip_element(kinds >> 4, depth)?;
                    self.skip_element(kinds & 15, depth)
                })
            }
            12 => loop {
                let byte = self.byte()?;
                if byte == 0 {
                    return Some(());
                }
                if byte >> 4 == 0 {
                    self.zigzag()?;
                }
                self.skip(byte & 15, depth)?;
            },
            _ => None,
        }
    }

    /// Passes over an element of a list, of which each has bytes: no count can make this go on without end.
    fn skip_element(&mut self, kind: u8, depth: usize) -> Option<()> {
        if matches!(kind, 1 | 2) { self.pass(1) } else { self.skip(kind, depth) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_pages_header_is_read_and_all_else_passed_over() {
        // type = 0, unpacked = 300, packed = 200, a structure with a list of two texts, the end.
        let bytes =
            [0x15, 0, 0x15, 0xd8, 4, 0x15, 0x90, 3, 0x2c, 0x19, 0x28, 1, b'a', 2, b'b', b'c', 0, 0, 99];
        let header = parse(&bytes).unwrap();
        assert_eq!((header.len, header.packed, header.unpacked), (18, 200, 300));
        assert!((0..18).all(|len| parse(&bytes[..len]).is_none()), "a header that is cut is none");
        assert!(parse(&[0x15, 0, 0x15, 1, 0x15, 2, 0]).is_none(), "sizes below 0 are none");
        assert!(parse(&[0x1c; 100]).is_none());
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_header_or_none(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            if let Some(header) = parse(&bytes) {
                prop_assert!(header.len <= bytes.len() as u64);
            }
        }
    }
}
