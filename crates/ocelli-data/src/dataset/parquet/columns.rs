//! Which columns of a Parquet file hold images and labels, and the labels.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use parquet::basic::Type;
use parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use parquet::data_type::{ByteArray, DataType};
use parquet::file::metadata::ParquetMetaData;
use parquet::file::reader::{FileReader, SerializedFileReader};
use serde::Deserialize;

use super::group::Group;
use super::{footer, pages};
use crate::dataset::OpenOptions;
use crate::dataset::files::unpacked_limit;
use crate::{DataError, ErrorKind};

/// Most bytes of the description at a file's end.
const MAX_FOOTER: u32 = 16 << 20;
/// Most rows of a row group.
const MAX_ROWS: i64 = 1 << 20;
/// Most bytes of a column of labels in a row group.
const MAX_LABELS: u64 = 64 << 20;

/// A Parquet file's row groups, each with its labels.
pub(super) struct File {
    pub(super) path: PathBuf,
    /// The names of the classes, if the file tells.
    pub(super) classes: Option<Vec<String>>,
    pub(super) groups: Vec<(Group, Vec<Label>)>,
}

/// A row's label.
pub(super) enum Label {
    None,
    Number(i64),
    /// UTF-8 text, shared with what it was unpacked from.
    Name(ByteArray),
}

/// Most bytes of a label.
const MAX_LABEL: usize = 4096;

impl Label {
    pub(super) fn is_none(&self) -> bool {
        self.name().is_none()
    }

    /// The label as a name; `None` if there is none: Hugging Face writes -1 where a label is withheld. What is too long is none.
    pub(super) fn name(&self) -> Option<String> {
        match self {
            Self::None => None,
            Self::Number(number) => u64::try_from(*number).ok().map(|number| number.to_string()),
            Self::Name(name) if name.len() > MAX_LABEL => None,
            Self::Name(name) => Some(String::from_utf8_lossy(name.data()).into_owned()),
        }
    }
}

/// Does something with a file; what goes wrong is told of the file, a panic of the library too.
pub(super) fn guarded<T>(
    path: &Path,
    work: impl FnOnce() -> Result<T, parquet::errors::ParquetError>,
) -> Result<T, DataError> {
    // What the closure has is dropped or read only afterwards.
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(Ok(done)) => Ok(done),
        Ok(Err(error)) => {
            let said = error.to_string();
            let kind = match error {
                parquet::errors::ParquetError::NYI(_) => ErrorKind::Unsupported,
                _ if said.contains("Disabled feature") || said.contains("not installed") => {
                    ErrorKind::Unsupported
                }
                parquet::errors::ParquetError::EOF(_) => ErrorKind::Truncated,
                _ => ErrorKind::Corrupt,
            };
            Err(DataError::at(kind, path, format!("cannot be read as Parquet: {said}")))
        }
        Err(_) => Err(DataError::at(
            ErrorKind::Corrupt,
            path,
            "cannot be read as Parquet: its contents contradict each other",
        )),
    }
}

