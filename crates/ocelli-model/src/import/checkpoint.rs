//! A file of PyTorch's whose pickle has been read: its tensors by name, and where the bytes of each lie.

use super::error::ImportError;
use super::pickle::{TensorView, shown};
use flate2::Crc;
use ocelli_nn::Tensor;
use std::collections::HashMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::rc::Rc;

/// The most bytes that tensors may take in memory for each byte of the file: a boolean of one becomes an integer of eight.
const MEMORY_PER_BYTE: u64 = 8;
/// What they may take however small the file is.
const MEMORY_AT_LEAST: u64 = 1 << 20;

/// Where bytes lie in the file. Whoever makes one has checked that they do.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub(super) start: u64,
    pub(super) length: u64,
    /// The checksum (CRC-32) that they must have, where one is noted.
    pub(super) crc: Option<u32>,
}

impl Place {
    /// Reads the bytes; `what` names them in errors. Allocates their length.
    pub(super) fn read(self, path: &Path, mut file: &File, what: &str) -> Result<Vec<u8>, ImportError> {
        let length = usize::try_from(self.length).map_err(|_| {
            ImportError::invalid(path, format!("its {} is too large for memory", shown(what)))
        })?;
        let mut bytes = vec![0; length];
        file.seek(SeekFrom::Start(self.start))
            .and_then(|_| file.read_exact(&mut bytes))
            .map_err(ImportError::io(path))?;
        if let Some(expected) = self.crc {
            let mut found = Crc::new();
            found.update(&bytes);
            if found.sum() != expected {
                let reason = format!(
                    "is damaged: its {} has the checksum {:08x}, but {expected:08x} is noted",
                    shown(what),
                    found.sum()
                );
                return Err(ImportError::invalid(path, reason));
            }
        }
        Ok(bytes)
    }
}

/// Named views of storages, and where the storages lie.
pub(super) struct Checkpoint {
    path: PathBuf,
    file: File,
    tensors: Vec<(String, TensorView)>,
    places: HashMap<Rc<str>, Place>,
}

impl Checkpoint {
    /// Puts one together, of a file of `length` bytes.
    ///
    /// # Errors
    /// A tensor reaches beyond its storage as it lies in the file, or they would take far more memory than the file has.
    pub(super) fn new(
        path: &Path,
        (file, length): (File, u64),
        tensors: Vec<(String, TensorView)>,
        places: HashMap<Rc<str>, Place>,
    ) -> Result<Self, ImportError> {
        let invalid = |reason| Err(ImportError::invalid(path, reason));
        let mut memory = 0_u64;
        for (name, view) in &tensors {
            let name = shown(name);
            let Some(place) = places.get(&view.key) else {
                return invalid(format!("lacks the storage {} of {name}", shown(&view.key)));
            };
            let needed =
                view.strided.reach().and_then(|reach| (reach as u64).checked_mul(view.element.size()));
            if needed.is_none_or(|needed| needed > place.length) {
                let key = shown(&view.key);
                return invalid(format!(
                    "is cut short: {name} reaches beyond the {} bytes of storage {key}",
                    place.length
                ));
            }
            let bytes = (view.strided.elements() as u64).saturating_mul(view.element.size_read());
            memory = memory.saturating_add(bytes);
        }
        if memory > length.saturating_mul(MEMORY_PER_BYTE).max(MEMORY_AT_LEAST) {
            return invalid(format!(
                "its tensors would take {memory} bytes of memory, but the file has only {length}: \
                 they repeat the same values; save a .clone() of each"
            ));
        }
        Ok(Self { path: path.to_path_buf(), file, tensors, places })
    }

    /// Names and views, in the order of the `state_dict`.
    pub(super) fn tensors(&self) -> &[(String, TensorView)] {
        &self.tensors
    }

    /// Reads all tensors, in order. Each storage is read once, however many tensors it has.
    pub(super) fn read(&self) -> Result<Vec<Tensor>, ImportError> {
        let mut of_storage: HashMap<&str, Vec<usize>> = HashMap::new();
        for (index, (_, view)) in self.tensors.iter().enumerate() {
            of_storage.entry(&view.key).or_default().push(index);
        }
        let mut read: Vec<Option<Tensor>> = vec![None; self.tensors.len()];
        for (_, first) in &self.tensors {
            let Some(indices) = of_storage.remove(&*first.key) else { continue };
            let bytes =
                self.places[&first.key].read(&self.path, &self.file, &format!("storage {}", first.key))?;
            for index in indices {
                let view = &self.tensors[index].1;
                let data = view.element.decode(&bytes, &view.strided);
                read[index] = Some(Tensor { shape: view.strided.shape().to_vec(), data });
            }
        }
        Ok(read.into_iter().flatten().collect())
    }
}
