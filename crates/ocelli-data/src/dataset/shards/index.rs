//! The samples of one shard.

use serde::{Deserialize, Serialize};

use super::Ranges;
use super::entries::{Entries, Entry};
use crate::decode::{self, Header, Limits};
use crate::{DataError, ErrorKind, Problem};

/// Most bytes of an entry with a label, which may say much else.
const MAX_LABEL: u64 = 1 << 20;
/// Most bytes of the label itself.
const MAX_NAME: usize = 4096;
/// Most samples of a shard whose problems are told one by one.
const MOST_TOLD: usize = 1000;

/// Bytes from an image's start that usually hold its header, and that nearly always do.
const HEADS: [u64; 2] = [4 << 10, 64 << 10];

/// What a shard holds.
#[derive(Default, Serialize, Deserialize)]
pub(super) struct Shard {
    pub(super) samples: Vec<Found>,
    pub(super) problems: Vec<Problem>,
}

/// An image with its label.
#[derive(Serialize, Deserialize)]
pub(super) struct Found {
    pub(super) key: Box<str>,
    pub(super) label: String,
    pub(super) offset: u64,
    pub(super) len: u64,
    /// `None` if the image cannot be used, which is told as a problem.
    pub(super) header: Option<Header>,
}

/// The entries of one sample.
#[derive(Default)]
struct Group {
    key: String,
    image: Option<(String, u64, u64)>,
    label: Option<String>,
}

/// Reads a shard's headers and labels, and the headers of its images. What is wrong with it is told; what came before that counts.
///
/// # Errors
/// If the shard is out of reach: then nothing can be said of it.
pub(super) fn read_shard(shard: &dyn Ranges, limits: &Limits) -> Result<Shard, DataError> {
    let mut found = Shard::default();
    let mut group = Group::default();
    for entry in Entries::of(shard) {
        let entry = match entry {
            Ok(entry) => entry,
            Err(error) => {
                found.tell(error)?;
                break;
            }
        };
        let Some((key, ending)) = split(&entry.name) else { continue };
        if key != group.key {
            found.close(shard, std::mem::take(&mut group), limits)?;
            group.key = key.to_owned();
        }
        if let Err(error) = group.add(shard, &entry, ending, limits) {
            found.tell(error)?;
        }
    }
    found.close(shard, group, limits)?;
    if found.samples.is_empty() && found.problems.is_empty() {
        let reason = "holds no image: entries such as 0001.jpg and 0001.cls are needed";
        found.tell(DataError::about(ErrorKind::EmptyFile, shard.name(), reason))?;
    }
    Ok(found)
}

/// A sample's name, up to the first dot after the last slash, and what follows it; `None` of hidden files.
fn split(name: &str) -> Option<(&str, &str)> {
    let file = name.rfind('/').map_or(0, |slash| slash + 1);
    let dot = file + name[file..].find('.')?;
    (dot > file).then(|| (&name[..dot], &name[dot + 1..]))
}

/// Whether a part of a sample is its image: `jpg`, `input.png`.
fn is_image(ending: &str) -> bool {
    let last = ending.rsplit('.').next().unwrap_or_default().to_lowercase();
    ["png", "jpg", "jpeg", "webp", "bmp", "gif", "tif", "tiff"].contains(&last.as_str())
}

impl Group {
    fn add(
        &mut self,
        shard: &dyn Ranges,
        entry: &Entry,
        ending: &str,
        limits: &Limits,
    ) -> Result<(), DataError> {
        let wrong = |kind, reason: String| {
            Err(DataError::about(kind, format!("{}/{}", shard.name(), entry.name), reason))
        };
        if is_image(ending) {
            if entry.len > limits.max_file_bytes {
                let reason =
                    format!("{} bytes are more than the limit of {}", entry.len, limits.max_file_bytes);
                return wrong(ErrorKind::TooLarge, reason);
            }
            self.image.get_or_insert_with(|| (entry.name.clone(), entry.offset, entry.len));
            return Ok(());
        }
        let ending = ending.to_lowercase();
        if self.label.is_some() || !matches!(ending.as_str(), "cls" | "json") {
            return Ok(());
        }
        if entry.len > MAX_LABEL {
            return wrong(
                ErrorKind::TooLarge,
                format!("a label of {} bytes: {MAX_LABEL} are the most", entry.len),
            );
        }
        let bytes = shard.read(entry.offset, entry.len as usize)?;
        let label = if ending == "cls" { of_text(&bytes) } else { of_json(&bytes) };
        match label {
            Ok(Some(label)) if label.len() > MAX_NAME => wrong(
                ErrorKind::TooLarge,
                format!("a label of {} bytes: {MAX_NAME} are the most", label.len()),
            ),
            Ok(label) => {
                self.label = label;
                Ok(())
            }
            Err(reason) => wrong(ErrorKind::Corrupt, reason),
        }
    }
}

impl Shard {
    fn tell(&mut self, error: DataError) -> Result<(), DataError> {
        if error.kind() == ErrorKind::Unavailable {
            return Err(error);
        }
        if self.problems.len() < MOST_TOLD {
            self.problems.push(error.into());
        }
        Ok(())
    }

    /// Takes up a sample of which all entries are known.
    fn close(&mut self, shard: &dyn Ranges, group: Group, limits: &Limits) -> Result<(), DataError> {
        match group {
            Group { key, image: Some((_, offset, len)), label: Some(label) } => {
                let header = header(shard, &key, offset, len, limits);
                let header = header.map(Some).or_else(|error| self.tell(error).map(|()| None))?;
                self.samples.push(Found { key: key.into(), label, offset, len, header });
            }
            Group { image: Some((name, ..)), label: None, .. } => {
                let reason =
                    "has no label: an entry of the same name that ends in .cls or .json is needed beside it";
                self.tell(DataError::about(
                    ErrorKind::Unlabelled,
                    format!("{}/{name}", shard.name()),
                    reason,
                ))?;
            }
            Group { image: None, .. } => {}
        }
        Ok(())
    }
}

/// The header of an image, from as little of it as will do.
fn header(
    shard: &dyn Ranges,
    key: &str,
    offset: u64,
    len: u64,
    limits: &Limits,
) -> Result<Header, DataError> {
    let name = format!("{}/{key}", shard.name());
    let mut last = None;
    for head in HEADS.into_iter().filter(|&head| head < len).chain([len]) {
        let head = shard.read(offset, head as usize)?;
        match decode::header_of(&head, &name, limits) {
            Ok(header) => return Ok(header),
            Err(error) => last = Some(error),
        }
    }
    Err(last.unwrap_or_else(|| DataError::about(ErrorKind::EmptyFile, name, "is empty (0 bytes)")))
}

fn of_text(bytes: &[u8]) -> Result<Option<String>, String> {
    let text = std::str::from_utf8(bytes).map_err(|_| "is not UTF-8 text".to_owned())?.trim();
    if text.is_empty() { Err("is empty".to_owned()) } else { Ok(Some(text.to_owned())) }
}

/// The label in a JSON object; `None` if it has none, which another entry may have.
fn of_json(bytes: &[u8]) -> Result<Option<String>, String> {
    #[derive(Deserialize)]
    struct About {
        #[serde(alias = "cls", alias = "class")]
        label: Option<Label>,
    }
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Label {
        Name(String),
        Number(u64),
    }
    let about: About =
        serde_json::from_slice(bytes).map_err(|e| format!("is not a JSON object with a label: {e}"))?;
    Ok(about.label.map(|label| match label {
        Label::Name(name) => name,
        Label::Number(number) => number.to_string(),
    }))
}
