//! Looks at the pages of a column before anything unpacks them: what they say of their sizes may be anything.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use flate2::read::MultiGzDecoder;
use parquet::basic::Compression;
use parquet::file::metadata::ColumnChunkMetaData;

use super::footer::STATISTICS;
use super::thrift::{Kind, Record, read};
use crate::cache::read_exact_at;
use crate::{DataError, ErrorKind};

/// Most bytes of a page's header.
const MAX_HEADER: usize = 1 << 20;
/// Bytes that hold nearly every header.
const USUAL_HEADER: usize = 4 << 10;

static PAGE: Record = Record {
    name: "page",
    fields: &[
        (1, Kind::I32),
        (2, Kind::I32),
        (3, Kind::I32),
        (4, Kind::I32),
        (5, Kind::Record(&DATA)),
        (7, Kind::Record(&DICTIONARY)),
        (8, Kind::Record(&DATA_V2)),
    ],
};
static DATA: Record = Record {
    name: "data",
    fields: &[(1, Kind::I32), (2, Kind::I32), (3, Kind::I32), (4, Kind::I32), (5, Kind::Record(&STATISTICS))],
};
static DICTIONARY: Record =
    Record { name: "dictionary", fields: &[(1, Kind::I32), (2, Kind::I32), (3, Kind::Bool)] };
static DATA_V2: Record = Record {
    name: "data, version 2",
    fields: &[
        (1, Kind::I32),
        (2, Kind::I32),
        (3, Kind::I32),
        (4, Kind::I32),
        (5, Kind::I32),
        (6, Kind::I32),
        (7, Kind::Bool),
        (8, Kind::Record(&STATISTICS)),
    ],
};

/// What counts of a page's header, and its own length.
#[derive(Default)]
struct Header {
    len: u64,
    packed: u64,
    unpacked: u64,
    /// Values, if it is a dictionary.
    dictionary: Option<u64>,
    encoding: i64,
    /// Bytes before those that are packed.
    levels: u64,
}

/// Checks that a column's pages lie within the file and unpack to `most` bytes at most; gives how many.
pub(super) fn check(path: &Path, column: &ColumnChunkMetaData, most: u64) -> Result<u64, DataError> {
    let (mut unpacked, mut has_dictionary) = (0_u64, false);
    each(path, column, |_, _, header| {
        unpacked = unpacked.saturating_add(header.unpacked);
        has_dictionary |= header.dictionary.is_some();
        // A value has four bytes at least, and the decoder makes room for as many as there are said to be.
        if let Some(values) = header.dictionary.filter(|&values| values > header.unpacked / 4) {
            let reason = format!("has a dictionary of {values} values in {} bytes", header.unpacked);
            return Err(DataError::at(ErrorKind::Corrupt, path, reason));
        }
        if DICTIONARIES.contains(&header.encoding) && !has_dictionary {
            return Err(DataError::at(
                ErrorKind::Corrupt,
                path,
                "has a page that needs a dictionary, and none",
            ));
        }
        match DELTAS.iter().find(|(encoding, _)| *encoding == header.encoding) {
            None => Ok(()),
            Some((_, name)) => {
                let column = column.column_path().string();
                let reason = format!(
                    "has a column `{column}` in the encoding {name}, which is not read here: write it plain or with a dictionary"
                );
                Err(DataError::at(ErrorKind::Unsupported, path, reason))
            }
        }
    })?;
    if unpacked > most {
        let reason = format!(
            "has a row group whose column `{}` unpacks to {unpacked} bytes: {most} are the most; write smaller row groups",
            column.column_path().string()
        );
        return Err(DataError::at(ErrorKind::TooLarge, path, reason));
    }
    Ok(unpacked)
}

/// Encodings by places in a dictionary.
const DICTIONARIES: [i64; 2] = [2, 8];

/// Encodings of bytes by their differences. Their decoders make room for what the packed data claims, and few bytes can stand for
/// very many.
const DELTAS: [(i64, &str); 2] = [(6, "DELTA_LENGTH_BYTE_ARRAY"), (7, "DELTA_BYTE_ARRAY")];

