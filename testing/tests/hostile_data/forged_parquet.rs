//! Parquet files that are whole, but claim what is not so.

use std::path::Path;

use crate::bombs::gzip;
use crate::{fixture, new_folder, opened, refused as is_refused, write};

/// A varint of a number's zigzag.
fn zigzag(number: i64) -> Vec<u8> {
    varint((number << 1 ^ number >> 63) as u64)
}

fn varint(mut number: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while number > 127 {
        bytes.push(number as u8 | 128);
        number >>= 7;
    }
    bytes.push(number as u8);
    bytes
}

/// A field in Thrift's compact protocol: so many numbers after the last one.
fn field(after: u8, code: u8, contents: &[u8]) -> Vec<u8> {
    [&[after << 4 | code], contents].concat()
}

fn int(after: u8, number: i64) -> Vec<u8> {
    field(after, 5, &zigzag(number))
}

fn long(after: u8, number: i64) -> Vec<u8> {
    field(after, 6, &zigzag(number))
}

fn text(after: u8, text: &str) -> Vec<u8> {
    field(after, 8, &string(text))
}

fn string(text: &str) -> Vec<u8> {
    [varint(text.len() as u64), text.as_bytes().to_vec()].concat()
}

fn structure(after: u8, fields: &[Vec<u8>]) -> Vec<u8> {
    field(after, 12, &ended(fields))
}

fn ended(fields: &[Vec<u8>]) -> Vec<u8> {
    [fields.concat(), vec![0]].concat()
}

fn list(after: u8, code: u8, elements: &[Vec<u8>]) -> Vec<u8> {
    let begin = [vec![0xf0 | code], varint(elements.len() as u64)].concat();
    field(after, 9, &[begin, elements.concat()].concat())
}

/// A page of data: its sizes, its values' number and encoding, and its contents.
fn data_page(unpacked: usize, values: i64, encoding: i64, contents: &[u8]) -> Vec<u8> {
    let about = structure(2, &[int(1, values), int(1, encoding), int(1, 3), int(1, 3)]);
    let header = ended(&[int(1, 0), int(1, unpacked as i64), int(1, contents.len() as i64), about]);
    [header, contents.to_vec()].concat()
}

fn dictionary_page(values: i64, contents: &[u8]) -> Vec<u8> {
    let size = contents.len() as i64;
    let header = ended(&[int(1, 2), int(1, size), int(1, size), structure(4, &[int(1, values), int(1, 0)])]);
    [header, contents.to_vec()].concat()
}

/// A file of two columns, images and labels, each in one place that all row groups share.
struct Forged {
    images: Vec<u8>,
    labels: Vec<u8>,
    codec: i64,
    has_dictionary: bool,
    rows: i64,
    groups: usize,
    /// What stands for the schema and all before it in the description.
    schema: Vec<u8>,
}

impl Forged {
    /// Four images with two labels, with nothing wrong.
    fn whole() -> Self {
        let image = fixture("orientation-1.png");
        let image = [&(image.len() as u32).to_le_bytes()[..], &image].concat();
        let images = image.repeat(4);
        let labels: Vec<u8> = [0_i32, 1, 0, 1].iter().flat_map(|label| label.to_le_bytes()).collect();
        Self {
            images: data_page(images.len(), 4, 0, &images),
            labels: data_page(16, 4, 0, &labels),
            codec: 0,
            has_dictionary: false,
            rows: 4,
            groups: 1,
            schema: schema(int(1, 2), &[root(2), leaf("image", 6), leaf("label", 1)]),
        }
    }

    fn column(&self, place: usize, pages: &[u8], kind: i64, name: &str) -> Vec<u8> {
        let (place, len) = (place as i64, pages.len() as i64);
        let mut fields = vec![
            int(1, kind),
            list(1, 5, &[zigzag(0)]),
            list(1, 8, &[string(name)]),
            int(1, self.codec),
            long(1, self.rows),
            long(1, len),
            long(1, len),
            long(2, place),
        ];
        if self.has_dictionary && kind == 6 {
            fields.push(long(2, place));
        }
        ended(&[long(2, place), structure(1, &fields)])
    }

    fn bytes(&self) -> Vec<u8> {
        let columns = [
            self.column(4, &self.images, 6, "image"),
            self.column(4 + self.images.len(), &self.labels, 1, "label"),
        ];
        let group = ended(&[list(1, 12, &columns), long(1, 0), long(1, self.rows)]);
        let groups = list(1, 12, &vec![group; self.groups]);
        let description = ended(&[self.schema.clone(), long(1, self.rows * self.groups as i64), groups]);
        let len = (description.len() as u32).to_le_bytes();
        [&b"PAR1"[..], &self.images, &self.labels, &description, &len, b"PAR1"].concat()
    }
}

