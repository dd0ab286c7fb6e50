//! Looks at a Parquet file's description before anything is made of it.

use super::thrift::{Kind, Record, read};

/// Elements of the schema, columns and structures of them.
const MAX_ELEMENTS: usize = 10_000;
/// Structures of columns within each other.
const MAX_DEPTH: usize = 16;
/// Bytes of a column's name.
const MAX_NAME: i64 = 256;

/// Checks a description: that it is whole, and that the schema has the columns that it claims.
///
/// # Errors
/// What is wrong with it.
pub(super) fn check(bytes: &[u8]) -> Result<(), &'static str> {
    let mut schema = Schema::default();
    let whole = read(bytes, &FILE, &mut |name, field, value| {
        if name == ELEMENT.name {
            schema.see(field, value);
        }
    });
    if whole.is_none() {
        return Err("its description is damaged");
    }
    match schema {
        Schema { wrong: Some(wrong), .. } => Err(wrong),
        Schema { open, .. } if !open.is_empty() => Err("its schema lacks columns that it announces"),
        _ => Ok(()),
    }
}

/// The schema: a tree, written one element after the other.
#[derive(Default)]
struct Schema {
    elements: usize,
    /// Of the structures that the next element is in, how many elements each still gets.
    open: Vec<i64>,
    /// Elements that the one that is read announces.
    children: i64,
    wrong: Option<&'static str>,
}

impl Schema {
    fn see(&mut self, field: i16, value: i64) {
        match field {
            4 if value > MAX_NAME => self.refuse("a column's name is too long"),
            5 => self.children = value,
            0 => self.end(),
            _ => {}
        }
    }

    /// The first thing that is wrong is told.
    fn refuse(&mut self, wrong: &'static str) {
        self.wrong.get_or_insert(wrong);
    }

    /// An element has ended.
    fn end(&mut self) {
        self.elements += 1;
        if let Some(left) = self.open.last_mut() {
            *left -= 1;
        }
        let children = std::mem::take(&mut self.children);
        if children > 0 {
            self.open.push(children);
        }
        while self.open.last() == Some(&0) {
            self.open.pop();
        }
        if self.elements > MAX_ELEMENTS || !(0..=MAX_ELEMENTS as i64).contains(&children) {
            self.refuse("its schema has too many columns");
        } else if self.open.len() > MAX_DEPTH {
            self.refuse("its schema has too many structures within each other");
            // No more are taken up.
            self.open.truncate(MAX_DEPTH);
        }
    }
}

static FILE: Record = Record {
    name: "file",
    fields: &[
        (1, Kind::I32),
        (2, Kind::List(&Kind::Record(&ELEMENT))),
        (3, Kind::I64),
        (4, Kind::List(&Kind::Record(&ROW_GROUP))),
        (5, Kind::List(&Kind::Record(&PAIR))),
        (6, Kind::Bytes),
        (7, Kind::List(&Kind::Record(&CHOICE))),
    ],
};
static ELEMENT: Record = Record {
    name: "element",
    fields: &[
        (1, Kind::I32),
        (2, Kind::I32),
        (3, Kind::I32),
        (4, Kind::Bytes),
        (5, Kind::I32),
        (6, Kind::I32),
        (7, Kind::I32),
        (8, Kind::I32),
        (9, Kind::I32),
        (10, Kind::Record(&LOGICAL)),
    ],
};
static LOGICAL: Record = Record {
    name: "logical type",
    fields: &[
        (5, Kind::Record(&Record { name: "decimal", fields: &[(1, Kind::I32), (2, Kind::I32)] })),
        (7, Kind::Record(&TIME)),
        (8, Kind::Record(&TIME)),
        (10, Kind::Record(&Record { name: "integer", fields: &[(1, Kind::I8), (2, Kind::Bool)] })),
        (16, Kind::Record(&Record { name: "variant", fields: &[(1, Kind::I8)] })),
        (17, Kind::Record(&Record { name: "geometry", fields: &[(1, Kind::Bytes)] })),
        (18, Kind::Record(&Record { name: "geography", fields: &[(1, Kind::Bytes), (2, Kind::I32)] })),
    ],
};
static TIME: Record = Record { name: "time", fields: &[(1, Kind::Bool), (2, Kind::Record(&CHOICE))] };
/// One of several structures without fields.
static CHOICE: Record = Record {
    name: "choice",
    fields: &[
        (1, Kind::Record(&Record { name: "nothing", fields: &[] })),
        (2, Kind::Record(&Record { name: "nothing", fields: &[] })),
        (3, Kind::Record(&Record { name: "nothing", fields: &[] })),
    ],
};
static PAIR: Record = Record { name: "pair", fields: &[(1, Kind::Bytes), (2, Kind::Bytes)] };
static ROW_GROUP: Record = Record {
    name: "row group",
    fields: &[
        (1, Kind::List(&Kind::Record(&CHUNK))),
        (2, Kind::I64),
        (3, Kind::I64),
        (4, Kind::List(&Kind::Record(&SORTING))),
        (5, Kind::I64),
        (6, Kind::I64),
        (7, Kind::I16),
    ],
};
static SORTING: Record =
    Record { name: "sorting", fields: &[(1, Kind::I32), (2, Kind::Bool), (3, Kind::Bool)] };
