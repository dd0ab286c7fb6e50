//! A row group's images.

use std::fs;
use std::path::PathBuf;

use parquet::column::reader::ColumnReader;
use parquet::data_type::ByteArray;
use parquet::errors::ParquetError;
use parquet::file::reader::{FileReader, SerializedFileReader};

use super::columns::{guarded, values};
use super::pages;
use crate::{DataError, ErrorKind};

/// A row group of a file.
pub(super) struct Group {
    pub(super) path: PathBuf,
    pub(super) number: usize,
    /// The column of images.
    pub(super) image: usize,
    /// Rows of the file before it.
    pub(super) first_row: u64,
    pub(super) rows: u32,
    /// Bytes of its images.
    pub(super) bytes: u64,
}

/// The image files of a row group.
pub(super) struct Images(Vec<Option<ByteArray>>);

impl Group {
    /// What a row is called.
    pub(super) fn name(&self, row: u32) -> String {
        format!("{}#{}", self.path.display(), self.first_row + u64::from(row))
    }

    /// Reads the images.
    ///
    /// # Errors
    /// If the file cannot be read, or is no longer what it was.
    pub(super) fn read(&self) -> Result<Images, DataError> {
        let file = fs::File::open(&self.path).map_err(|e| DataError::io(&self.path, &e))?;
        let rows = self.rows as usize;
        let reader = guarded(&self.path, || SerializedFileReader::new(file))?;
        if let Some(group) = reader.metadata().row_groups().get(self.number) {
            pages::check_unpacking(&self.path, group.column(self.image))?;
        }
        guarded(&self.path, || {
            let changed = || ParquetError::General("it was changed while it was used".to_owned());
            let metadata = reader.metadata();
            if self.number >= metadata.num_row_groups()
                || metadata.row_group(self.number).num_rows() != rows as i64
            {
                return Err(changed());
            }
            let defined = metadata.file_metadata().schema_descr().column(self.image).max_def_level();
            match reader.get_row_group(self.number)?.get_column_reader(self.image)? {
                ColumnReader::ByteArrayColumnReader(column) => {
                    Ok(Images(values(column, rows, defined, |bytes| bytes)?))
                }
                _ => Err(changed()),
            }
        })
    }
}

impl Images {
    /// The bytes of a row's image.
    pub(super) fn bytes(&self, row: u32, name: &str) -> Result<&[u8], DataError> {
        let image = self.0.get(row as usize).and_then(Option::as_ref);
        image
            .map(ByteArray::data)
            .ok_or_else(|| DataError::about(ErrorKind::EmptyFile, name, "has no image: its bytes are null"))
    }
}
