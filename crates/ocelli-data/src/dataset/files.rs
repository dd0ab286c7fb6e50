//! Reading data files within bounds.

use std::fs::{self, File};
use std::io::{BufReader, Read, Seek};
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;

use super::splits::Part;
use crate::{DataError, ErrorKind};

/// A data file, read from its start; `.gz` files are unpacked on the way, by their first bytes.
pub(super) struct DataFile {
    path: PathBuf,
    reader: Box<dyn Read>,
    /// Bytes that may still be read.
    left: u64,
}

/// What a packed file of so many bytes may unpack to: more than data of its kind ever does, and little enough for the memory.
pub(super) fn unpacked_limit(packed: u64) -> u64 {
    packed.saturating_mul(128).saturating_add(64 << 20)
}

/// Opens a regular file, and tells its length: a pipe or a device would block or never end.
pub(super) fn open_regular(path: &Path) -> Result<(File, u64), DataError> {
    let metadata = fs::metadata(path).map_err(|e| DataError::io(path, &e))?;
    if !metadata.is_file() {
        return Err(DataError::at(ErrorKind::Unreadable, path, "is not a regular file"));
    }
    let file = File::open(path).map_err(|e| DataError::io(path, &e))?;
    Ok((file, metadata.len()))
}

impl DataFile {
    pub(super) fn open(path: &Path) -> Result<Self, DataError> {
        let io = |e: &_| DataError::io(path, e);
        let (mut file, len) = open_regular(path)?;
        let mut magic = Vec::with_capacity(2);
        (&file).take(2).read_to_end(&mut magic).map_err(|e| io(&e))?;
        file.rewind().map_err(|e| io(&e))?;
        let path = path.to_path_buf();
        Ok(if magic == [0x1f, 0x8b] {
            let reader = Box::new(BufReader::new(MultiGzDecoder::new(BufReader::new(file))));
            Self { path, reader, left: unpacked_limit(len) }
        } else {
            Self { path, reader: Box::new(BufReader::new(file)), left: len }
        })
    }

    /// The next `len` bytes. Memory grows with what the file has, not with what its header claims.
    pub(super) fn bytes(&mut self, len: u64, what: &str) -> Result<Vec<u8>, DataError> {
        let mut bytes = Vec::new();
        let most = len.min(self.left);
        self.reader.by_ref().take(most).read_to_end(&mut bytes).map_err(|e| self.broken(&e))?;
        self.left -= bytes.len() as u64;
        if (bytes.len() as u64) < len {
            if self.left == 0 && self.reader.read(&mut [0]).is_ok_and(|read| read > 0) {
                let reason = "unpacks to so much more than it has that it cannot be what it says: unpack it yourself, if you know it";
                return Err(self.error(ErrorKind::TooLarge, reason));
            }
            return Err(self.error(
                ErrorKind::Truncated,
                format!("ends early: {what} need {len} bytes, {} are left", bytes.len()),
            ));
        }
        Ok(bytes)
    }

    /// The next big-endian number of 32 bits.
    pub(super) fn u32_be(&mut self, what: &str) -> Result<u32, DataError> {
        let bytes = self.bytes(4, what)?;
        Ok(bytes.iter().fold(0, |n, &b| n << 8 | u32::from(b)))
    }

    /// Fails if bytes are left.
    pub(super) fn end(&mut self) -> Result<(), DataError> {
        let mut rest = [0];
        match self.reader.read(&mut rest) {
            Ok(0) => Ok(()),
            Ok(_) => Err(self.error(ErrorKind::Corrupt, "has more bytes than its header says")),
            Err(e) => Err(self.broken(&e)),
        }
    }

    pub(super) fn error(&self, kind: ErrorKind, reason: impl Into<String>) -> DataError {
        DataError::at(kind, &self.path, reason)
    }