fn schema(version: Vec<u8>, elements: &[Vec<u8>]) -> Vec<u8> {
    [version, list(1, 12, elements)].concat()
}

fn root(children: i64) -> Vec<u8> {
    ended(&[text(4, "r"), int(1, children)])
}

fn leaf(name: &str, kind: i64) -> Vec<u8> {
    ended(&[int(1, kind), int(2, 0), text(1, name)])
}

pub(crate) fn refused(folder: &Path) {
    let root_folder = new_folder(folder, "forged");
    let path = root_folder.join("train.parquet");
    let whole = Forged::whole();
    write(&path, whole.bytes());
    let data = opened("whole", &root_folder, 0).expect("nothing is wrong with it");
    assert_eq!(data.get("train").expect("a split").len(), 4);
    assert!(data.problems.is_empty(), "{:?}", data.problems);

    for (what, forged, reason) in forged_pages().into_iter().chain(forged_descriptions()) {
        let bytes = forged.bytes();
        write(&path, &bytes);
        is_refused(what, &root_folder, bytes.len(), "train.parquet", reason);
    }
    let whole = whole.bytes();
    for (what, len) in [("huge footer", [0xff, 0xff, 0xff, 0x7f]), ("no footer", [0; 4])] {
        let mut bytes = whole.clone();
        let at = bytes.len() - 8;
        bytes[at..at + 4].copy_from_slice(&len);
        write(&path, &bytes);
        is_refused(what, &root_folder, bytes.len(), "train.parquet", "description");
    }
}

/// A file that is not what it says, what is forged about it, and what is said of it.
type Case = (&'static str, Forged, &'static str);

fn forged_pages() -> Vec<Case> {
    let bomb = gzip(&[], 128 << 20);
    vec![
        (
            "a page that unpacks to more than it says",
            Forged { images: data_page(1000, 4, 0, &bomb), labels: gzip_page(), codec: 2, ..Forged::whole() },
            "unpacks to more than its 1000 bytes",
        ),
        (
            "labels that do",
            Forged { labels: data_page(1000, 4, 0, &bomb), codec: 2, ..Forged::whole() },
            "unpacks to more than its 1000 bytes",
        ),
        (
            "a huge page",
            Forged { images: data_page(i32::MAX as usize, 4, 0, &[1; 10]), ..Forged::whole() },
            "unpacks to 2147483647 bytes",
        ),
        (
            "a huge dictionary",
            Forged {
                images: dictionary_page(i64::from(i32::MAX), &[0; 40]),
                has_dictionary: true,
                ..Forged::whole()
            },
            "a dictionary of 2147483647 values in 40 bytes",
        ),
        (
            "a dictionary that is not there",
            Forged { labels: data_page(16, 4, 8, &[2; 16]), ..Forged::whole() },
            "needs a dictionary, and none",
        ),
        (
            "differences",
            // 128 values in blocks of 4; in all 2^40.
            Forged {
                images: data_page(20, 4, 7, &[128, 1, 4, 128, 128, 128, 128, 128, 32, 0]),
                ..Forged::whole()
            },
            "the encoding DELTA_BYTE_ARRAY",
        ),
    ]
}

fn forged_descriptions() -> Vec<Case> {
    let names = [root(2), leaf("image", 6), leaf("label", 1)];
    let nested = |depth: usize| {
        let group = ended(&[int(3, 0), text(1, "g"), int(1, 1)]);
        [vec![root(1)], vec![group; depth], vec![leaf("image", 6)]].concat()
    };
    vec![
        (
            "many rows in one place",
            Forged { rows: 1_000_000, groups: 3_000, ..Forged::whole() },
            "says that it has more than",
        ),
        ("rows below zero", Forged { rows: -4, ..Forged::whole() }, "-4 rows"),
        (
            "many columns",
            Forged { schema: schema(int(1, 2), &[root(i64::from(i32::MAX))]), ..Forged::whole() },
            "too many columns",
        ),
        (
            "columns that are not there",
            Forged { schema: schema(int(1, 2), &[root(3), leaf("image", 6)]), ..Forged::whole() },
            "lacks columns",
        ),
        (
            "structures within each other",
            Forged { schema: schema(int(1, 2), &nested(200_000)), ..Forged::whole() },
            "too many structures within each other",
        ),
        (
            "a long name",
            Forged { schema: schema(int(1, 2), &[root(1), leaf(&"a".repeat(300), 6)]), ..Forged::whole() },
            "a column's name is too long",
        ),
        (
            "a field of another type",
            Forged { schema: schema(text(1, "\u{2}"), &names), ..Forged::whole() },
            "its description is damaged",
        ),
    ]
}

/// A page of four labels, packed as gzip does.
fn gzip_page() -> Vec<u8> {
    data_page(16, 4, 0, &gzip(&[0; 16], 0))
}