impl File {
    pub(super) fn open(path: &Path, options: &OpenOptions) -> Result<Self, DataError> {
        let file = fs::File::open(path).map_err(|e| DataError::io(path, &e))?;
        let len = check_footer(path, &file)?;
        let reader = guarded(path, || SerializedFileReader::new(file))?;
        let metadata = reader.metadata();
        let told = description(metadata);
        let image =
            image_column(metadata).ok_or_else(|| no_column(path, metadata, "image files as bytes"))?;
        let label = label_column(metadata, &told, options.coarse_labels).ok_or_else(|| {
            no_column(path, metadata, "labels (label, labels, fine_label, target, class, cls)")
        })?;
        let name = metadata.file_metadata().schema_descr().column(label).path().parts()[0].clone();
        let classes = told.and_then(|told| told.names(&name));
        let mut groups = Vec::new();
        let (mut first_row, mut of_labels) = (0, 0);
        for number in 0..metadata.num_row_groups() {
            let rows = metadata.row_group(number).num_rows();
            if !(0..=MAX_ROWS).contains(&rows) {
                let reason = format!("row group {number} has {rows} rows: {MAX_ROWS} are the most");
                return Err(DataError::at(ErrorKind::TooLarge, path, reason));
            }
            if first_row + rows as u64 > len {
                // Groups may lie in the same place, and take no room.
                let reason = format!("says that it has more than {first_row} rows, in {len} bytes");
                return Err(DataError::at(ErrorKind::Corrupt, path, reason));
            }
            let group = metadata.row_group(number);
            let bytes = pages::check(path, group.column(image), super::recent::KEPT)?;
            of_labels += pages::check(path, group.column(label), MAX_LABELS)?;
            if of_labels > unpacked_limit(len) {
                let reason = format!("has labels that unpack to more than {of_labels} bytes");
                return Err(DataError::at(ErrorKind::TooLarge, path, reason));
            }
            pages::check_unpacking(path, group.column(label))?;
            let labels = guarded(path, || labels(&reader, number, label, rows as usize))?;
            let group =
                Group { path: path.to_path_buf(), number, image, first_row, rows: rows as u32, bytes };
            first_row += rows as u64;
            groups.push((group, labels));
        }
        Ok(Self { path: path.to_path_buf(), classes, groups })
    }
}

/// Looks at a file's last bytes before anything is made of them; gives its length.
fn check_footer(path: &Path, file: &fs::File) -> Result<u64, DataError> {
    let io = |e: &_| DataError::io(path, e);
    let metadata = file.metadata().map_err(|e| io(&e))?;
    let wrong = |kind, reason: &str| Err(DataError::at(kind, path, reason));
    if !metadata.is_file() {
        return wrong(ErrorKind::Unreadable, "is not a regular file");
    }
    let len = metadata.len();
    if len < 12 {
        return wrong(ErrorKind::Truncated, "is too short to be a Parquet file");
    }
    let mut end = [0; 8];
    crate::cache::read_exact_at(file, &mut end, len - 8).map_err(|e| io(&e))?;
    let [a, b, c, d, magic @ ..] = end;
    if magic != *b"PAR1" {
        return wrong(ErrorKind::Truncated, "does not end as Parquet files do: it is cut short or none");
    }
    let footer = u32::from_le_bytes([a, b, c, d]);
    if footer > MAX_FOOTER || u64::from(footer) + 12 > len {
        return wrong(ErrorKind::Corrupt, &format!("says that its description has {footer} bytes"));
    }
    let mut description = vec![0; footer as usize];
    let start = len - 8 - u64::from(footer);
    crate::cache::read_exact_at(file, &mut description, start).map_err(|e| io(&e))?;
    match footer::check(&description) {
        Ok(()) => Ok(len),
        Err(reason) => wrong(ErrorKind::Corrupt, reason),
    }
}

/// What Hugging Face writes about columns.
#[derive(Deserialize)]
struct Description {
    info: Info,
}

#[derive(Deserialize)]
struct Info {
    features: serde_json::Map<String, serde_json::Value>,
}

impl Description {
    /// The names of a column's classes.
    fn names(&self, column: &str) -> Option<Vec<String>> {
        let names = self.info.features.get(column)?.get("names")?.as_array()?;
        names.iter().map(|name| name.as_str().map(str::to_owned)).collect()
    }

    /// Whether a column holds class labels.
    fn is_label(&self, column: &str) -> bool {
        let kind = self.info.features.get(column).and_then(|feature| feature.get("_type"));
        kind.and_then(serde_json::Value::as_str) == Some("ClassLabel")
    }
}

fn description(metadata: &ParquetMetaData) -> Option<Description> {
    let pairs = metadata.file_metadata().key_value_metadata()?;
    let text = pairs.iter().find(|pair| pair.key == "huggingface")?.value.as_ref()?;
    serde_json::from_str(text).ok()
}