    fn broken(&self, error: &std::io::Error) -> DataError {
        match error.kind() {
            std::io::ErrorKind::InvalidInput | std::io::ErrorKind::InvalidData => {
                self.error(ErrorKind::Corrupt, format!("is a corrupt gzip file: {error}"))
            }
            std::io::ErrorKind::UnexpectedEof => self.error(ErrorKind::Truncated, "is a truncated gzip file"),
            _ => DataError::io(&self.path, error),
        }
    }
}

/// Most bytes of a file of class names.
const MAX_NAMES: u64 = 1 << 20;

/// The lines of a small text file that are not empty; `None` if there is no such file.
pub(super) fn names(path: &Path) -> Result<Option<Vec<String>>, DataError> {
    let (file, len) = match open_regular(path) {
        Ok(opened) => opened,
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(e),
    };
    if len > MAX_NAMES {
        let reason = format!("has {len} bytes: the names of classes have {MAX_NAMES} at most");
        return Err(DataError::at(ErrorKind::TooLarge, path, reason));
    }
    let mut text = String::new();
    file.take(MAX_NAMES).read_to_string(&mut text).map_err(|e| match e.kind() {
        std::io::ErrorKind::InvalidData => DataError::at(ErrorKind::Corrupt, path, "is not UTF-8 text"),
        _ => DataError::io(path, &e),
    })?;
    Ok(Some(lines(&text)))
}

/// The lines of a text that are not empty.
pub(super) fn lines(text: &str) -> Vec<String> {
    text.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect()
}

/// What a folder holds, sorted by name, without hidden entries and the files that systems leave behind.
pub(super) fn entries(folder: &Path) -> Result<Vec<PathBuf>, DataError> {
    let io = |e: &_| DataError::io(folder, e);
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).map_err(|e| io(&e))? {
        let entry = entry.map_err(|e| io(&e))?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let left_behind = ["Thumbs.db", "desktop.ini", "__MACOSX"];
        if !name.starts_with('.') && !left_behind.contains(&&*name) {
            paths.push(entry.path());
        }
    }
    paths.sort();
    Ok(paths)
}

/// A path's last part, as text.
pub(super) fn file_name(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

/// The files whose names end so in a folder, or in one for each split below it (`folder/train`, `folder/data`), each with the
/// split that its folder or a word of its name says: `train-0001.tar`, `imagenet-val-3.tar`; all others train. A path that is such
/// a file stands for itself.
pub(super) fn of_splits(path: &Path, ending: &str) -> Vec<(Part, PathBuf)> {
    let ends_so = |path: &PathBuf| {
        path.extension().is_some_and(|end| end.eq_ignore_ascii_case(ending)) && path.is_file()
    };
    if ends_so(&path.to_path_buf()) {
        return vec![(Part::Train, path.to_path_buf())];
    }
    let mut found = Vec::new();
    for path in entries(path).unwrap_or_default() {
        let is_data = file_name(&path) == "data";
        if ends_so(&path) {
            found.push((part_of(&file_name(&path)).unwrap_or(Part::Train), path));
        } else if path.is_dir() && (is_data || Part::named(&file_name(&path).to_lowercase()).is_some()) {
            let of_folder = Part::named(&file_name(&path).to_lowercase());
            let inside = entries(&path).unwrap_or_default().into_iter().filter(ends_so);
            found.extend(
                inside.map(|file| {
                    (of_folder.or_else(|| part_of(&file_name(&file))).unwrap_or(Part::Train), file)
                }),
            );
        }
    }
    found
}

/// The split that a word of a file's name says.
pub(super) fn part_of(name: &str) -> Option<Part> {
    name.to_lowercase().split(|c: char| !c.is_alphanumeric()).find_map(Part::named)
}

/// Whether a file is called as image files are. What it holds decides what it is; this only tells which to speak of.
pub(super) fn has_image_name(path: &Path) -> bool {
    let known = ["png", "jpg", "jpeg", "webp", "bmp", "gif", "tif", "tiff"];
    let ending = path.extension().map(|ending| ending.to_string_lossy().to_lowercase());
    ending.is_some_and(|ending| known.contains(&ending.as_str()))
}
