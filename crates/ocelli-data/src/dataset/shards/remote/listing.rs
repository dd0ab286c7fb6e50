//! The shards below a prefix, and the names of classes beside shards.

use std::time::Duration;

use futures_util::{StreamExt, TryStreamExt};
use object_store::GetOptions;
use object_store::path::Path;

use super::failure::Failed;
use super::stores::Place;
use crate::dataset::files::part_of;
use crate::dataset::splits::Part;
use crate::{DataError, ErrorKind};

/// Most objects that are looked through.
const MOST_OBJECTS: usize = 1_000_000;
/// Most bytes of the names of objects.
const MOST_BYTES: usize = 256 << 20;
/// How long listing may take: pages of a list may be empty, and never end.
const LONGEST: Duration = Duration::from_secs(600);
/// What helps where listing does not.
const NAME_THEM: &str = "name the shards, as in …/train-{0000..0009}.tar";
/// Most bytes of a list of classes.
const MOST_NAMES: usize = 1 << 20;

/// Whether a name ends as those of tar files do.
pub(super) fn is_shard(name: &str) -> bool {
    name.len() > 4
        && name.is_char_boundary(name.len() - 4)
        && name[name.len() - 4..].eq_ignore_ascii_case(".tar")
}

/// The shards below a prefix, those in it and those in one folder for each split, as [`of_splits`](crate::dataset::files) takes
/// them from a folder, in the order of their names.
///
/// # Errors
/// If the store cannot list, has too much, or there are none.
pub(super) async fn list(prefix: &Place) -> Result<Vec<(Part, Place)>, DataError> {
    let gathered = tokio::time::timeout(LONGEST, gather(prefix)).await;
    let too_long =
        |_| too_much(prefix, &format!("takes more than {} minutes to list", LONGEST.as_secs() / 60));
    let (mut found, seen) = gathered.map_err(too_long)??;
    if found.is_empty() {
        let reason = format!(
            "has no tar files, in itself or in train/, val/, test/ or data/ below it ({seen} objects are there): {NAME_THEM}"
        );
        return Err(DataError::about(ErrorKind::UnknownFormat, &prefix.name, reason));
    }
    found.sort_by(|(_, one), (_, other)| one.parts().cmp(other.parts()));
    let root = prefix.name.trim_end_matches('/');
    let root = root.strip_suffix(prefix.path.as_ref()).unwrap_or(root).trim_end_matches('/');
    let placed = |(part, path): (Part, Path)| {
        let name = format!("{root}/{path}");
        (part, prefix.beside(path, name))
    };
    Ok(found.into_iter().map(placed).collect())
}

/// The shards below a prefix as they are listed, and how many objects are there.
async fn gather(prefix: &Place) -> Result<(Vec<(Part, Path)>, usize), DataError> {
    let mut objects = prefix.store.list(Some(&prefix.path));
    let (mut found, mut seen, mut bytes) = (Vec::new(), 0, 0);
    let cannot = |error: object_store::Error| {
        let failed = Failed::of(&error, prefix.asked()).error;
        let reason = format!("its files cannot be listed: {}; {NAME_THEM}", failed.reason());
        DataError::about(failed.kind(), &prefix.name, reason)
    };
    while let Some(object) = objects.try_next().await.map_err(cannot)? {
        seen += 1;
        bytes += object.location.as_ref().len();
        if seen > MOST_OBJECTS || bytes > MOST_BYTES {
            return Err(too_much(
                prefix,
                &format!("has more than {MOST_OBJECTS} objects, or names too long"),
            ));
        }
        found.extend(of_prefix(&prefix.path, &object.location).map(|part| (part, object.location)));
    }
    Ok((found, seen))
}

fn too_much(prefix: &Place, what: &str) -> DataError {
    DataError::about(ErrorKind::TooLarge, &prefix.name, format!("{what}: {NAME_THEM}"))
}

/// The split of an object below a prefix; `None` if it is no shard of it.
fn of_prefix(prefix: &Path, object: &Path) -> Option<Part> {
    let below: Vec<_> = object.prefix_match(prefix)?.collect();
    if below.iter().any(|part| part.as_ref().starts_with('.')) {
        return None;
    }
    let of_folder = |folder: &str| (folder == "data", Part::named(&folder.to_lowercase()));
    match below.as_slice() {
        [name] if is_shard(name.as_ref()) => Some(part_of(name.as_ref()).unwrap_or(Part::Train)),
        [folder, name] if is_shard(name.as_ref()) => match of_folder(folder.as_ref()) {
            (_, Some(part)) => Some(part),
            (true, None) => Some(part_of(name.as_ref()).unwrap_or(Part::Train)),
            (false, None) => None,
        },
        _ => None,
    }
}

/// The text of a small file; `None` if it is not there, or may not be read: S3 says the same of both to those who may not list.
pub(super) async fn text(place: &Place) -> Result<Option<String>, DataError> {
    let answer = match place.store.get_opts(&place.path, GetOptions::default()).await {
        Ok(answer) => answer,
        Err(
            object_store::Error::NotFound { .. }
            | object_store::Error::PermissionDenied { .. }
            | object_store::Error::Unauthenticated { .. },
        ) => return Ok(None),
        Err(error) => return Err(Failed::of(&error, place.asked()).error),
    };
    let mut bytes = Vec::new();
    let mut stream = answer.into_stream();
    while let Some(chunk) = stream.next().await {
        bytes.extend_from_slice(&chunk.map_err(|error| Failed::of(&error, place.asked()).error)?);
        if bytes.len() > MOST_NAMES {
            let reason = format!("has more than the {MOST_NAMES} bytes that a list of classes may have");
            return Err(DataError::about(ErrorKind::TooLarge, &place.name, reason));
        }
    }
    let not_text = |_| DataError::about(ErrorKind::Corrupt, &place.name, "is not UTF-8 text");
    String::from_utf8(bytes).map(Some).map_err(not_text)
}