static CHUNK: Record = Record {
    name: "chunk",
    fields: &[
        (1, Kind::Bytes),
        (2, Kind::I64),
        (3, Kind::Record(&COLUMN)),
        (4, Kind::I64),
        (5, Kind::I32),
        (6, Kind::I64),
        (7, Kind::I32),
    ],
};
static COLUMN: Record = Record {
    name: "column",
    fields: &[
        (1, Kind::I32),
        (2, Kind::List(&Kind::I32)),
        (3, Kind::List(&Kind::Bytes)),
        (4, Kind::I32),
        (5, Kind::I64),
        (6, Kind::I64),
        (7, Kind::I64),
        (8, Kind::List(&Kind::Record(&PAIR))),
        (9, Kind::I64),
        (10, Kind::I64),
        (11, Kind::I64),
        (12, Kind::Record(&STATISTICS)),
        (13, Kind::List(&Kind::Record(&PAGES))),
        (14, Kind::I64),
        (15, Kind::I32),
        (16, Kind::Record(&SIZES)),
        (17, Kind::Record(&GEOSPATIAL)),
    ],
};
pub(super) static STATISTICS: Record = Record {
    name: "statistics",
    fields: &[
        (1, Kind::Bytes),
        (2, Kind::Bytes),
        (3, Kind::I64),
        (4, Kind::I64),
        (5, Kind::Bytes),
        (6, Kind::Bytes),
        (7, Kind::Bool),
        (8, Kind::Bool),
        (9, Kind::I64),
    ],
};
static PAGES: Record = Record { name: "pages", fields: &[(1, Kind::I32), (2, Kind::I32), (3, Kind::I32)] };
static SIZES: Record = Record {
    name: "sizes",
    fields: &[(1, Kind::I64), (2, Kind::List(&Kind::I64)), (3, Kind::List(&Kind::I64))],
};
static GEOSPATIAL: Record =
    Record { name: "geospatial", fields: &[(1, Kind::Record(&BOX)), (2, Kind::List(&Kind::I32))] };
static BOX: Record = Record {
    name: "box",
    fields: &[
        (1, Kind::F64),
        (2, Kind::F64),
        (3, Kind::F64),
        (4, Kind::F64),
        (5, Kind::F64),
        (6, Kind::F64),
        (7, Kind::F64),
        (8, Kind::F64),
    ],
};

#[cfg(test)]
mod tests {
    use super::*;

    /// A description whose schema has elements with so many children each.
    fn description(children: &[i32]) -> Vec<u8> {
        let zigzag = |n: i32| {
            let (mut value, mut bytes) = ((n << 1 ^ n >> 31) as u32, Vec::new());
            while value > 127 {
                bytes.push(value as u8 | 128);
                value >>= 7;
            }
            bytes.push(value as u8);
            bytes
        };
        let count = [((children.len() & 127) | 128) as u8, (children.len() >> 7) as u8];
        let element = |&n: &i32| [&[0x48, 1, b'a', 0x15][..], &zigzag(n), &[0]].concat();
        let elements: Vec<u8> = children.iter().flat_map(element).collect();
        [&[0x29, 0xfc][..], &count, &elements, &[0]].concat()
    }

    #[test]
    fn schemas_have_the_columns_that_they_announce() {
        assert_eq!(check(&description(&[2, 0, 1, 0])), Ok(()));
        for (children, said) in [
            (&[3, 0, 0][..], "lacks columns"),
            (&[i32::MAX], "too many columns"),
            (&[2, -5, 0], "too many columns"),
            (&[1; 5_000], "within each other"),
            (&[0; 10_001], "too many columns"),
        ] {
            let error = check(&description(children)).unwrap_err();
            assert!(error.contains(said), "{said}: {error}");
        }
        let mut long = description(&[0]);
        long.splice(5..7, [&[0xac_u8, 2][..], &[b'a'; 300]].concat());
        assert_eq!(check(&long), Err("a column's name is too long"));
        assert!(check(&[]).is_err() && check(&[0x28, 0, 0]).is_err());
    }
}