/// The first column of bytes that is a struct's field `bytes`, or that is called as images are.
fn image_column(metadata: &ParquetMetaData) -> Option<usize> {
    let columns = metadata.file_metadata().schema_descr();
    let plain = |column: usize| {
        let column = columns.column(column);
        column.physical_type() == Type::BYTE_ARRAY && column.max_rep_level() == 0
    };
    let parts = |column: usize| columns.column(column).path().parts().to_vec();
    let of_struct = |column: &usize| matches!(&parts(*column)[..], [_, field] if field == "bytes");
    let named = |column: &usize| matches!(&parts(*column)[..], [name] if ["image", "img", "bytes", "image_bytes", "jpg", "png"].contains(&name.as_str()));
    let all = || (0..columns.num_columns()).filter(|&column| plain(column));
    all().find(of_struct).or_else(|| all().find(named))
}

fn label_column(metadata: &ParquetMetaData, told: &Option<Description>, coarse: bool) -> Option<usize> {
    let columns = metadata.file_metadata().schema_descr();
    let usual = ["label", "labels", "fine_label", "target", "class", "cls", "coarse_label"];
    let coarse = coarse.then_some("coarse_label");
    let top = |column: usize| match columns.column(column).path().parts() {
        [name] if columns.column(column).max_rep_level() == 0 => Some(name.clone()),
        _ => None,
    };
    let readable = |column: usize| {
        matches!(columns.column(column).physical_type(), Type::INT32 | Type::INT64 | Type::BYTE_ARRAY)
    };
    let all = || (0..columns.num_columns()).filter(|&column| readable(column));
    let named = |name: &str| all().find(|&column| top(column).is_some_and(|top| top == name));
    let is_told =
        |column: &usize| top(*column).zip(told.as_ref()).is_some_and(|(name, told)| told.is_label(&name));
    coarse.into_iter().chain(usual).find_map(named).or_else(|| all().find(is_told))
}

fn no_column(path: &Path, metadata: &ParquetMetaData, what: &str) -> DataError {
    let columns = metadata.file_metadata().schema_descr();
    let names: Vec<String> = columns.columns().iter().take(20).map(|column| column.path().string()).collect();
    let reason = format!("has no column of {what}; its columns are {}", names.join(", "));
    DataError::at(ErrorKind::UnknownFormat, path, reason)
}

fn labels(
    reader: &SerializedFileReader<fs::File>,
    group: usize,
    column: usize,
    rows: usize,
) -> Result<Vec<Label>, parquet::errors::ParquetError> {
    let optional = reader.metadata().file_metadata().schema_descr().column(column).max_def_level();
    let labels =
        |found: Vec<Option<Label>>| found.into_iter().map(|label| label.unwrap_or(Label::None)).collect();
    Ok(match reader.get_row_group(group)?.get_column_reader(column)? {
        ColumnReader::Int32ColumnReader(column) => {
            labels(values(column, rows, optional, |n| Label::Number(i64::from(n)))?)
        }
        ColumnReader::Int64ColumnReader(column) => labels(values(column, rows, optional, Label::Number)?),
        ColumnReader::ByteArrayColumnReader(column) => labels(values(column, rows, optional, Label::Name)?),
        _ => Vec::new(),
    })
}

/// The values of a column in a row group, `None` where it is null.
pub(super) fn values<D: DataType, T>(
    mut column: ColumnReaderImpl<D>,
    rows: usize,
    defined: i16,
    convert: impl Fn(D::T) -> T,
) -> Result<Vec<Option<T>>, parquet::errors::ParquetError> {
    let mut found = Vec::with_capacity(rows);
    let (mut levels, mut values) = (Vec::new(), Vec::new());
    while found.len() < rows {
        levels.clear();
        values.clear();
        let wanted = (rows - found.len()).min(1024);
        let (records, ..) = column.read_records(wanted, Some(&mut levels), None, &mut values)?;
        if records == 0 {
            return Err(parquet::errors::ParquetError::EOF(format!(
                "{rows} rows, of which {} are there",
                found.len()
            )));
        }
        let mut values = values.drain(..).map(&convert);
        if defined == 0 {
            found.extend(values.map(Some));
        } else {
            found.extend(levels.iter().map(|&level| if level == defined { values.next() } else { None }));
        }
    }
    found.truncate(rows);
    Ok(found)
}