/// Unpacks a column that is packed by gzip, and keeps nothing of it, to see that no page has more bytes than it says: the library
/// takes whatever comes. The other codecs stop where the page should end.
pub(super) fn check_unpacking(path: &Path, column: &ColumnChunkMetaData) -> Result<(), DataError> {
    if !matches!(column.compression(), Compression::GZIP(_)) {
        return Ok(());
    }
    each(path, column, |file, at, header| {
        let mut packed = vec![0; header.packed.saturating_sub(header.levels) as usize];
        read_exact_at(file, &mut packed, at + header.levels).map_err(|e| DataError::io(path, &e))?;
        let mut unpacked = MultiGzDecoder::new(&packed[..]).take(header.unpacked + 1);
        // What is wrong with the data otherwise is told when it is read.
        let len = io::copy(&mut unpacked, &mut io::sink()).unwrap_or(0);
        if len + header.levels > header.unpacked {
            let reason = format!("has a page that unpacks to more than its {} bytes", header.unpacked);
            return Err(DataError::at(ErrorKind::Corrupt, path, reason));
        }
        Ok(())
    })
}

/// Gives `look` each page of a column: the file, where the page's contents begin, and its header.
fn each(
    path: &Path,
    column: &ColumnChunkMetaData,
    mut look: impl FnMut(&File, u64, &Header) -> Result<(), DataError>,
) -> Result<(), DataError> {
    let wrong = |kind, reason: String| Err(DataError::at(kind, path, reason));
    let start = column.dictionary_page_offset().unwrap_or_else(|| column.data_page_offset());
    let (Ok(mut at), Ok(size)) = (u64::try_from(start), u64::try_from(column.compressed_size())) else {
        return wrong(ErrorKind::Corrupt, "says that a column lies nowhere".to_owned());
    };
    let file = File::open(path).map_err(|e| DataError::io(path, &e))?;
    let len = file.metadata().map_err(|e| DataError::io(path, &e))?.len();
    let Some(end) = at.checked_add(size).filter(|&end| end <= len) else {
        return wrong(
            ErrorKind::Truncated,
            format!("ends early: a column of {size} bytes from {at} on is needed, it has {len}"),
        );
    };
    while at < end {
        let Some(header) = header(&file, at, end).map_err(|e| DataError::io(path, &e))? else {
            return wrong(ErrorKind::Corrupt, format!("has no page at byte {at}, where a column has one"));
        };
        let contents = at.saturating_add(header.len);
        at = contents.saturating_add(header.packed);
        if at > end || header.levels > header.packed {
            return wrong(ErrorKind::Corrupt, "has a page that is longer than its column".to_owned());
        }
        look(&file, contents, &header)?;
    }
    Ok(())
}

fn header(file: &File, at: u64, end: u64) -> io::Result<Option<Header>> {
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

/// Reads a header; `None` if it is none, or not whole.
fn parse(bytes: &[u8]) -> Option<Header> {
    let mut header = Header::default();
    let (mut packed, mut unpacked, mut below_zero) = (None, None, false);
    let len = read(bytes, &PAGE, &mut |name, field, value| {
        let mut size = || {
            below_zero |= value < 0;
            value.max(0) as u64
        };
        match (name, field) {
            ("page", 2) => unpacked = Some(size()),
            ("page", 3) => packed = Some(size()),
            ("dictionary", 1) => header.dictionary = Some(size()),
            ("data", 2) | ("data, version 2", 4) => header.encoding = value,
            ("data, version 2", 5 | 6) => header.levels += size(),
            _ => {}
        }
    })?;
    if below_zero {
        return None;
    }
    Some(Header { len: len as u64, packed: packed?, unpacked: unpacked?, ..header })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pages_header_is_read_and_all_else_passed_over() {
        // type = 2, unpacked = 300, packed = 200, a dictionary of 3 values, a list of two texts that is not known, the end.
        let bytes = [
            0x15, 4, 0x15, 0xd8, 4, 0x15, 0x90, 3, 0x4c, 0x15, 6, 0x15, 0, 0, 0x29, 0x28, 1, b'a', 2, b'b',
            b'c', 0, 99,
        ];
        let header = parse(&bytes).unwrap();
        assert_eq!((header.len, header.packed, header.unpacked), (22, 200, 300));
        assert_eq!(header.dictionary, Some(3));
        assert!((0..22).all(|len| parse(&bytes[..len]).is_none()), "a header that is cut is none");
        assert!(parse(&[0x15, 0, 0x15, 1, 0x15, 2, 0]).is_none(), "sizes below 0 are none");
        assert!(parse(&[0x1c; 100]).is_none());
        // Of the second version: 4 values, 0 nulls, 4 rows, encoding 8, 5 and 0 bytes of levels.
        let bytes = [
            0x15, 6, 0x15, 60, 0x15, 40, 0x5c, 0x15, 8, 0x15, 0, 0x15, 8, 0x15, 16, 0x15, 10, 0x15, 0, 0x11,
            0, 0,
        ];
        let header = parse(&bytes).unwrap();
        assert_eq!((header.packed, header.encoding, header.levels), (20, 8, 5));
    }
}
