//! What `torch.save` wrote before PyTorch 1.6: pickles of a magic number, a version, facts of the machine, the object and
//! the storages' names, and then each storage: how many values it has, in eight bytes, and their bytes.

use super::checkpoint::{Checkpoint, Place};
use super::error::ImportError;
use super::pickle::{self, Fault, Heap, Pickle, Value, shown};
use super::state_dict;
use std::collections::HashMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;
use std::rc::Rc;

/// The magic number, 0x1950a86a20f9469cfc6c.
const MAGIC: [u8; 10] = [0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19];
/// The version of the format; there was no other.
const VERSION: i64 = 1001;

/// Opens a file of `length` bytes that begins with a pickle.
pub(super) fn open(path: &Path, mut file: File, length: u64) -> Result<Checkpoint, ImportError> {
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(0))
        .and_then(|_| Read::by_ref(&mut file).take(pickle::MAX_PICKLE).read_to_end(&mut bytes))
        .map_err(ImportError::io(path))?;
    let mut pickles = Pickles { path, bytes: &bytes, at: 0 };
    pickles.header()?;
    let Pickle { heap, root, .. } = pickles.next()?;
    let keys = pickles.next()?;
    let sizes = value_sizes(path, &heap)?;
    let places = places(path, &mut file, (pickles.at as u64, length), &keys, &sizes)?;
    let tensors = state_dict::find(&heap, &root).map_err(|reason| ImportError::invalid(path, reason))?;
    Checkpoint::new(path, (file, length), tensors, places)
}

/// Pickles one after another.
struct Pickles<'a> {
    path: &'a Path,
    bytes: &'a [u8],
    at: usize,
}

impl Pickles<'_> {
    fn next(&mut self) -> Result<Pickle, ImportError> {
        let pickle = pickle::run(&self.bytes[self.at..]).map_err(ImportError::pickle(self.path))?;
        self.at += pickle.length;
        Ok(pickle)
    }

    /// Magic number, version and facts of the machine.
    fn header(&mut self) -> Result<(), ImportError> {
        let invalid = |reason: &str| Err(ImportError::invalid(self.path, reason));
        // The first is short: what is no pickle need not be gone through, nor a pickle of other things.
        let start = &self.bytes[..self.bytes.len().min(64)];
        let magic =
            pickle::run(start).ok().filter(|pickle| matches!(&pickle.root, Value::BigInt(n) if **n == MAGIC));
        let Some(magic) = magic else {
            return invalid(
                "is a Python pickle, but none that torch.save wrote: in PyTorch, torch.save(model.state_dict(), FILE)",
            );
        };
        self.at = magic.length;
        if self.next()?.root != Value::Int(VERSION) {
            return invalid("is of another version of PyTorch's old format than 1001, the only one known");
        }
        let Pickle { heap, root, .. } = self.next()?;
        let pairs = heap.pairs(&root).unwrap_or_default();
        let order = pairs.iter().find(|(key, _)| key.as_text().is_some_and(|key| &**key == "little_endian"));
        if order.is_some_and(|(_, little)| *little == Value::Bool(false)) {
            return invalid(
                "is big-endian, but little-endian is needed: load and save it on another machine",
            );
        }
        Ok(())
    }
}

/// Bytes of one value of each storage that the object names.
fn value_sizes(path: &Path, heap: &Heap) -> Result<HashMap<Rc<str>, u64>, ImportError> {
    let mut sizes = HashMap::new();
    for storage in heap.storages() {
        let size = storage.element.map_or(1, |element| element.size());
        if sizes.insert(Rc::clone(&storage.key), size).is_some_and(|before| before != size) {
            let reason = format!("uses storage {} for values of different sizes", shown(&storage.key));
            return Err(ImportError::invalid(path, reason));
        }
    }
    Ok(sizes)
}

/// Where each storage's bytes lie, in the order of `keys`, from the first of `extent` up to the other.
fn places(
    path: &Path,
    file: &mut File,
    (mut at, end): (u64, u64),
    keys: &Pickle,
    sizes: &HashMap<Rc<str>, u64>,
) -> Result<HashMap<Rc<str>, Place>, ImportError> {
    let broken = |reason: String| ImportError::pickle(path)(Fault::Broken(reason));
    let names = keys.heap.items(&keys.root).ok_or_else(|| broken("lists no storages".into()))?;
    let mut places = HashMap::new();
    for name in names {
        let known = name.as_text().and_then(|key| Some((key, *sizes.get(key)?)));
        let (key, size) = known.ok_or_else(|| broken("lists a storage that no tensor has".into()))?;
        let mut count = [0; 8];
        file.seek(SeekFrom::Start(at)).and_then(|_| file.read_exact(&mut count)).map_err(|_| {
            ImportError::invalid(path, format!("is cut short: it ends before storage {}", shown(key)))
        })?;
        let length = u64::from_le_bytes(count).checked_mul(size);
        let start = at + 8;
        let Some((length, after)) = length.and_then(|length| Some((length, start.checked_add(length)?)))
        else {
            return Err(ImportError::invalid(path, format!("storage {} has no length", shown(key))));
        };
        if after > end {
            let reason = format!(
                "is cut short: storage {} has {length} bytes, of which {} are there",
                shown(key),
                end.saturating_sub(start)
            );
            return Err(ImportError::invalid(path, reason));
        }
        places.insert(Rc::clone(key), Place { start, length, crc: None });
        at = after;
    }
    Ok(places)
}
