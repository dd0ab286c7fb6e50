//! What `torch.save` writes since PyTorch 1.6: a zip archive with a pickle and each storage as an entry.
//!
//! All entries are in one folder, whose name does not matter: `data.pkl` is the pickle, `data/<key>` the bytes of a
//! storage, and `byteorder` says "little" or "big".

use super::checkpoint::{Checkpoint, Place};
use super::error::ImportError;
use super::pickle::{self, shown};
use super::{state_dict, zip};
use std::collections::HashMap;
use std::fs::File;
use std::path::Path;
use std::rc::Rc;

const PICKLE: &str = "data.pkl";
/// What a file that `torch.jit.save` wrote has besides, or as well.
const SCRIPT: [&str; 2] = ["constants.pkl", "code/"];

/// Opens an archive of `length` bytes: reads its list of entries and its pickle.
pub(super) fn open(path: &Path, file: File, length: u64) -> Result<Checkpoint, ImportError> {
    let mut archive = Archive::open(path, file, length)?;
    archive.check_byte_order()?;
    let bytes = archive.pickle()?;
    let pickle = pickle::run(&bytes).map_err(ImportError::pickle(path))?;
    let tensors =
        state_dict::find(&pickle.heap, &pickle.root).map_err(|reason| ImportError::invalid(path, reason))?;
    let mut places = HashMap::new();
    for (_, view) in &tensors {
        if !places.contains_key(&view.key)
            && let Some(place) = archive.place(&format!("data/{}", view.key))?
        {
            places.insert(Rc::clone(&view.key), place);
        }
    }
    Checkpoint::new(path, (archive.file, length), tensors, places)
}

struct Archive<'a> {
    path: &'a Path,
    file: File,
    length: u64,
    entries: HashMap<String, zip::Entry>,
    folder: String,
}

impl<'a> Archive<'a> {
    fn open(path: &'a Path, mut file: File, length: u64) -> Result<Self, ImportError> {
        let entries = zip::entries(&mut file, length).map_err(ImportError::zip(path))?;
        let folder = entries.iter().find_map(|entry| entry.name.strip_suffix(PICKLE));
        let Some(folder) = folder.filter(|folder| folder.is_empty() || folder.ends_with('/')) else {
            let reason = "is a zip archive, but none that torch.save wrote: it has no data.pkl";
            return Err(ImportError::invalid(path, reason));
        };
        let folder = folder.to_string();
        let inner = |entry: &zip::Entry| {
            entry
                .name
                .strip_prefix(&folder)
                .is_some_and(|name| SCRIPT.iter().any(|script| name.starts_with(script)))
        };
        if entries.iter().any(inner) {
            let reason = "is a TorchScript archive, a program rather than weights: in PyTorch, \
                          torch.save(torch.jit.load(FILE).state_dict(), \"weights.pth\") writes its weights";
            return Err(ImportError::invalid(path, reason));
        }
        let entries = entries.into_iter().map(|entry| (entry.name.clone(), entry)).collect();
        Ok(Archive { path, file, length, entries, folder })
    }

    /// Where an entry of the folder lies, if there is one.
    fn place(&mut self, name: &str) -> Result<Option<Place>, ImportError> {
        let Some(entry) = self.entries.get(&format!("{}{name}", self.folder)) else { return Ok(None) };
        let start = zip::start(&mut self.file, self.length, entry).map_err(ImportError::zip(self.path))?;
        Ok(Some(Place { start, length: entry.size, crc: Some(entry.crc) }))
    }

    fn check_byte_order(&mut self) -> Result<(), ImportError> {
        // Files of PyTorch before 2.1 do not say: they are little-endian on every machine that matters.
        let Some(place) = self.place("byteorder")?.filter(|place| place.length <= 16) else { return Ok(()) };
        let order = place.read(self.path, &self.file, "byteorder")?;
        if order == b"little" {
            return Ok(());
        }
        let order = shown(&String::from_utf8_lossy(&order));
        let reason =
            format!("is {order}-endian, but little-endian is needed: load and save it on another machine");
        Err(ImportError::invalid(self.path, reason))
    }

    fn pickle(&mut self) -> Result<Vec<u8>, ImportError> {
        let place = self.place(PICKLE)?.ok_or_else(|| ImportError::invalid(self.path, "has no data.pkl"))?;
        if place.length > pickle::MAX_PICKLE {
            let reason =
                format!("its pickle has {} bytes, but at most {} are read", place.length, pickle::MAX_PICKLE);
            return Err(ImportError::invalid(self.path, reason));
        }
        place.read(self.path, &self.file, PICKLE)
    }
}
