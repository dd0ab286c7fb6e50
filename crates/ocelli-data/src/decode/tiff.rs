//! Looks at a TIFF's directory before a decoder does: it makes 32 bytes of each value that a directory claims to have, before it
//! looks whether the file has them.

use super::Failure;
use crate::ErrorKind;

/// Most values of one field: rows of a strip each, samples of a pixel, entries of a palette are fewer.
const MOST_VALUES: u64 = 1 << 20;

/// Checks that the fields of the first directory have no more values than the file has room for.
pub(super) fn check(bytes: &[u8]) -> Result<(), Failure> {
    let corrupt = |reason: &str| Failure::new(ErrorKind::Corrupt, format!("is a corrupt TIFF: {reason}"));
    let cut = || Failure::new(ErrorKind::Truncated, "is a truncated TIFF: it ends before its directory does");
    let numbers = Numbers { bytes, little: bytes.starts_with(b"II") };
    let is_big = numbers.at(2, 2) == Some(43);
    let place = if is_big { numbers.at(8, 8) } else { numbers.at(4, 4) }.ok_or_else(cut)?;
    let (count_size, entry_size, number_size) = if is_big { (8, 20, 8) } else { (2, 12, 4) };
    let entries = numbers.at(place, count_size).ok_or_else(cut)?;
    let room = (bytes.len() as u64).saturating_sub(place) / entry_size;
    if entries > room {
        return Err(cut());
    }
    for entry in 0..entries {
        let at = place + count_size + entry * entry_size;
        let (Some(kind), Some(values)) = (numbers.at(at + 2, 2), numbers.at(at + 4, number_size)) else {
            return Err(cut());
        };
        let size = match kind {
            3 | 8 => 2,
            4 | 9 | 11 | 13 => 4,
            5 | 10 | 12 | 16..=18 => 8,
            _ => 1,
        };
        if values > MOST_VALUES && kind != 7 || values.saturating_mul(size) > bytes.len() as u64 {
            return Err(corrupt("a field of its directory has more values than the file has room for"));
        }
    }
    Ok(())
}

/// Numbers in the file's order of bytes.
struct Numbers<'a> {
    bytes: &'a [u8],
    little: bool,
}

impl Numbers<'_> {
    /// The number of so many bytes at a place.
    fn at(&self, place: u64, size: u64) -> Option<u64> {
        let place = usize::try_from(place).ok()?;
        let bytes = self.bytes.get(place..place.checked_add(size as usize)?)?;
        let add = |number: u64, &byte: &u8| number << 8 | u64::from(byte);
        Some(if self.little { bytes.iter().rev().fold(0, add) } else { bytes.iter().fold(0, add) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A directory of one field, for a file of 64 bytes.
    fn file(kind: u16, values: u32) -> Vec<u8> {
        let mut bytes = b"II*\0\x08\0\0\0\x01\0\x11\x01".to_vec();
        bytes.extend(kind.to_le_bytes());
        bytes.extend(values.to_le_bytes());
        bytes.resize(64, 0);
        bytes
    }

    #[test]
    fn fields_have_room_in_the_file() {
        assert!(check(&file(4, 16)).is_ok());
        for (kind, values) in [(4, 17), (3, 33), (1, 65), (5, u32::MAX), (7, u32::MAX)] {
            assert_eq!(check(&file(kind, values)).unwrap_err().kind, ErrorKind::Corrupt, "{kind} {values}");
        }
        let whole = file(4, 1);
        assert!((0..20).all(|len| check(&whole[..len]).is_err()));
    }
}
