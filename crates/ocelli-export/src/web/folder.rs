//! The folder: whole or not at all, and never in place of what is not ours.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::{ABOUT, ASSETS};
use crate::ExportError;

/// Where scripts lie that carry bytes.
pub(super) const PARTS: &str = "parts";

/// Whether a folder can be written to: it is not there, empty, or an earlier export that nothing was added to.
///
/// # Errors
/// It is there and has something else in it, is a file, or cannot be read.
pub fn claim(folder: &Path) -> Result<(), ExportError> {
    let names = match names(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => {
            return Err(ExportError::Taken { folder: folder.to_owned(), found: folder.to_owned() });
        }
        names => names.map_err(|error| failed(folder, "read", error))?,
    };
    match names.into_iter().find(|name| !is_ours(name)) {
        Some(found) => Err(ExportError::Taken { folder: folder.to_owned(), found }),
        None => Ok(()),
    }
}

/// Everything in a folder and in its parts, by paths within it.
fn names(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let listed = |below: &str| -> io::Result<Vec<PathBuf>> {
        fs::read_dir(folder.join(below))?.map(|entry| Ok(Path::new(below).join(entry?.file_name()))).collect()
    };
    let mut names = listed("")?;
    if let Some(at) = names.iter().position(|name| name == Path::new(PARTS) && folder.join(name).is_dir()) {
        names.swap_remove(at);
        names.extend(listed(PARTS)?);
    }
    Ok(names)
}

fn is_ours(name: &Path) -> bool {
    match name.strip_prefix(PARTS) {
        Ok(part) => part.extension().is_some_and(|extension| extension == "js"),
        Err(_) => name == Path::new(ABOUT) || ASSETS.iter().any(|(asset, _)| name == Path::new(asset)),
    }
}

/// A folder on its way, under another name beside its place.
pub(super) struct Draft {
    place: PathBuf,
    /// Removed where it is not finished.
    draft: tempfile::TempDir,
    bytes: u64,
}

impl Draft {
    pub(super) fn beside(place: &Path) -> Result<Self, ExportError> {
        let place = std::path::absolute(place).map_err(|error| failed(place, "written", error))?;
        let parent = place.parent().unwrap_or(&place);
        let made = fs::create_dir_all(parent).and_then(|()| {
            let name = place.file_name().unwrap_or_default().to_string_lossy();
            let draft =
                tempfile::Builder::new().prefix(&format!(".{name}.")).suffix(".tmp").tempdir_in(parent)?;
            fs::create_dir_all(draft.path().join("new").join(PARTS))?;
            Ok(draft)
        });
        let draft = made.map_err(|error| failed(&place, "written", error))?;
        Ok(Self { place, draft, bytes: 0 })
    }

    pub(super) fn file(&mut self, name: &str, text: &str) -> Result<(), ExportError> {
        self.bytes += text.len() as u64;
        let path = self.draft.path().join("new").join(name);
        fs::write(path, text).map_err(|error| failed(&self.place.join(name), "written", error))
    }

    /// Gives the folder its name; what had it goes. Gives how many bytes it has.
    pub(super) fn finish(self) -> Result<u64, ExportError> {
        let (old, new) = (self.draft.path().join("old"), self.draft.path().join("new"));
        let moved = match fs::rename(&self.place, &old) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => fs::rename(&new, &self.place).inspect_err(|_| {
                // What was there is there again; if not even that can be, the first failure is the one to tell.
                let _ = fs::rename(&old, &self.place);
            }),
        };
        moved.map_err(|error| failed(&self.place, "written", error))?;
        Ok(self.bytes)
    }
}

fn failed(path: &Path, doing: &'static str, source: io::Error) -> ExportError {
    ExportError::Io { path: path.to_owned(), doing, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(place: &Path, text: &str) -> u64 {
        let mut draft = Draft::beside(place).expect("a draft");
        draft.file("index.html", text).expect("a file");
        draft.file("parts/model-0.js", text).expect("a part");
        draft.finish().expect("a folder")
    }

    #[test]
    fn an_earlier_export_is_replaced_and_nothing_is_left_beside() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let place = folder.path().join("below/page");
        assert_eq!(written(&place, "one"), 6);
        claim(&place).expect("our own");
        written(&place, "two");
        assert_eq!(fs::read_to_string(place.join("index.html")).expect("a file"), "two");
        assert_eq!(fs::read_dir(place.parent().expect("a folder")).expect("a folder").count(), 1);
    }

    #[test]
    fn a_draft_that_is_not_finished_changes_nothing() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let place = folder.path().join("page");
        written(&place, "one");
        let mut draft = Draft::beside(&place).expect("a draft");
        draft.file("index.html", "two").expect("a file");
        drop(draft);
        assert_eq!(fs::read_to_string(place.join("index.html")).expect("a file"), "one");
        assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 1);
    }

    #[test]
    fn what_others_made_is_not_touched() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        claim(&folder.path().join("absent")).expect("nothing there");
        claim(folder.path()).expect("empty");
        for foreign in ["photo.jpg", "parts/photo.jpg", "parts/below/model-0.js"] {
            let place = folder.path().join(foreign.replace('/', "-"));
            written(&place, "one");
            fs::create_dir_all(place.join(foreign).parent().expect("a folder")).expect("a folder");
            fs::write(place.join(foreign), "mine").expect("a file");
            let error = claim(&place).expect_err("somebody's file").to_string();
            assert!(error.contains("is not of an earlier export"), "{error}");
        }
        let file = folder.path().join("file");
        fs::write(&file, "mine").expect("a file");
        assert!(matches!(claim(&file), Err(ExportError::Taken { .. })));
    }
}
