//! Thrift's compact protocol, read without making anything of it: what a description of a Parquet file claims is known before a
//! library that would believe it reads it.
//!
//! That library takes fields for what they should be, whatever type they say that they have. So they are checked to have it:
//! what is seen here is then what is read there.

/// Structures within structures.
const DEPTH: usize = 16;

/// A structure's fields, by number.
pub(super) struct Record {
    pub(super) name: &'static str,
    pub(super) fields: &'static [(i16, Kind)],
}

/// What a field holds.
pub(super) enum Kind {
    Bool,
    I8,
    I16,
    I32,
    I64,
    F64,
    /// Bytes or text.
    Bytes,
    Record(&'static Record),
    List(&'static Kind),
}

impl Kind {
    fn is(&self, code: u8) -> bool {
        match self {
            // A field's truth is its type.
            Self::Bool => matches!(code, 1 | 2),
            Self::I8 => code == 3,
            Self::I16 => code == 4,
            Self::I32 => code == 5,
            Self::I64 => code == 6,
            Self::F64 => code == 7,
            Self::Bytes => code == 8,
            Self::List(_) => code == 9,
            Self::Record(_) => code == 12,
        }
    }
}

/// Reads a structure; gives its length in bytes, or `None` if there is none, or not all of it. Tells `see` every number in it,
/// and the length of every text, with the name of the structure and the number of the field; and the end of each structure as
/// field 0.
pub(super) fn read(
    bytes: &[u8],
    record: &Record,
    see: &mut impl FnMut(&'static str, i16, i64),
) -> Option<usize> {
    let mut thrift = Thrift { bytes, at: 0 };
    thrift.record(record, DEPTH, see)?;
    Some(thrift.at)
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

    /// The number and the type of the next field; `None` within at the end of a structure.
    fn field(&mut self, last: i16) -> Option<Option<(i16, u8)>> {
        let byte = self.byte()?;
        if byte & 15 == 0 {
            return Some(None);
        }
        let field = match byte >> 4 {
            0 => i16::try_from(self.zigzag()?).ok()?,
            delta => last.checked_add(i16::from(delta))?,
        };
        Some(Some((field, byte & 15)))
    }

    /// How many elements a list has, and their type.
    fn list(&mut self) -> Option<(u64, u8)> {
        let header = self.byte()?;
        let count = if header >> 4 == 15 { self.varint()? } else { u64::from(header >> 4) };
        Some((count, header & 15))
    }

    fn record(
        &mut self,
        record: &Record,
        depth: usize,
        see: &mut impl FnMut(&'static str, i16, i64),
    ) -> Option<()> {
        let depth = depth.checked_sub(1)?;
        let mut field = 0;
        while let Some((next, code)) = self.field(field)? {
            field = next;
            match record.fields.iter().find(|(number, _)| *number == field) {
                Some((_, kind)) if kind.is(code) => {
                    if let Some(value) = self.value(kind, depth, see)? {
                        see(record.name, field, value);
                    }
                }
                Some(_) => return None,
                None => self.skip(code, depth)?,
            }
        }
        see(record.name, 0, 0);
        Some(())
    }

    /// Reads a value; gives it if it is a number, and its length if it is a text.
    fn value(
        &mut self,
        kind: &Kind,
        depth: usize,
        see: &mut impl FnMut(&'static str, i16, i64),
    ) -> Option<Option<i64>> {
        let within = |number: i64, least: i64, most: i64| (least..=most).contains(&number).then_some(number);
        let number = match kind {
            Kind::Bool => return Some(None),
            Kind::I8 => i64::from(self.byte()?),
            Kind::I16 => within(self.zigzag()?, i16::MIN.into(), i16::MAX.into())?,
            Kind::I32 => within(self.zigzag()?, i32::MIN.into(), i32::MAX.into())?,
            Kind::I64 => self.zigzag()?,
            Kind::F64 => {
                self.pass(8)?;
                return Some(None);
            }
            Kind::Bytes => {
                let len = self.varint()?;
                self.pass(len)?;
                i64::try_from(len).ok()?
            }
            Kind::Record(record) => {
                self.record(record, depth, see)?;
                return Some(None);
            }
            Kind::List(element) => {
                let depth = depth.checked_sub(1)?;
                let (count, code) = self.list()?;
                if count > 0 && !element.is(code) {
                    return None;
                }
                // Each element has bytes: no count can make this go on without end.
                (0..count).try_for_each(|_| self.value(element, depth, see).map(drop))?;
                return Some(None);
            }
        };
        Some(Some(number))
    }

    /// Passes over a value of a type.
    fn skip(&mut self, code: u8, depth: usize) -> Option<()> {
        let depth = depth.checked_sub(1)?;
        match code {
            1 | 2 => Some(()),
            3 => self.pass(1),
            4..=6 => self.varint().map(drop),
            7 => self.pass(8),
            8 => {
                let len = self.varint()?;
                self.pass(len)
            }
            9 | 10 => {
                let (count, element) = self.list()?;
                (0..count).try_for_each(|_| self.skip_element(element, depth))
            }
            11 => {
                let count = self.varint()?;
                let kinds = if count > 0 { self.byte()? } else { 0 };
                (0..count).try_for_each(|_| {
                    self.skip_element(kinds >> 4, depth)?;
                    self.skip_element(kinds & 15, depth)
                })
            }
            12 => {
                let mut field = 0;
                while let Some((next, code)) = self.field(field)? {
                    field = next;
                    self.skip(code, depth)?;
                }
                Some(())
            }
            _ => None,
        }
    }

    /// Passes over an element of a list. Of truths there are none in Parquet files, and readers do not agree on their length.
    fn skip_element(&mut self, code: u8, depth: usize) -> Option<()> {
        if matches!(code, 1 | 2) { None } else { self.skip(code, depth) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    static INNER: Record = Record { name: "inner", fields: &[(1, Kind::I32)] };
    static OUTER: Record = Record {
        name: "outer",
        fields: &[(2, Kind::I32), (3, Kind::Bytes), (4, Kind::List(&Kind::Record(&INNER))), (5, Kind::Bool)],
    };

    type Seen = Vec<(&'static str, i16, i64)>;

    fn seen(bytes: &[u8]) -> Option<(usize, Seen)> {
        let mut seen = Vec::new();
        let len = read(bytes, &OUTER, &mut |name, field, value| seen.push((name, field, value)))?;
        Some((len, seen))
    }

    #[test]
    fn what_is_known_is_told_and_all_else_passed_over() {
        // 2: 300; 3: two bytes; 4: two structures, of which one holds 7; 5: true; 9: a list of two texts; the end.
        let bytes =
            [0x25, 0xd8, 4, 0x18, 2, 9, 9, 0x19, 0x2c, 0x15, 14, 0, 0, 0x11, 0x49, 0x28, 1, b'a', 0, 0, 99];
        let (len, told) = seen(&bytes).unwrap();
        assert_eq!(len, 20);
        let expected = [
            ("outer", 2, 300),
            ("outer", 3, 2),
            ("inner", 1, 7),
            ("inner", 0, 0),
            ("inner", 0, 0),
            ("outer", 0, 0),
        ];
        assert_eq!(told, expected);
        assert!((0..20).all(|len| seen(&bytes[..len]).is_none()), "what is cut is none");
    }

    #[test]
    fn what_is_not_what_it_should_be_is_none() {
        assert!(seen(&[0x26, 0xd8, 4, 0]).is_none(), "64 bits for 32");
        assert!(seen(&[0x25, 0xfe, 0xff, 0xff, 0xff, 0x1f, 0]).is_none(), "more than 32 bits");
        assert!(seen(&[0x49, 0x15, 4, 0]).is_none(), "numbers for structures");
        assert!(seen(&[0x99, 0xf1, 0xff, 0xff, 0xff, 0xff, 0x0f, 0]).is_none(), "a list of truths");
        assert!(seen(&[0x9c; 100]).is_none(), "structures without end");
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_structure_or_none(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            if let Some((len, _)) = seen(&bytes) {
                prop_assert!(len <= bytes.len());
            }
        }
    }
}
